//! headcount: a bounded counter behind HTTP.
//!
//! A request takes the next number, 1 to a limit, and after that every request is sent away:
//! across any number of threads, processes and hosts, never past the limit and never the same
//! number twice.
//!
//! # The way of a request
//!
//! 1. The kernel says that a socket is readable. [`reactor`] reads it once and hands the bytes to
//!    [`service`], which hands them to the [`client`] that the [`token`] names.
//! 2. The client parses ([`http`], [`route`]). What needs no store is answered at once; a take
//!    waits in the [`queue`], and the client counts it.
//! 3. After **all** events of the wake the queue is cut: **one batch** of everyone who waits, and
//!    **one ask** to the [`store`]. That is the coalescing: under load a wake finds many, idle it
//!    finds one. Nothing waits for a batch to fill, but for a millisecond in which those who were
//!    just answered, or half of them, may ask again. Once the store has said that the counter is
//!    halted, its link answers by itself until the store tells of a change, or for 40 ms where it
//!    does not.
//! 4. The reply is a grant ([`counter`]): so many numbers from `first` on. Each waiter gets its
//!    own, in order; past the last number they are sent away ([`answer`]). What is granted for a
//!    client who left is [`unclaimed`], and goes to the next with the next reply.
//! 5. Each touched client is sent all its answers in one write, and the reactor waits again.
//!
//! # Invariants
//!
//! - Reactors share [`service::Shared`], what they have seen of the counter
//!   ([`store::high_water`]) and, with `memory:`, one atomic.
//! - What thinks is sans-IO: bytes and values in, bytes and values out, `now` passed in. Only
//!   [`reactor`], [`socket`] and [`reset`] touch sockets; beside these only [`process`] and
//!   [`logging`] read a clock.
//! - An ask runs in one epoch of the counter. One that may have run is sent again under its number,
//!   in that epoch, and only while the store remembers its answers.
//! - A store that holds less of the counter than this process has seen grants it nothing, and
//!   nobody else once this process has asked.
//! - A grant for a client who left never reaches the next owner of its slot.
//! - Every buffer, list and wait has a bound. They are in [`limits`]; those of a parser or a script
//!   stand beside their use.
//!
//! # The map, in reading order
//!
//! - [`config`]: flags and environment, parsed once into final values. [`logging`]: JSON lines on
//!   stdout. [`process`]: the threads and the signals. [`reset`]: begins a counter anew.
//! - [`reactor`]: the loop, the listener, the clients' sockets and the store's. [`socket`]: bytes
//!   between a socket and a buffer.
//! - [`service`]: a reactor's sans-IO core: its [`clients`], the [`queue`], the [`unclaimed`]
//!   numbers and the store. [`client`]: the state machine of one connection.
//! - [`http`]: requests and answers as bytes. [`route`]: which request does what. [`answer`]: what
//!   is said.
//! - [`store`]: `memory`, or a `link` that speaks `redis`, with the scripts `redis/*.lua`, or
//!   `postgres`, with the statements `postgres/*.sql`.
//! - Leaves, which may be used by all: [`counter`] is the rule, [`token`] names a client,
//!   [`outbound`] holds what is to be sent, [`limits`] has every bound.
//!
//! Arrows point down the list, from `process -> reactor -> service` on, with three exceptions:
//! `store` reads the URLs of `config`, `answer` uses the outcomes of `queue`, and `reset` makes its
//! link with `process`.

// The shell: configuration, log, threads, sockets.
pub mod config;
pub mod logging;
pub mod process;
pub mod reactor;
pub mod reset;
pub mod socket;

// One reactor's mind.
pub mod client;
pub mod clients;
pub mod queue;
pub mod service;
pub mod unclaimed;

// What is said to clients.
pub mod answer;
pub mod http;
pub mod route;

// Where the count lives.
pub mod store;

// Leaves.
pub mod counter;
pub mod limits;
pub mod outbound;
pub mod token;
