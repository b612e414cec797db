//! headcount: a bounded counter behind HTTP.
//!
//! A request takes the next number, 1 to a limit, and after that every request is sent away:
//! across any number of threads, processes and hosts, never past the limit and never the same
//! number twice.
//!
//! # The way of a request
//!
//! 1. The kernel says that a socket is readable. [`net`] reads it once and hands the bytes to the
//!    [`engine`], which hands them to the client that the [`token`] names.
//! 2. The client parses ([`http`]) and routes ([`api`]). What needs no store is answered at once; a
//!    take joins the [`engine::batcher`].
//! 3. After **all** events of the wake, everyone who waits is put into **one batch**, which is
//!    **one request** to the [`store`]. That is the coalescing: under load a wake finds many, idle
//!    it finds one. Nothing waits for a batch to fill, but for a millisecond in which those who
//!    were just answered, or half of them, may send their next request. While a halt is cached,
//!    the store is not called at all.
//! 4. The reply is a grant ([`counter`]): so many numbers from `first` on. Each waiter gets its
//!    own, in order; past the last number they are sent away. What is granted for a client who
//!    left is [`engine::unclaimed`], and goes to the next with the next reply.
//! 5. Each touched client is sent all its answers in one write, and the reactor waits again.
//!
//! # Invariants
//!
//! - Reactors share [`engine::shared`], what they have seen of the counter
//!   ([`store::high_water`]), with `memory:` one atomic, and the log.
//! - What thinks is sans-IO: bytes and values in, bytes and values out, `now` passed in. Only
//!   [`net`] and [`server`] know mio and sockets; beside these only [`logging`] reads a clock.
//! - A store request runs in one epoch of the counter. One that may have run is sent again under
//!   its number, in that epoch, and only while the store remembers its answers.
//! - A store that holds less of the counter than this process has seen grants it nothing, and
//!   nobody else once this process has asked.
//! - A grant for a client who left never reaches the next owner of its slot.
//! - Every buffer, list and wait has a bound: in [`limits`], or, if it is a parser's or a script's,
//!   beside its use.
//!
//! # The map, in reading order
//!
//! - [`server`]: the threads, the signals, the limit of open files; `server/commands.rs` resets a
//!   counter. [`config`]: flags and environment, parsed once into final values. [`logging`]: JSON
//!   lines on stdout.
//! - [`net`]: the event loop, the listener, the clients' sockets and the store's.
//! - [`engine`]: a reactor's sans-IO core: its clients, the batcher, the unclaimed numbers and the
//!   store. `engine/client.rs` is the state machine of one HTTP connection.
//! - [`api`]: which request does what, and what is answered. [`http`]: requests and answers as
//!   bytes.
//! - [`store`]: `memory`, or a `connection` that speaks `redis`, with the scripts `redis/*.lua`, or
//!   `postgres`, with the statements `postgres/*.sql`.
//! - Leaves, which may be used by all: [`counter`] is the rule, [`token`] names a client,
//!   [`send_buffer`] holds what is to be sent, [`limits`] has the bounds.
//!
//! Arrows point down the list: `server -> net -> engine -> api -> http, store`. A test checks them
//! (`tests/it/tidy/arrows.rs`).

pub mod api;
pub mod config;
pub mod counter;
pub mod engine;
pub mod http;
pub mod limits;
pub mod logging;
pub mod net;
pub mod send_buffer;
pub mod server;
pub mod store;
pub mod token;
