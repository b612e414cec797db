//! SASLprep (RFC 4013) of ASCII, in place of the crate of this name in postgres-protocol's SCRAM:
//! what normalises the rest of Unicode is a tenth of the binary.
//!
//! A password that is refused here is used as it is, by postgres-protocol as by PostgreSQL itself
//! (its manual, "SASL Authentication"). That is the same password, unless it is beyond ASCII and
//! not in the form NFKC, as few keyboards write it: `docs/postgres.md` says so.

use std::borrow::Cow;
use std::fmt;

/// The text is not printable ASCII, and is to be used as it is.
#[derive(Debug)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not printable ASCII")
    }
}

impl std::error::Error for Error {}

/// Printable ASCII, which SASLprep leaves as it is.
///
/// # Errors
/// There is a byte that is none.
pub fn saslprep(text: &str) -> Result<Cow<'_, str>, Error> {
    match text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        true => Ok(Cow::Borrowed(text)),
        false => Err(Error),
    }
}
