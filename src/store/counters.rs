//! The counters of a process: what each is called, and what was seen of it. Shared by its reactors.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use log::{info, warn};

use crate::counter::{Count, CounterId, CounterNames, Grant};
use crate::store::high_water::{HighWaterMark, Position};

/// Every counter of a process.
#[derive(Debug)]
pub struct Counters {
    list: Vec<Counter>,
    names: CounterNames,
    /// A missing counter is created, unless this process has seen it.
    creates_missing: bool,
    is_store_judged: AtomicBool,
    /// The second of the wall clock, as the reactors tell it.
    unix_s: AtomicU64,
}

/// A counter of this process.
#[derive(Debug)]
pub struct Counter {
    /// Its name, of the characters that `config` allows.
    pub name: String,
    /// The limit it is created with.
    pub limit: u64,
    /// How far it has come, as seen by this process.
    pub high_water: HighWaterMark,
    /// The limit that was seen last. Of no meaning before the counter was seen, like the two that
    /// follow.
    limit_seen: AtomicU64,
    /// How its epoch began, as [`Made::code`].
    made_seen: AtomicU8,
    /// When it was read last: the second of the wall clock.
    read_at_s: AtomicU64,
    /// Resets that were seen.
    resets_seen: AtomicU64,
}

/// What a process has read of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it held, at the least.
    pub count: Count,
    /// Its epoch.
    pub epoch: u64,
    /// How that began, if the store said so.
    pub made: Option<Made>,
    /// When it was read last: seconds since 1970, by the wall clock.
    pub read_at_s: u64,
}

/// How a counter came to be there when a connection confirmed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was there.
    Found,
    /// It was there in the layout of headcount 0.1, and has today's now.
    Migrated,
    /// It was not there, and now is.
    Created,
}

/// How an epoch of a counter began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// By a create, or by the start of a process.
    Created,
    /// By a reset.
    Reset,
    /// By a set of the count.
    Set,
}

impl Made {
    /// What a store's word says.
    pub fn from_word(word: &[u8]) -> Option<Made> {
        match word {
            b"created" => Some(Made::Created),
            b"reset" => Some(Made::Reset),
            b"set" => Some(Made::Set),
            _ => None,
        }
    }

    /// No way that a store has told.
    const UNKNOWN: u8 = 0;

    /// Its number in a file; none has 0.
    pub fn code(self) -> u8 {
        match self {
            Made::Created => 1,
            Made::Reset => 2,
            Made::Set => 3,
        }
    }

    /// What this number says.
    pub fn from_code(code: u8) -> Option<Made> {
        [Made::Created, Made::Reset, Made::Set].into_iter().find(|made| made.code() == code)
    }

    /// The word in the stores and in the log.
    pub fn word(self) -> &'static str {
        match self {
            Made::Created => "created",
            Made::Reset => "reset",
            Made::Set => "set",
        }
    }
}

impl Counters {
    /// Counters of these names and limits, of which nothing was seen yet. The first is
    /// [`CounterId::FIRST`]. There is at least one, and none twice.
    pub fn new<'a>(
        counters: impl Iterator<Item = (&'a str, u64)>,
        creates_missing: bool,
    ) -> Counters {
        let list: Vec<Counter> = counters.map(|(name, limit)| Counter::new(name, limit)).collect();
        debug_assert!(!list.is_empty());
        let names = CounterNames::new(list.iter().map(|counter| counter.name.as_str()));
        Counters {
            list,
            names,
            creates_missing,
            is_store_judged: AtomicBool::new(false),
            unix_s: AtomicU64::new(0),
        }
    }

