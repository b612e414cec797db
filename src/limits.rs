//! The bounds of the service, once each, with unit and reason. A parser's own stand with it.
//!
//! What an operator may choose has its default and its range here and its flag in `config`.
//! A leaf: every module may use it, it uses none.

use std::time::Duration;

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

// --- the store ---------------------------------------------------------------------------------

/// How long a request may wait for the store unless told otherwise, in milliseconds.
pub const STORE_TIMEOUT_MS_DEFAULT: u64 = 500;
/// The range of `--store-timeout`, in milliseconds: a loop has its length, a client its patience.
pub const STORE_TIMEOUT_MS_MIN: u64 = 10;
/// See [`STORE_TIMEOUT_MS_MIN`].
pub const STORE_TIMEOUT_MS_MAX: u64 = 60_000;
/// Numbers requested in one batch: bounds what one request that is given up can cost.
pub const BATCH_MAX: usize = 4_096;
/// Batches on their way at once on one connection to a Redis. One leaves a distant store idle
/// between its replies; beside one, 1 and 2 made the same requests per second within the noise (64
/// clients: 118,700 and 121,000 with 2 reactors, 143,800 both with one); 4 made smaller batches.
pub const BATCHES_IN_FLIGHT_MAX: usize = 2;
/// The same to PostgreSQL: a second one would wait for the first's lock on the row.
pub const POSTGRES_BATCHES_IN_FLIGHT_MAX: usize = 1;
/// Requests in one transaction: they hold their rows until its commit, which others wait for. Where
/// a commit took 4 ms, 64 requests took 8 ms, and so hold nobody up for long.
pub const POSTGRES_TRANSACTION_REQUESTS_MAX: usize = 64;
/// How long a transaction of several counters waits for the row of one.
pub const POSTGRES_LOCK_TIMEOUT_SHARED: Duration = Duration::from_millis(50);
/// How long the next batch may wait for those who were just answered, who as a rule ask again
/// within it; one who is alone waits for nobody. With 64 clients and 2 reactors, each with its own
/// connection: PostgreSQL, waiting for all of them, 31 requests a commit instead of 16, and 1.2
/// times the requests per second; Redis, waiting for half, 20 a call instead of 7, and 1.13 times.
/// With one reactor Redis had 24 a call instead of 17 and the same rate; waiting for all it had
/// 0.75 times.
pub const BATCH_LINGER: Duration = Duration::from_millis(1);
/// Numbers that a reactor gets from one reply on the shared connection, up to which the next
/// request waits for it. With more, what its clients take to ask again is worth a commit meanwhile.
/// With 64 clients and 2, 4 and 8 reactors, waiting for all made 0.9, 1.2 and 1.4 times the
/// requests per second of waiting for nobody; with 256, 0.9, 1.4 and 1.4 times.
pub const SHARED_LINGER_SHARE_MAX: u64 = 64;
/// How long a batch whose request did not run waits before it is sent again: what delayed it may
/// delay it again at once.
pub const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// TTL of the cached halt where the store does not notify of changes: a
/// limit that was raised is to be seen within 50 ms, of which 10 are left for the way.
pub const HALT_CACHE_TTL: Duration = Duration::from_millis(40);
/// A Redis that was silent for so long is probed: whether it is there, and still halted.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long Redis has to answer a probe: with [`HEARTBEAT`], how long the halt that a dead one told
/// of is cached. Nobody waits for it, so it is no shorter where requests have less time.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a store keeps the answer to a request at least, for it to be sent again; and how
/// often Redis is looked through for answers that are older.
pub const ANSWER_TTL: Duration = Duration::from_secs(60);
/// How long after the first time a request may be sent again: the store must still remember its
/// answer, and the clocks of two machines may run at different speeds.
pub const RESEND_AGE_MAX: Duration = Duration::from_secs(50);
/// Counters that are confirmed at once on a new connection; the others wait for their turn.
pub const CONFIRMS_IN_FLIGHT_MAX: usize = 64;
/// How long a counter that was refused is not asked for again: a broken one must not cost the store
/// more than a healthy one.
pub const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// For how long the last write shows whether the store takes writes.
pub const WRITE_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Reads from a store's socket in one wake before the clients have their turn.
pub const STORE_READS_MAX: usize = 4;
/// From the start of connecting to the end of the handshake: two round trips and a slow fork.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(1_000);
/// The range of `connect_timeout` in a PostgreSQL URL, in seconds: it takes the place of
/// [`HANDSHAKE_TIMEOUT`], for a server far away or one that is slow to fork.
pub const CONNECT_TIMEOUT_S_MIN: u64 = 1;
/// See [`CONNECT_TIMEOUT_S_MIN`].
pub const CONNECT_TIMEOUT_S_MAX: u64 = 60;
/// How long a command tries: a change from its start, a status from the store's last answer.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);
/// Counters that a status of all of them holds and prints.
pub const STATUS_COUNTERS_MAX: usize = 10_000;
/// Counters of one page of such a status: a page of a Redis is one reply, and so has a bound.
pub const STATUS_PAGE: usize = 250;
/// How long a process has to answer a probe: as long as a health check waits by default elsewhere.
pub const HEALTH_PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of such an answer that are read: ours have under 1 KiB.
pub const HEALTH_PROBE_BYTES_MAX: usize = 8 * 1024;
/// A failure that lasts, of the store or of accepting, is logged again after this time.
pub const LOG_THROTTLE_INTERVAL: Duration = Duration::from_secs(10);
/// Bytes of a detail about TLS in a log line: a certificate may have thousands of names and uses,
/// and all of them come before anything is verified.
pub const TLS_DETAIL_BYTES_MAX: usize = 512;
/// The most replicas that `wait` in a Redis URL can name: a primary with more has them in a tree,
/// and does not know of all.
pub const REPLICAS_MAX: u8 = 16;
/// The part of the store timeout that the replicas have for a write. The rest is left for finding
/// the next primary.
pub const REPLICAS_TIMEOUT_PART: u32 = 4;
/// The longest time that the replicas have, however long the store timeout: the handshake waits
/// for them too.
pub const REPLICAS_TIMEOUT_MAX: Duration = Duration::from_millis(500);
/// Bytes of one reply of a store. Most have under 1 KiB; the list of a Cluster's nodes has some 250
/// for each node, and some 15 for each range of slots.
pub const REPLY_BYTES_MAX: usize = 256 * 1024;
/// Hosts in the URL of one store.
pub const STORE_HOSTS_MAX: usize = 16;
/// Names that are looked up at once for one store connection: the wanted one, and those that are
/// abandoned, whose threads end when the name service has answered or is given up.
pub const LOOKUPS_MAX: usize = 4;
/// Names of which a store connection knows where in their addresses it begins next: those of its
/// URL, and as many that Sentinels name.
pub const ADDRESS_TURNS_MAX: usize = 2 * STORE_HOSTS_MAX;
/// Nodes of a Cluster that a reactor knows of, and so the most connections that it has.
pub const NODES_MAX: usize = 128;
/// How long a connection to a node is kept that no counter needs: while a slot or a primary moves,
/// the next counter needs it soon.
pub const NODE_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often in a row a counter may be sent on to another node of a Cluster without a pause, and
/// without a line in the log: once by MOVED, and once by ASK.
pub const HOPS_AT_ONCE_MAX: u32 = 2;
/// How long each request of a counter on a node that is being given its slot begins with ASKING.
/// Then it is tried without, for nothing else tells of the end of the move.
pub const ASKING_TTL: Duration = Duration::from_secs(1);
/// The first wait before a store is tried again; doubled at each failure, with jitter.
pub const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// The longest wait before a store is tried again: service must be back within 2 s of the store.
pub const BACKOFF_MAX: Duration = Duration::from_millis(1_000);

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
