//! Why a store did not do what it was asked to: the reason, and what an operator can do about it.

/// A failure with the detail that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What to make of it.
    pub error: StoreError,
    /// How the store, the system or we put it: it may hold any character, so it is escaped before
    /// it is shown.
    pub detail: String,
}

/// Why a store gave no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// No connection has been tried to its end yet: the process has just started.
    Connecting,
    /// The host's name does not resolve: misspelt, or the name service is away.
    Unresolved,
    /// The connection was refused, reset or closed: the store is down, restarting or elsewhere.
    Unreachable,
    /// No answer in time: the store hangs, or the network drops packets.
    Timeout,
    /// It reads its data from disk (LOADING), or starts, stops or recovers (57P03): wait.
    Loading,
    /// A replica, or a master that was demoted (READONLY, MASTERDOWN, 25006): the URL names the
    /// wrong server.
    ReadOnly,
    /// `maxmemory` is reached and nothing may be evicted (OOM), or there is none left (53200).
    OutOfMemory,
    /// It cannot save to disk and so refuses writes (MISCONF, 53100): a full disk, most often.
    Disk,
    /// Fewer replicas than were asked for have what was written (WAIT, NOREPLICAS).
    Replicas,
    /// User or password are wrong or missing (NOAUTH, WRONGPASS, 28P01).
    Authentication,
    /// The user may not run a command or touch the key or table (NOPERM, 42501).
    Permission,
    /// The counter's key or table is something that is no counter (WRONGTYPE, 42703).
    Type,
    /// The counter was there and is gone: deleted, evicted, or lost with the store's data.
    Missing,
    /// The count is lower than it was, or of an earlier epoch: a restored backup, or a
    /// failover that lost writes.
    Backwards,
    /// The counter was lost and created again by somebody's start.
    Recreated,
    /// A field of the counter holds what it cannot: it was written by hand.
    Damaged,
    /// The counter has the layout of another version of headcount.
    Layout,
    /// A change was not done, for the reason in detail.
    Declined,
    /// The server is older than the commands that are needed.
    Version,
    /// The server has no connection left for us (53300, max number of clients).
    Connections,
    /// The URL's database does not exist (3D000).
    Database,
    /// Somebody else holds the counter's row (55P03, 57014).
    Locked,
    /// The store could not put transactions in order, and undid ours (40001, 40P01).
    Conflict,
    /// TLS with the store fails: its certificate, ours, or a port that speaks none.
    Tls,
    /// The Cluster does not serve the counter now (CLUSTERDOWN, TRYAGAIN), or the server is no
    /// Cluster.
    Cluster,
    /// The bytes that came are not the store's protocol: another service's port, most often.
    Protocol,
    /// It has no room for another idempotency key.
    Keys,
    /// The server refused for a reason that is not known here; the log has its detail.
    Refused,
}

impl StoreError {
    /// All of them, in the order of their places.
    pub const ALL: [StoreError; 28] = [
        StoreError::Connecting,
        StoreError::Unresolved,
        StoreError::Unreachable,
        StoreError::Timeout,
        StoreError::Loading,
        StoreError::ReadOnly,
        StoreError::OutOfMemory,
        StoreError::Disk,
        StoreError::Replicas,
        StoreError::Authentication,
        StoreError::Permission,
        StoreError::Type,
        StoreError::Missing,
        StoreError::Backwards,
        StoreError::Recreated,
        StoreError::Damaged,
        StoreError::Layout,
        StoreError::Declined,
        StoreError::Version,
        StoreError::Connections,
        StoreError::Database,
        StoreError::Locked,
        StoreError::Conflict,
        StoreError::Tls,
        StoreError::Cluster,
        StoreError::Protocol,
        StoreError::Keys,
        StoreError::Refused,
    ];

    /// Its place in [`StoreError::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Whether it says something of one counter: the others may be well.
    pub fn can_refuse_counter(self) -> bool {
        self.is_of_counter() || self == StoreError::Locked
    }

