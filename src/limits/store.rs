//! The bounds of the stores and of the way to them.

use std::time::Duration;

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
/// How far apart those may come, on average, who are worth a wait: clients of one machine who ask
/// again at once are 10 µs apart. With PostgreSQL, 2 reactors and arrivals at 2,000 a second, p50
/// and p90 were 1.4 and 2.2 ms when all were waited for, and are 0.43 and 0.9 ms since only these
/// are. Clients who ask again at once are served as before.
pub const LINGER_GAP_MAX: Duration = Duration::from_micros(100);
/// Points for waits that were worth it. One in vain costs two, so after four in a row the next
/// batch waits for nobody.
pub const LINGER_SCORE_MAX: u32 = 8;
/// Replies, after such, until a wait is tried again.
pub const LINGER_TRY_INTERVAL: u32 = 16;
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

// --- the file store ----------------------------------------------------------------------------

/// Bytes of a record's payload. One commit is one record: so much is written at once, and so much
/// is read to know whether the record is whole.
pub const FILE_PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a record of a snapshot, about: each is made while nobody else is served.
pub const FILE_SNAPSHOT_PAYLOAD_BYTES: usize = 64 * 1024;
/// Bytes of the next file that are written before they are synced in the background: a commit waits
/// behind them when the disk does one thing at a time.
pub const FILE_SYNC_BYTES: u64 = 2 * 1024 * 1024;
/// How often the committer looks whether such a sync is done while nobody asks for anything.
pub const FILE_SYNC_POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Bytes of the next file that may be left for its last sync, for which all commits wait.
pub const FILE_LAST_SYNC_BYTES: u64 = 64 * 1024;
/// Syncs of a whole snapshot in the background. If so much comes that more than
/// [`FILE_LAST_SYNC_BYTES`] are left behind each, the commits wait for what came during the last.
pub const FILE_LAST_SYNCS_MAX: usize = 16;
/// Bytes of the file: all of it is read at the start. With keys of 36 bytes it holds 70 million.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes that a journal may have before a snapshot takes its place: one that is written more often
/// costs more than it saves.
pub const FILE_COMPACTION_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// Bytes of the file that are allocated ahead: a commit that fills them changes no length.
pub const FILE_PREALLOCATED_BYTES: u64 = 1024 * 1024;
/// Room that a look at the disk asks for: that of a record without keys.
pub const FILE_ROOM_CHECKED_BYTES: u64 = 4096;
/// Places behind a torn write that look like the head of a record: each is summed up, at most a
/// payload of bytes, to know that it is none.
pub const FILE_RECORD_CANDIDATES_MAX: usize = 256;
/// Counters in one file: those that are served, 1,000 at most, and those that were.
pub const FILE_COUNTERS_MAX: usize = 10_000;
/// Bytes of the token of a change.
pub const CHANGE_TOKEN_BYTES_MAX: usize = 64;
