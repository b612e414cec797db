//! What the dashboard and the alerts ask for is in the table of metrics.

use std::collections::BTreeSet;

use super::blocks::{Document, read};
use super::names::first_cells;

/// Who asks for metrics, by path from the project's folder.
const READERS: &[&str] = &[
    "deploy/grafana/headcount.json",
    "deploy/prometheus/alerts.yaml",
    "deploy/prometheus/alerts-test.yaml",
];

/// What a metric's name begins with: the program's own, and those that every process has.
const PREFIXES: &[&str] = &["headcount_", "process_"];

/// What the series of a histogram have behind its name.
const HISTOGRAM_SERIES: &[&str] = &["_bucket", "_sum", "_count"];

#[test]
fn dashboard_and_alerts_ask_for_metrics_of_the_table_alone() {
    let table = Table::read();
    for path in READERS {
        let text = read(path);
        let asked = metrics_in(&text);
        assert!(asked.len() > 10, "the check saw only {asked:?} in {path}");
        let unknown: Vec<&str> = asked.into_iter().filter(|name| !table.has_series(name)).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}: docs/operating.md lacks these");
    }
}

#[test]
fn dashboard_or_alerts_show_every_metric_of_the_program() {
    let shown = READERS.iter().map(|path| read(path)).collect::<String>();
    let shown = metrics_in(&shown);
    let is_shown = |name: &String| shown.iter().any(|series| metric_of(series) == name);
    let own = Table::read().metrics.into_iter().filter(|name| name.starts_with(PREFIXES[0]));
    let missing: Vec<String> = own.filter(|name| !is_shown(name)).collect();
    assert!(missing.is_empty(), "{missing:?}: nobody looks at these");
}

#[test]
fn the_metrics_of_a_query_are_seen() {
    let query = "rate(headcount_takes_total{x=\"process\"}[5m]) / process_open_fds > headcount_";
    let seen = metrics_in(query);
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["headcount_takes_total", "process_open_fds"]);
}

/// The table of metrics in docs/operating.md.
struct Table {
    metrics: BTreeSet<String>,
    histograms: BTreeSet<String>,
}

impl Table {
    fn read() -> Table {
        let operating = Document::named("docs/operating.md");
        let section = operating.section("## Metrics");
        let is_histogram = |line: &&str| line.contains("` | histogram |");
        let histograms: Vec<&str> = section.lines().filter(is_histogram).collect();
        let names = |text: &str| first_cells(text).into_iter().map(str::to_owned).collect();
        let table = Table { metrics: names(section), histograms: names(&histograms.join("\n")) };
        assert!(table.metrics.len() > 20, "the check saw only {:?}", table.metrics);
        table
    }

    /// Whether a metric has a series of this name. A histogram has none of its own name.
    fn has_series(&self, series: &str) -> bool {
        let is_histogram = self.histograms.contains(metric_of(series));
        if metric_of(series) == series || !is_histogram {
            self.metrics.contains(series) && !self.histograms.contains(series)
        } else {
            is_histogram
        }
    }
}

/// The name of a series without what a histogram puts behind it.
fn metric_of(series: &str) -> &str {
    HISTOGRAM_SERIES.iter().find_map(|suffix| series.strip_suffix(suffix)).unwrap_or(series)
}

fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_metric = |word: &&str| PREFIXES.iter().any(|prefix| is_longer(word, prefix));
    words.filter(is_metric).collect()
}

fn is_longer(word: &str, prefix: &str) -> bool {
    word.starts_with(prefix) && word.len() > prefix.len()
}
