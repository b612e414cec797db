//! HTTP/1.1, the server's side, as bytes in and bytes out (RFC 9110, RFC 9112).
//!
//! [`parse`] turns the start of a client's bytes into a [`Request`], [`Body`] reads past what
//! follows it, and [`Response::write`] appends an answer to the bytes that leave. Each is handed
//! all bytes not yet consumed; too few are no error, and never a reason to wait inside.
//!
//! Invariants, for bytes `p` that are the start of bytes `s`:
//! - `parse(p)` refused or complete implies `parse(s) == parse(p)`: how the network cuts the
//!   bytes changes neither an answer nor a refusal, and more bytes never heal a refusal.
//! - What is consumed is at most what was handed in, and never a byte of the next request.
//! - Line ends are CRLF. A lone CR or LF is refused wherever it stands: servers that disagree on
//!   where a line ends are what request smuggling lives on (RFC 9112, section 11.2).
//!
//! It knows no socket, clock, route or counter, and of a field's value only what frames a request
//! or its connection; the others are [`Fields`], for those who look for one.

mod body;
mod chunk_line;
mod field_lines;
mod fields;
mod head;
mod refusal;
mod response;
mod target;

pub use body::{Body, BodyRead};
pub use field_lines::Fields;
pub use fields::KEY_FIELD;
pub use head::{Framing, Method, Request, is_head, parse};
pub use refusal::Refusal;
pub use response::{CONTINUE, ContentType, Date, Persistence, Response, Status};

#[cfg(test)]
mod tests;
