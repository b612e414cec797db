//! The bounds of the service, once each, with unit and reason. A parser's own stand with it.
//!
//! What an operator may choose has its default and its range here and its flag in `config`.
//! A leaf: every module may use it, it uses none. Those of the stores are in `limits/store.rs`.

mod store;

use std::time::Duration;

pub use store::*;

// --- the counter -------------------------------------------------------------------------------

/// The limit of the counter unless told otherwise.
pub const LIMIT_DEFAULT: u64 = 100;
/// The largest limit: 2^53 - 1, the last integer that Lua in Redis (a double) and JSON readers
/// (RFC 8259, section 6) count to without a gap.
pub const LIMIT_MAX: u64 = (1 << 53) - 1;
/// Bytes in a counter's name: it is part of a store's key and of log lines.
pub const COUNTER_NAME_BYTES_MAX: usize = 64;
/// Counters of one process: each is confirmed at the store and kept in memory while it runs.
pub const COUNTERS_MAX: usize = 1_000;

// --- pages of other origins --------------------------------------------------------------------

/// Origins that may be allowed: a browser's request is compared with each of them, and the fields
/// for each are kept ready.
pub const ORIGINS_MAX: usize = 100;
/// Bytes of one of them: a host name has 253 at most (RFC 1035, section 2.3.4), and the rest is
/// scheme and port.
pub const ORIGIN_BYTES_MAX: usize = 300;

// --- one request -------------------------------------------------------------------------------

/// Bytes of a request's head, the blank line included; more is answered 431. Behind a request line
/// of 8,000 bytes the fields still have 8 KiB. All of it may wait in memory for its end.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a request's target; more is answered 414. RFC 9112, section 3 wants request lines
/// of at least 8,000 bytes accepted: a target of such a line is shorter, whatever its method.
pub const TARGET_BYTES_MAX: usize = 8_000;
/// Fields of a request's head; more is answered 431. Browsers behind proxies send 20 to 40.
pub const FIELDS_MAX: usize = 64;
/// Bytes of a request's body, which is read past and ignored; more is answered 413.
pub const BODY_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of one chunk's size line with its extensions (RFC 9112, section 7.1.1); more is 400.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;
/// Bytes of a chunked body's trailer section; more is answered 431. It is ignored, and waits where
/// a head waits.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;

// --- one client --------------------------------------------------------------------------------

/// Clients of the whole process unless told otherwise.
pub const CLIENTS_DEFAULT: usize = 16_384;
/// The most clients that can be asked for: past it the kernel's own tables are the bound.
pub const CLIENTS_MAX: usize = 1_000_000;
/// Bytes taken from a client's socket in one read, and so the most that one wake gives to one
/// client before the others have their turn. 8, 16 and 64 KiB made the same with 16 requests in a
/// write (1.15, 1.25 and 1.29 million a second, within the noise).
pub const READ_BYTES_MAX: usize = 16 * 1024;
/// Bytes that `--audit` keeps of one field of a request: a list of some ten addresses.
pub const AUDIT_FIELD_BYTES_MAX: usize = 256;
/// Pipelined requests of one client that may wait for the store at once; the rest stay unparsed.
pub const PIPELINED_MAX: usize = 64;
/// Unsent bytes of answers to one client past which its requests stay unparsed (back-pressure).
pub const OUTBOUND_BYTES_MAX: usize = 16 * 1024;
/// A whole head, and after it a whole body, must arrive within this time.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A kept-alive connection without a request is closed after this time.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A client that takes none of its answers' bytes for this long is closed.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// After the last answer the rest of a client's bytes are read past for this long, so that the
/// answer is not lost to a TCP reset (RFC 9112, section 9.6).
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// And no more of them than this: a client that is refused and sends on for the whole time would
/// have a gigabyte read past on loopback.
pub const DISCARDED_BYTES_MAX: usize = 1024 * 1024;
/// How often the clients' own deadlines are looked at: a deadline may be this late.
pub const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
/// How long a listener rests when the process is out of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The listen queue: a sale opens with a burst, and past the queue the kernel drops a SYN, which
/// costs its client a whole second.
pub const LISTEN_BACKLOG: i32 = 4_096;

// --- the reactors ------------------------------------------------------------------------------

