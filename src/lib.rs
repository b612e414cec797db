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
//! 2. The client parses ([`http`]) and routes ([`api`]). What needs no store is answered at once,
//!    as is a take that a browser may not make, or whose idempotency key is wrong
//!    ([`api::idempotency`]); another take joins the batcher **of its counter**
//!    ([`engine::counter_state`]). Its client holds the key until it is answered.
//! 3. After **all** events of the wake, each counter that somebody waits for makes **one batch**,
//!    and so **one request** to the [`store`]. That is the coalescing: under load a wake finds
//!    many, idle it finds one. Nothing waits for a batch to fill, but for a millisecond in which
//!    those who were just answered, or half of them, may send their next request. While the halt of
//!    a counter is cached ([`engine::halt_cache`]), takes without a key cost the store nothing. One
//!    with a key may have a number, so the store is asked for it alone.
//!    Reactors that share a connection to PostgreSQL hand their batches to [`store::shared`], which
//!    makes one request of them. With a file they hand them to the one thread that commits
//!    ([`store::file`]): it writes all that has gathered as one record, syncs once, and answers
//!    all.
//! 4. The reply has a number for each key of the batch, or that none is left ([`store::keys`]), and
//!    behind those a grant for the others ([`counter`]): so many numbers from `first` on. Each
//!    waiter gets its own, in order; past the last number they are sent away. What is granted for
//!    a client who left is [`engine::unclaimed`], and goes to the next with the next reply; the
//!    number of a key stays with its key.
//! 5. With `--ticket-secret-file` each number is signed ([`api::ticket`]). Each touched client is
//!    sent all its answers in one write, and the reactor waits again.
//!
//! The first reactor also serves the admin listener, by the same way: the page, the metrics, and
//! what a counter holds. Each change goes to a thread of its own ([`server`]), which asks the
//! store.
//!
//! # Words
//!
//! - A **reactor** is one thread with its event loop and clients, and its store connections or its
//!   way to the one that all share. A **source** is a reactor as a shared connection knows it. A
//!   **wake**, or **turn**, is one pass of its loop; the type `Turn` is what its clients share in
//!   it.
//! - A **link** is a reactor, or all that share a connection, as the store knows it, by a random
//!   id: the answers that the store keeps belong to a link, over all its connections.
//! - An **epoch** is one life of a counter; a reset or a set of the count begins the next one. A
//!   **sale** is the epochs between two resets.
//! - A **key** is an idempotency key: a take with it again gets its number again, as long as the
//!   sale lasts. Such an answer is a **replay**. A **ticket** proves a number to a checkout.
//! - To **confirm** a counter is to make sure, on a new connection, that it is there.
//!
//! # Invariants
//!
//! - Reactors share [`engine::shared`], what was seen of the counters ([`store::counters`]), with
//!   `memory:` the counts, with PostgreSQL the connection, with a file the queue of its commits,
//!   and the log. The lock of the connection, or of the queue, is not held while bytes are read or
//!   written. The reactor with the socket of the connection is the last to stop. Each writes its
//!   own [`metrics`], and the one that is asked reads all.
//! - What thinks is sans-IO: bytes and values in, bytes and values out, `now` passed in. Only
//!   [`net`] and [`server`] know mio and sockets; beside these only [`logging`] reads a clock, and
//!   rustls, for the dates of a certificate. Only `store/file/file_disk.rs` knows the file.
//! - Batches in flight, the cached halt, unclaimed numbers and what was seen belong to one counter:
//!   one that is halted, locked or broken slows, halts or fails no other.
//! - A store request runs in one epoch of its counter. One that may have run is sent again under
//!   its number, in that epoch, and only while the store remembers its answers.
//! - A store that holds less of a counter than this process has seen grants it nothing, and
//!   nobody else once this process has asked.
//! - A key has at most one number in a sale, and a number at most one key. Keys are looked up,
//!   counted and written in one step of the store, before the takes without one. A number that was
//!   granted to a key is never unclaimed, and a replay takes nothing.
//! - A batch that is answered at once, without the store, leaves the batches on their way their own
//!   replies.
//! - A grant for a client who left never reaches the next owner of its slot.
//! - A process that stops answers what was sent to it before the end: a connection is closed after
//!   an answer that says so, or after it was idle for a while and one more read found nothing.
//! - Every buffer, list and wait has a bound: in [`limits`], or, if it is a parser's or a script's,
//!   beside its use.
//!
//! # The map, in reading order
//!
//! - [`server`]: the threads, the signals and the limit of open files; the commands, which
//!   create, set, reset and read counters; and the changes of the admin listener. [`config`]:
//!   flags and environment, parsed once into final values. [`logging`]: JSON lines on stdout.
//! - [`net`]: the event loop, the listeners, the clients' sockets and the store's, and the thread
//!   that commits to a file.
//! - [`engine`]: a reactor's sans-IO core: its clients, its counters and the store.
//!   `engine/client.rs` is the state machine of one HTTP connection.
//! - [`api`]: which request does what, who may take, and what is answered. `api/idempotency.rs`
//!   reads the key of a take, `api/ticket.rs` signs numbers; `api/admin.rs` and `api/page.html` are
//!   those of the admin listener. [`http`]: requests and answers as bytes.
//! - [`store`]: `memory`, or a `connection`, which confirms each counter, sends requests and sends
//!   them again: one a reactor, one that all have `shared`, or `nodes`, one to each node of a Redis
//!   Cluster. Its `transport` is TLS, or nothing; its `wire` speaks `redis`, with the scripts
//!   `redis/*.lua`, or `postgres`, with the statements `postgres/*.sql`. `file` is the journal, and
//!   the queue between it and the reactors; `merger`, `mailboxes` and `linger` are what it has in
//!   common with `shared`.
//! - Leaves, which may be used by all: [`counter`] is the rule, [`token`] names a client,
//!   [`send_buffer`] holds what is to be sent, [`metrics`] has what each reactor counts,
//!   `linger_score` tells whether to wait for more makes better batches, [`limits`] has the bounds.
//!
//! Arrows point down the list: `server -> net -> engine -> api -> http, store`, and `store ->
//! config`. A test checks them (`tests/it/tidy/arrows.rs`).

pub(crate) mod api;
pub mod config;
pub mod counter;
pub mod engine;
pub mod http;
pub mod limits;
mod linger_score;
pub mod logging;
pub mod metrics;
pub(crate) mod net;
pub(crate) mod send_buffer;
pub mod server;
pub mod store;
pub mod token;
