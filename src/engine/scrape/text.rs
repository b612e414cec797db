//! The samples of the metrics: where each number comes from.

use std::sync::Arc;

use crate::counter::CounterId;
use crate::engine::Engine;
use crate::http::Status;
use crate::metrics::exposition::Exposition;
use crate::metrics::histogram::Histogram;
use crate::metrics::{ReactorMetrics, RefusedTake, TakeTotals};
use crate::store::Store;
use crate::store::error::StoreError;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, where the build was told.
const REVISION: &str = match option_env!("HEADCOUNT_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// The text, as far as it is written.
pub(super) struct MetricsText<'a> {
    /// The one that is asked.
    pub(super) engine: &'a Engine,
    reactors: Vec<Arc<ReactorMetrics>>,
    /// Log lines so far that never came to stdout.
    pub(super) log_lines_dropped: u64,
    /// What is written.
    pub(super) text: Exposition,
}

impl MetricsText<'_> {
    /// Nothing yet, about the process of this engine.
    pub(super) fn new(engine: &Engine, log_lines_dropped: u64) -> MetricsText<'_> {
        let reactors = engine.shared.metrics.reactors();
        MetricsText { engine, reactors, log_lines_dropped, text: Exposition::default() }
    }

    /// The only sample of a family.
    pub(super) fn one(&mut self, number: fn(&MetricsText<'_>) -> u64) {
        self.text.sample(&[], number(self));
    }

    /// A sample for each counter.
    pub(super) fn of_counters(&mut self, number: fn(&MetricsText<'_>, CounterId) -> u64) {
        for (counter, id) in self.engine.counters.iter().zip(self.engine.clients.counters().ids()) {
            let value = number(self, id);
            self.text.sample(&[("counter", counter.name.as_str())], value);
        }
    }

    /// The histograms of all reactors as one.
    pub(super) fn histogram(&mut self, histogram: fn(&ReactorMetrics) -> &Histogram) {
        // The engine that is asked is one of them.
        let scale = histogram(&self.engine.metrics).scale();
        let histograms = self.reactors.iter().map(|reactor| histogram(reactor));
        self.text.histogram(scale, &Histogram::total(scale, histograms));
    }

    pub(super) fn build(&mut self) {
        let tls = if cfg!(feature = "tls") { "true" } else { "false" };
        let labels = [("version", VERSION), ("revision", REVISION), ("tls", tls)];
        self.text.sample(&labels, 1);
    }

    pub(super) fn takes(&mut self) {
        for (counter, id) in self.engine.counters.iter().zip(self.engine.clients.counters().ids()) {
            let totals = TakeTotals::of_counter(&self.reactors, id.index());
            for (outcome, total) in [
                ("granted", totals.granted),
                ("replayed", totals.replayed),
                ("halted", totals.halted),
                ("failed", totals.failed),
            ] {
                let labels = [("counter", counter.name.as_str()), ("outcome", outcome)];
                self.text.sample(&labels, total);
            }
        }
    }

    pub(super) fn refused_takes(&mut self) {
        for reason in RefusedTake::ALL {
            let sum = self.reactors.iter().map(|reactor| reactor.refused(reason)).sum();
            self.text.sample(&[("reason", reason.word())], sum);
        }
    }

    pub(super) fn responses(&mut self) {
        for status in Status::ALL {
            let code = status.code();
            let sum = self.reactors.iter().map(|reactor| reactor.responses(code)).sum();
            self.text.sample(&[("code", itoa::Buffer::new().format(code))], sum);
        }
    }

    pub(super) fn refused_counters(&mut self) {
        for (counter, id) in self.engine.counters.iter().zip(self.engine.clients.counters().ids()) {
            let refusal = self.engine.counter_refusal(id);
            for error in StoreError::ALL.into_iter().filter(|it| it.can_refuse_counter()) {
                let labels = [("counter", counter.name.as_str()), ("reason", error.word())];
                self.text.sample(&labels, u64::from(refusal == Some(error)));
            }
        }
    }

    pub(super) fn store_errors(&mut self) {
        for error in StoreError::ALL {
            let errors = self.reactors.iter().map(|it| it.store.errors_of(error.index()));
            self.text.sample(&[("reason", error.word())], errors.sum());
        }
    }

    pub(super) fn is_in_process(&self) -> bool {
        matches!(self.engine.store, Store::Memory(_))
    }

    pub(super) fn connections(&self) -> u64 {
        self.sum(|reactor| reactor.store.ready.get())
    }

    pub(super) fn sum(&self, number: fn(&ReactorMetrics) -> u64) -> u64 {
        self.reactors.iter().map(|reactor| number(reactor)).sum()
    }

    pub(super) fn sum_of(
        &self,
        counter: CounterId,
        number: fn(&ReactorMetrics, usize) -> u64,
    ) -> u64 {
        self.reactors.iter().map(|reactor| number(reactor, counter.index())).sum()
    }
}