/// The most reactors that can be asked for: each has a thread and, to Redis, a store connection.
pub const THREADS_MAX: usize = 256;
/// A reactor that did not turn for so long is stalled, and `/livez` says so.
pub const LIVE_TURN_AGE_MAX: Duration = Duration::from_secs(5);
/// An idle reactor turns after this time, to show that it can. A busy one notes its turns each
/// [`SWEEP_INTERVAL`].
pub const LIVE_TURN_INTERVAL: Duration = Duration::from_secs(2);
/// Events taken from the kernel in one wake.
pub const EVENTS_MAX: usize = 1_024;
/// Clients accepted in one wake before the others have their turn. With a connection a request and
/// 1,000 at once, 16 made 1.04 times as many a second as 256, and 4,096 0.88 times.
pub const ACCEPTS_MAX: usize = 256;
/// The longest `--drain-delay`, in milliseconds: longer than any balancer takes to see `/readyz`.
pub const DRAIN_DELAY_MS_MAX: u64 = 10 * 60 * 1_000;
/// From the end of the drain delay to the end of the process, whatever its clients do.
pub const DRAIN_TIMEOUT: Duration = Duration::from_millis(4_000);
/// From the end of the drain delay to the last answers: what the store has not replied to by then
/// is answered 503. The rest of [`DRAIN_TIMEOUT`] is for sending them.
pub const DRAIN_ANSWER_TIMEOUT: Duration = Duration::from_millis(3_500);
/// When the process stops, a client that asked or connected so short a time ago is still waited
/// for: it is likely to ask now, and a request that meets the close of its connection is lost.
pub const DRAIN_IDLE_TIMEOUT: Duration = Duration::from_millis(500);
/// How often the clients' deadlines are looked at then.
pub const DRAIN_SWEEP_INTERVAL: Duration = Duration::from_millis(50);
/// How long a listener that lets nobody new begin still waits for those who are connecting: a round
/// trip in a data centre. Who begins meanwhile is dropped by the kernel and tries again after 1 s.
pub const DRAIN_CONNECT_TIMEOUT: Duration = Duration::from_millis(10);
/// How much longer the reactors have to end before they are given up.
pub const DRAIN_GRACE: Duration = Duration::from_millis(200);
/// Descriptors that are kept from clients: of each reactor (its poll, listener, store and what
/// resolving a name takes, and one for each abandoned lookup), and of the process.
pub const DESCRIPTORS_PER_REACTOR: usize = 8 + (LOOKUPS_MAX - 1);
/// See [`DESCRIPTORS_PER_REACTOR`].
pub const DESCRIPTORS_PER_PROCESS: usize = 24;

// --- idempotency keys --------------------------------------------------------------------------

/// Bytes of a key, as clients of other services know it; a UUID has 36.
pub const KEY_BYTES_MAX: usize = 255;
/// Bytes of the name of the field that has the key.
pub const KEY_FIELD_BYTES_MAX: usize = 64;
/// Keys of one request to the store: what a script does with them holds up everybody else.
pub const KEYS_PER_BATCH_MAX: usize = 256;
/// Keys that `memory:` holds of one counter: with keys of 36 bytes some 130 MB.
pub const KEYS_MAX: usize = 1_000_000;
/// Tables that hold them, by the keys' hashes. One that is full moves all it has to a larger one,
/// while everybody waits: with a single table 917,504 keys, for 0.2 to 0.4 s.
pub const KEY_TABLES: usize = 256;
/// Keys of ended sales that one statement removes from PostgreSQL: a take may wait behind it, and
/// each key may lie on a page of its own.
pub const KEYS_REMOVED_AT_ONCE: u64 = 128;
/// Keys of an ended sale that a take in the process drops: more than it can bring, so they come to
/// an end. A million at once would stall everybody for some 100 ms; and the last keys of a page
/// give it back to the system, 10 us each (5.5 ms with 512).
pub const KEYS_DROPPED_AT_ONCE: usize = KEYS_PER_BATCH_MAX + 1;

// --- the admin listener -------------------------------------------------------------------------