    /// The counter; `id` comes from this list.
    pub fn get(&self, id: CounterId) -> &Counter {
        &self.list[id.index()]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Never: there is at least one.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them.
    pub fn ids(&self) -> impl Iterator<Item = CounterId> + use<> {
        (0..self.list.len() as u32).map(CounterId)
    }

    /// Their names.
    pub fn names(&self) -> &CounterNames {
        &self.names
    }

    /// Whether the counter is created if the store does not have it: not if this process has seen
    /// it, for then it was lost, and must not begin at 1 again.
    pub fn may_create(&self, id: CounterId) -> bool {
        self.creates_missing && !self.get(id).high_water.is_seen()
    }

    /// Whether nothing was seen of any counter.
    pub fn is_none_seen(&self) -> bool {
        self.list.iter().all(|counter| !counter.high_water.is_seen())
    }

    /// The second of the wall clock, as it was told last.
    pub fn time(&self) -> u64 {
        self.unix_s.load(Ordering::Relaxed)
    }

    /// The wall clock has come to this second.
    pub fn set_time(&self, unix_s: u64) {
        self.unix_s.store(unix_s, Ordering::Relaxed);
    }

    /// A connection was granted something of a counter, and so saw its count: see
    /// [`Counter::observe`].
    pub fn observe(&self, id: CounterId, grant: Grant, made: Option<Made>) {
        let counter = self.get(id);
        counter.read_at_s.store(self.unix_s.load(Ordering::Relaxed), Ordering::Relaxed);
        counter.observe(grant, made);
    }

    /// Whether nobody has judged yet how safe the store is: the caller is to, and the others not.
    pub fn is_first_to_judge(&self) -> bool {
        !self.is_store_judged.swap(true, Ordering::Relaxed)
    }
}

impl Counter {
    fn new(name: &str, limit: u64) -> Counter {
        Counter {
            name: name.to_owned(),
            limit,
            high_water: HighWaterMark::default(),
            limit_seen: AtomicU64::new(0),
            made_seen: AtomicU8::new(Made::UNKNOWN),
            read_at_s: AtomicU64::new(0),
            resets_seen: AtomicU64::new(0),
        }
    }

    /// A connection found it, or made it.
    pub fn confirmed(&self, origin: Origin) {
        let (counter, limit) = (self.name.as_str(), self.limit);
        match origin {
            Origin::Found => {}
            Origin::Migrated => {
                warn!(counter; "counter of headcount 0.1 migrated; stop every headcount 0.1");
            }
            Origin::Created => {
                self.high_water.created();
                let hint = "if there was one, it was lost: see whether --store names the right \
                    store, and the store's own log";
                warn!(counter, limit, hint; "counter created: the store had none");
            }
        }
    }

    /// What was read of it, if it was ever read.
    pub fn seen(&self) -> Option<Seen> {
        let Position { epoch, taken } = self.high_water.position();
        (epoch > 0).then(|| Seen {
            count: Count { taken, limit: self.limit_seen.load(Ordering::Relaxed) },
            epoch,
            made: Made::from_code(self.made_seen.load(Ordering::Relaxed)),
            read_at_s: self.read_at_s.load(Ordering::Relaxed),
        })
    }

    /// Whether this is just what was seen of it last.
    pub fn is_known(&self, grant: Grant) -> bool {
        let Position { epoch, taken } = self.high_water.position();
        let limit = self.limit_seen.load(Ordering::Relaxed);
        (grant.epoch, grant.count()) == (epoch, Count { taken, limit })
    }

    /// Resets that this process has seen.
    pub fn resets_seen(&self) -> u64 {
        self.resets_seen.load(Ordering::Relaxed)
    }

    /// This process has reset what it holds itself.
    pub fn count_reset(&self) {
        self.resets_seen.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection saw the count. Logs what is new in it. `made`: how its epoch began, where the
    /// store says so.
    fn observe(&self, grant: Grant, made: Option<Made>) {
        let (epoch, taken) = (grant.epoch, grant.count().taken);
        let before = self.high_water.observe(Position { epoch, taken });
        if (epoch, taken) < (before.epoch, before.taken) {
            return; // Replies of several connections come in any order, and this one is old.
        }
        let limit_before = self.limit_seen.load(Ordering::Relaxed);
        if limit_before != grant.limit {
            self.limit_seen.store(grant.limit, Ordering::Relaxed);
        }
        if let Some(made) = made {
            self.made_seen.store(made.code(), Ordering::Relaxed);
        }
        if before.epoch == 0 {
            return self.log_first_sight(grant);
        }
        let (counter, limit) = (self.name.as_str(), grant.limit);
        if before.epoch < epoch {
            let (taken_before, epoch_before) = (before.taken, before.epoch);
            if made == Some(Made::Set) {
                warn!(counter, taken, taken_before, limit, limit_before, epoch, epoch_before;
                    "count set");
            } else {
                self.count_reset();
                warn!(counter, taken, taken_before, limit, limit_before, epoch, epoch_before;
                    "counter reset");
            }
        } else if before.epoch == epoch && limit_before != limit {
            warn!(counter, limit, limit_before, taken; "limit changed");
        }
    }

    fn log_first_sight(&self, grant: Grant) {
        let (counter, limit, epoch) = (self.name.as_str(), grant.limit, grant.epoch);
        if !self.high_water.is_created() {
            let taken = grant.count().taken;
            info!(counter, taken, limit, epoch; "counter found");
        }
        if limit != self.limit {
            let configured = self.limit;
            warn!(counter, limit, configured;
                "the store's limit differs from the configured one and is followed");
        }
    }
}
