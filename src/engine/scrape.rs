//! What a process counts, as text for Prometheus.
//!
//! Every series is there from the start, at 0. There are as many as counters, statuses and reasons,
//! and no client can make more. What belongs to one reactor is summed over all of them; whether the
//! process is ready, and which counters are refused, is as the reactor that is asked knows it.

mod families;
mod text;

use text::MetricsText;

use super::Engine;
use crate::api::body;
use crate::counter::{Count, CounterId};
use crate::metrics::process_stats::ProcessStats;
use crate::store::error::StoreError;

impl Engine {
    /// Whether somebody asked for the metrics in this wake.
    pub fn is_scraped(&self) -> bool {
        !self.scrapes.is_empty()
    }

    /// Answers those who asked for the metrics; see [`Engine::metrics_text`].
    pub fn answer_scrapes(&mut self, process: &ProcessStats, log_lines_dropped: u64) {
        let text = self.metrics_text(process, log_lines_dropped);
        for token in std::mem::take(&mut self.scrapes) {
            self.clients.answer_with(token, body::metrics(&text));
        }
    }

    /// All that the process counts, as [`crate::http::ContentType::Metrics`].
    /// `log_lines_dropped`: lines so far that never came to stdout.
    pub fn metrics_text(&self, process: &ProcessStats, log_lines_dropped: u64) -> String {
        let mut text = MetricsText::new(self, log_lines_dropped);
        families::write(&mut text);
        process.write(&mut text.text);
        text.text.into_text()
    }

    /// Whether `/readyz` would say that the process is ready, as far as is known without asking.
    fn is_known_ready(&self) -> bool {
        let mut counters = self.clients.counters().ids();
        !self.clients.turn().draining
            && self.store.known_writes().is_ok()
            && counters.any(|counter| self.store.refusal(counter).is_none())
    }

    /// Why this counter cannot be taken from, if the reason is its own.
    fn counter_refusal(&self, counter: CounterId) -> Option<StoreError> {
        let refusal = self.store.refusal(counter).unwrap_or(self.store.last_error(counter));
        refusal.can_refuse_counter().then_some(refusal)
    }

    /// What the counter held when it was read last, and when that was: seconds since 1970.
    fn last_read(&self, counter: CounterId) -> (Count, u64) {
        match self.seen(counter) {
            Some(seen) => (seen.count, seen.read_at_s),
            None => (Count { taken: 0, limit: 0 }, 0),
        }
    }
}

#[cfg(test)]
mod tests;