    /// The reason in one word, for `/readyz` and the log.
    pub fn word(self) -> &'static str {
        match self {
            StoreError::Connecting => "connecting",
            StoreError::Unresolved => "unresolved",
            StoreError::Unreachable => "unreachable",
            StoreError::Timeout => "timeout",
            StoreError::Loading => "loading",
            StoreError::ReadOnly => "readonly",
            StoreError::OutOfMemory => "memory",
            StoreError::Disk => "disk",
            StoreError::Replicas => "replicas",
            StoreError::Authentication => "authentication",
            StoreError::Permission => "permission",
            StoreError::Type => "type",
            StoreError::Missing => "missing",
            StoreError::Backwards => "backwards",
            StoreError::Recreated => "recreated",
            StoreError::Damaged => "damaged",
            StoreError::Layout => "layout",
            StoreError::Declined => "declined",
            StoreError::Version => "version",
            StoreError::Connections => "connections",
            StoreError::Database => "database",
            StoreError::Locked => "locked",
            StoreError::Conflict => "conflict",
            StoreError::Tls => "tls",
            StoreError::Cluster => "cluster",
            StoreError::Protocol => "protocol",
            StoreError::Keys => "keys",
            StoreError::Refused => "refused",
        }
    }

    /// Whether the store is well, and it is the counter in it that must not be taken from.
    pub fn is_of_counter(self) -> bool {
        use StoreError::{Backwards, Damaged, Layout, Missing, Recreated, Type};
        matches!(self, Backwards | Damaged | Layout | Missing | Recreated | Type)
    }

    /// Whether the store refuses every write for this reason.
    pub fn is_of_writes(self) -> bool {
        use StoreError::{Disk, Loading, OutOfMemory, ReadOnly, Replicas};
        matches!(self, Disk | Loading | OutOfMemory | ReadOnly | Replicas)
    }

    /// Whether it ends a connection to the store, rather than one request.
    pub fn is_of_connection(self) -> bool {
        use StoreError::{Authentication, Connecting, Database, Loading, Protocol, ReadOnly};
        use StoreError::{Timeout, Tls, Unreachable, Unresolved, Version};
        matches!(
            self,
            Authentication | Connecting | Database | Loading | Protocol | ReadOnly | Timeout
        ) || matches!(self, Tls | Unreachable | Unresolved | Version)
    }

    /// Whether another host of the store may be better, where it has several. One that served, and
    /// was lost, is tried again first, unless it no longer takes writes.
    pub fn is_of_host(self, has_served: bool) -> bool {
        use StoreError::{Connections, Loading, ReadOnly, Timeout, Unreachable, Unresolved};
        let is_of_start =
            matches!(self, Loading | Timeout | Unreachable | Unresolved | Connections);
        self == ReadOnly || (is_of_start && !has_served)
    }

    /// What the operator can do about it, for the log.
    pub fn hint(self) -> &'static str {
        self.counter_hint().unwrap_or_else(|| self.store_hint())
    }

    fn counter_hint(self) -> Option<&'static str> {
        Some(match self {
            StoreError::Type => "delete the key or choose another --counter",
            StoreError::Missing => {
                "restore the store's data; or, if there was none, headcount create NAME --limit N \
                 --store URL; or go on above every number that was handed out: headcount set NAME \
                 --taken N --limit L --store URL; or begin at 1: headcount reset NAME --limit L"
            }
            StoreError::Backwards => {
                "restore newer data, if no number was taken since; or go on above every number \
                 that was handed out: headcount set NAME --taken N --store URL; or begin at 1: \
                 headcount reset NAME --store URL"
            }
            StoreError::Recreated => {
                "the counter was lost, and a start created it anew: go on above every number that \
                 was handed out: headcount set NAME --taken N --store URL; or begin at 1: \
                 headcount reset NAME --store URL"
            }
            StoreError::Damaged => "write what the field held before; until then nothing is taken",
            StoreError::Layout => {
                "if an older headcount wrote it, restart headcount, which migrates it; if a newer \
                 one did, run that version; else begin at 1: headcount reset NAME --store URL"
            }
            _ => return None,
        })
    }

    fn store_hint(self) -> &'static str {
        match self {
            StoreError::Connecting => "wait: the first connection is under way",
            StoreError::Unresolved => "check the host name in --store and the name service",
            StoreError::Unreachable => "check that the store runs and that --store names it",
            StoreError::Timeout => "check the store's load and the network to it",
            StoreError::Loading => "wait: the store reads its data from disk",
            StoreError::ReadOnly => "point --store at the primary, not at a replica",
            StoreError::OutOfMemory => "raise the store's maxmemory or free some of it",
            StoreError::Disk => "free disk space for the store, then see its own log",
            StoreError::Replicas => {
                "see that the replicas run and follow the primary; or ask for fewer of them, with \
                 wait= in --store"
            }
            StoreError::Authentication => "check user and password in --store",
            StoreError::Permission => {
                "grant the user the commands and keys that docs/redis.md lists"
            }
            StoreError::Declined => "see headcount status NAME --store URL, and decide anew",
            StoreError::Version => "use Redis 6.2 or newer, or Valkey",
            StoreError::Connections => {
                "raise maxclients in Redis, or run fewer processes, or with fewer --threads"
            }
            StoreError::Database => "create the database, or correct its name in --store",
            StoreError::Locked => {
                "see in pg_locks who holds the counter's row, or why the server's commits are slow"
            }
            StoreError::Conflict => "see who else writes the counter's row, and how",
            StoreError::Tls => "do what detail says, to the certificates or to --store",
            StoreError::Cluster => {
                "see what redis-cli CLUSTER INFO says; for servers behind Sentinel use \
                 redis+sentinel://"
            }
            StoreError::Keys => "reset the counter when its sale is over",
            StoreError::Protocol => "check that host and port in --store are the store's",
            _ => "see the store's own detail and log",
        }
    }
}

// A reason that is added has its place in the list.
const _: () = assert!(StoreError::ALL.len() == StoreError::Refused as usize + 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_place_and_its_own_word() {
        for (place, error) in StoreError::ALL.into_iter().enumerate() {
            assert_eq!(error.index(), place);
            let same = StoreError::ALL.into_iter().filter(|other| other.word() == error.word());
            assert_eq!(same.count(), 1, "{error:?}");
        }
    }
}