/// Bytes of the live page: all of it is a part of the binary, and waits in memory for each client
/// that reads it slowly.
pub const PAGE_BYTES_MAX: usize = 16 * 1024;
/// Its connections at once: a few people and a few monitors.
pub const ADMIN_CLIENTS_MAX: usize = 64;
/// Bytes of the body of a change: two numbers and their names.
pub const ADMIN_BODY_BYTES_MAX: usize = 1_024;
/// A token that is shorter may be guessed (128 bits).
pub const ADMIN_TOKEN_BYTES_MIN: usize = 16;
/// A token fits a field of a request with room left.
pub const ADMIN_TOKEN_BYTES_MAX: usize = 4_096;
/// Changes that wait for the store at once: each takes two or three connections, one after the
/// other.
pub const ADMIN_CHANGES_MAX: usize = 16;

/// Descriptors that the admin listener may take: its own, its clients', and of each change four,
/// for the socket and for waiting on it.
pub const DESCRIPTORS_OF_ADMIN: usize = 1 + ADMIN_CLIENTS_MAX + 4 * ADMIN_CHANGES_MAX;

// --- configuration ------------------------------------------------------------------------------

/// Bytes of a file that a flag names: what is longer is some other file.
pub const CONFIG_FILE_BYTES_MAX: usize = 64 * 1024;
/// A secret that is shorter is weaker than what it signs (RFC 7518, section 3.2).
pub const TICKET_SECRET_BYTES_MIN: usize = 32;
/// Bytes of a ticket's issuer: a name, or a URL.
pub const TICKET_ISSUER_BYTES_MAX: usize = 128;
/// The longest `--ticket-ttl`, in milliseconds: a year of 365 days.
pub const TICKET_TTL_MS_MAX: u64 = 365 * 24 * 3_600 * 1_000;
/// Bytes of a file with certificates or a key: Debian's list of all public authorities has 220 KB.
pub const TLS_FILE_BYTES_MAX: usize = 1024 * 1024;

// --- the log -----------------------------------------------------------------------------------

/// How long the last lines wait for a reader of stdout when the process ends.
pub const LOG_FLUSH_TIMEOUT: Duration = Duration::from_millis(500);
/// The same when it is told to end at once.
pub const LOG_FLUSH_TIMEOUT_AT_ONCE: Duration = Duration::from_millis(50);
/// Bytes of log lines that may wait for a slow reader of stdout, or for room on a full disk; past
/// it lines are dropped.
pub const LOG_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long log lines wait after a failed write, say to a full disk, before they are tried again:
/// four calls to the system a second cost nothing, and nobody waits long once there is room.
pub const LOG_RETRY_PAUSE: Duration = Duration::from_millis(250);

const _: () = assert!(8_000 <= TARGET_BYTES_MAX && TARGET_BYTES_MAX < HEAD_BYTES_MAX);
const _: () = assert!(TRAILER_BYTES_MAX <= HEAD_BYTES_MAX, "a client holds so many unread bytes");
const _: () = assert!(HEAD_BYTES_MAX <= READ_BYTES_MAX);
const _: () = assert!(PIPELINED_MAX <= BATCH_MAX);
const _: () = assert!(KEYS_PER_BATCH_MAX <= BATCH_MAX);
const _: () = assert!(COUNTERS_MAX <= FILE_COUNTERS_MAX);
const _: () = assert!(CONFIG_FILE_BYTES_MAX <= TLS_FILE_BYTES_MAX, "files are read so far");
const _: () = assert!(LIVE_TURN_INTERVAL.as_millis() * 2 < LIVE_TURN_AGE_MAX.as_millis());
const _: () = assert!(
    DRAIN_TIMEOUT.as_millis() + DRAIN_GRACE.as_millis() + LOG_FLUSH_TIMEOUT.as_millis() < 5_000
);
const _: () = assert!(DRAIN_ANSWER_TIMEOUT.as_millis() < DRAIN_TIMEOUT.as_millis());
const _: () = assert!(DRAIN_IDLE_TIMEOUT.as_millis() < DRAIN_ANSWER_TIMEOUT.as_millis());
const _: () = assert!(REPLICAS_TIMEOUT_MAX.as_millis() * 2 <= HANDSHAKE_TIMEOUT.as_millis());
const _: () = assert!(RESEND_AGE_MAX.as_secs() < ANSWER_TTL.as_secs());
const _: () =
    assert!(PIPELINED_MAX * 256 <= OUTBOUND_BYTES_MAX, "a plain answer has under 256 bytes");
