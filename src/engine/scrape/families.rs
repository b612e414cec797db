//! All families of metrics, in their order. A new one is added here.

use std::sync::atomic::Ordering;

use super::text::MetricsText;
use crate::counter::CounterId;
use crate::metrics::ReactorMetrics;
use crate::metrics::exposition::Kind::{self, Counter, Gauge, Histogram as Buckets};
use crate::metrics::histogram::Histogram;

/// A family: its name, its kind, what it is, and where its samples come from.
type Family = (&'static str, Kind, &'static str, Samples);

/// Where the samples of a family come from.
enum Samples {
    /// There is one.
    One(fn(&MetricsText<'_>) -> u64),
    /// One for each counter.
    OfCounters(fn(&MetricsText<'_>, CounterId) -> u64),
    /// A histogram of each reactor.
    Of(fn(&ReactorMetrics) -> &Histogram),
    /// They have labels of their own.
    Labelled(fn(&mut MetricsText<'_>)),
}

use Samples::{Labelled, Of, OfCounters, One};

/// All but those of the operating system.
const FAMILIES: &[Family] = &[
    ("headcount_build_info", Gauge, "What was built; always 1.", Labelled(|text| text.build())),
    // Takes.
    (
        "headcount_takes_total",
        Counter,
        "Takes that were answered, by what became of them.",
        Labelled(|text| text.takes()),
    ),
    (
        "headcount_takes_refused_total",
        Counter,
        "Takes that were refused before the store was asked, by the reason.",
        Labelled(|text| text.refused_takes()),
    ),
    (
        "headcount_take_duration_seconds",
        Buckets,
        "From the parsing of a take to the writing of its answer.",
        Of(|reactor| &reactor.take_duration),
    ),
    // Clients.
    (
        "headcount_http_responses_total",
        Counter,
        "Answers of the public listener, by their status.",
        Labelled(|text| text.responses()),
    ),
    (
        "headcount_client_connections",
        Gauge,
        "Open connections of clients.",
        One(|text| text.engine.shared.clients.load(Ordering::Relaxed) as u64),
    ),
    (
        "headcount_client_connections_accepted_total",
        Counter,
        "Connections that were let in.",
        One(|text| text.sum(|reactor| reactor.connections_accepted.get())),
    ),
    (
        "headcount_client_connections_rejected_total",
        Counter,
        "Connections that were turned away: there were too many.",
        One(|text| text.sum(|reactor| reactor.connections_rejected.get())),
    ),
    // Counters.
    (
        "headcount_counter_taken",
        Gauge,
        "Numbers that are taken, as was read last.",
        OfCounters(|text, id| text.engine.last_read(id).0.taken),
    ),
    (
        "headcount_counter_limit",
        Gauge,
        "The last number there is, as was read last.",
        OfCounters(|text, id| text.engine.last_read(id).0.limit),
    ),
    (
        "headcount_counter_last_read_timestamp_seconds",
        Gauge,
        "When the counter was read last; 0 if it never was.",
        OfCounters(|text, id| text.engine.last_read(id).1),
    ),
    (
        "headcount_counter_refused",
        Gauge,
        "Whether the counter cannot be taken from, for the reason.",
        Labelled(|text| text.refused_counters()),
    ),
    (
        "headcount_counter_resets_total",
        Counter,
        "Resets that this process has seen.",
        OfCounters(|text, id| text.engine.clients.counters().get(id).resets_seen()),
    ),
    (
        "headcount_numbers_unclaimed",
        Gauge,
        "Numbers granted for clients who left; the next who ask get them.",
        OfCounters(|text, id| text.sum_of(id, |reactor, index| reactor.unclaimed[index].get())),
    ),
    (
        "headcount_numbers_in_doubt_total",
        Counter,
        "Numbers of store requests that were given up: perhaps taken, never handed out.",
        OfCounters(|text, id| text.sum_of(id, |reactor, index| reactor.store.in_doubt_of(index))),
    ),
    // The store.
    (
        "headcount_ready",
        Gauge,
        "1 if /readyz would answer 200, as far as is known without a store request.",
        One(|text| u64::from(text.engine.is_known_ready())),
    ),
    (
        "headcount_store_up",
        Gauge,
        "Whether a store connection is ready, or the store is in the process.",
        One(|text| u64::from(text.is_in_process() || text.connections() > 0)),
    ),
    (
        "headcount_store_connections",
        Gauge,
        "Store connections that are ready.",
        One(|text| text.connections()),
    ),
    (
        "headcount_store_reconnects_total",
        Counter,
        "Store connections that were made after one was lost.",
        One(|text| text.sum(|reactor| reactor.store.reconnects.get())),
    ),
    (
        "headcount_store_requests_total",
        Counter,
        "Requests to the store, those that were sent again among them.",
        One(|text| text.sum(|reactor| reactor.store.requests.get())),
    ),
    (
        "headcount_store_errors_total",
        Counter,
        "Store connections lost, and store requests refused, by the reason.",
        Labelled(|text| text.store_errors()),
    ),
    (
        "headcount_store_request_duration_seconds",
        Buckets,
        "From the first sending of a store request to its answer.",
        Of(|reactor| &reactor.store.request_duration),
    ),
    (
        "headcount_store_request_takes",
        Buckets,
        "Numbers that one store request asks for; requests that only read are left out.",
        Of(|reactor| &reactor.store.request_takes),
    ),
    (
        "headcount_log_lines_dropped_total",
        Counter,
        "Log lines that never came to stdout.",
        One(|text| text.log_lines_dropped),
    ),
];

/// Appends every family.
pub(super) fn write(text: &mut MetricsText<'_>) {
    for (name, kind, help, samples) in FAMILIES {
        text.text.family(name, *kind, help);
        match samples {
            One(number) => text.one(*number),
            OfCounters(number) => text.of_counters(*number),
            Of(histogram) => text.histogram(*histogram),
            Labelled(write) => write(text),
        }
    }
}
