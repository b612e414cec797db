//! The surroundings of a wake: what is passed in instead of being looked up.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::engine::settings::Settings;
use crate::engine::shared::Shared;
use crate::http::Date;
use crate::metrics::ReactorMetrics;
#[cfg(test)]
use crate::metrics::store_metrics::StoreMetrics;
use crate::store::counters::Counters;

/// What every client of a reactor shares in one wake.
#[derive(Clone, Debug)]
pub struct Turn {
    /// When the wake began.
    pub now: Instant,
    /// The `Date` of its answers.
    pub date: Date,
    /// How the engine answers.
    pub settings: Settings,
    /// The counters that are served.
    pub counters: Arc<Counters>,
    /// What the reactors share.
    pub shared: Arc<Shared>,
    /// What this reactor counts.
    pub metrics: Arc<ReactorMetrics>,
    /// The process is stopping: each connection ends with the answer to what it has sent.
    pub draining: bool,
    /// Accepting has ended, and by then the last answers are due.
    pub answer_by: Option<Instant>,
}

impl Turn {
    /// The first turn of a reactor, at a time that has no date yet.
    pub fn new(
        settings: Settings,
        counters: Arc<Counters>,
        shared: Arc<Shared>,
        metrics: Arc<ReactorMetrics>,
        now: Instant,
    ) -> Turn {
        let date = Date::at(SystemTime::UNIX_EPOCH);
        let (draining, answer_by) = (false, None);
        Turn { now, date, settings, counters, shared, metrics, draining, answer_by }
    }

    /// That of a reactor alone in its process.
    #[cfg(test)]
    pub fn alone(settings: Settings, counters: Counters, now: Instant) -> Turn {
        let store = Arc::new(StoreMetrics::new(counters.len(), 1));
        let metrics = Arc::new(ReactorMetrics::new(counters.len(), store, now));
        let shared = Arc::new(Shared::new(counters.len()));
        Turn::new(settings, Arc::new(counters), shared, metrics, now)
    }

    /// When a request that came now is answered 503 if the store has not spoken.
    pub fn deadline(&self) -> Instant {
        let deadline = self.now + self.settings.store_timeout;
        self.answer_by.map_or(deadline, |at| at.min(deadline))
    }

    /// Whether the process has no time left for requests that are not answered yet.
    pub fn is_late(&self) -> bool {
        self.answer_by.is_some_and(|at| at <= self.now)
    }

    /// Whether some reactor of the process no longer turns.
    pub fn is_any_stalled(&self) -> bool {
        self.shared.metrics.is_any_stalled(self.now)
    }
}
