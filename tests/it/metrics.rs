//! The text of the metrics, as those who read it see it: Prometheus' checker, and the documents.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::engine::client::Peer;
use headcount::engine::shared::Shared;
use headcount::engine::{Engine, Settings};
use headcount::metrics::process_stats::ProcessStats;
use headcount::store::Store;
use headcount::store::counters::Counters;
use headcount::store::memory::Memory;

use crate::admin::Admin;
use crate::support::prometheus::Prometheus;
use crate::support::wait::wait_until;

/// The text of an engine that has just begun, or of one that has served a take.
fn text(has_served: bool) -> String {
    let counters = Arc::new(Counters::new([("shoes", 9), ("hats", 0)].into_iter(), true));
    let settings = Settings::default();
    let (store, shared) = (Memory::new([9, 0].into_iter(), 1), Arc::new(Shared::new(2)));
    let now = Instant::now();
    let mut engine = Engine::new(Store::Memory(store), counters, settings, shared, now);
    if has_served {
        let token = engine.clients.insert(Peer::default());
        engine.receive(token, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        engine.finish_turn();
        engine.answers_written(now + Duration::from_micros(1_234));
    }
    let process = ProcessStats { max_fds: u64::MAX, start_time_ns: 1, ..ProcessStats::default() };
    engine.metrics_text(&process, 7)
}

#[test]
fn promtool_has_nothing_to_say_against_the_text() {
    for has_served in [false, true] {
        let text = text(has_served);
        assert_eq!(complaints_but_names(&text), [""; 0], "{text}");
    }
}

#[test]
fn promtool_finds_a_missing_help_and_a_malformed_sample() {
    let text = text(true);
    let without_help = text.replacen("# HELP headcount_takes_total", "# headcount_takes_total", 1);
    assert!(promtool_output(&without_help).contains("no help text"));
    assert!(promtool_output(&format!("{text}headcount_takes_total 1 x\n")).contains("error"));
}

/// What `promtool check metrics` says of a text, without what promtool 2.42 says of a name with the
/// word `counter` in it, whatever its type is. Here it is no type: it is what is counted.
fn complaints_but_names(text: &str) -> Vec<String> {
    let said = promtool_output(text);
    let is_name = |line: &&str| {
        line.starts_with("headcount_counter_") && line.ends_with("not include type 'counter'")
    };
    said.lines().filter(|line| !is_name(line)).map(str::to_owned).collect()
}

/// What `promtool check metrics` says of a text.
fn promtool_output(text: &str) -> String {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("these tests need promtool (Debian: apt-get install prometheus)");
    let mut input = promtool.stdin.take().expect("it is piped");
    input.write_all(text.as_bytes()).expect("promtool reads all of it");
    drop(input);
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).expect("promtool says text")
}

#[test]
fn prometheus_scrapes_a_process() {
    let admin = Admin::start_to_read("memory:", &["--counter", "shoes=2", "--counter", "hats"]);
    let prometheus = Prometheus::start(admin.address);
    let shows = |query: &str, value: &str| {
        wait_until(query, || prometheus.value(query).as_deref() == Some(value));
    };
    shows("up", "1");
    shows("headcount_takes_total{counter=\"shoes\",outcome=\"granted\"}", "0");
    for _ in 0..3 {
        assert_eq!(admin.daemon.client().get("/").status, 200);
    }
    shows("headcount_takes_total{counter=\"shoes\",outcome=\"granted\"}", "2");
    shows("headcount_takes_total{counter=\"shoes\",outcome=\"halted\"}", "1");
    shows("headcount_take_duration_seconds_bucket{le=\"+Inf\"}", "3");
    shows("headcount_counter_limit{counter=\"hats\"}", "100");
    shows("headcount_http_responses_total{code=\"200\"}", "3");
    // Prometheus' own connection is none of the public listener.
    shows("headcount_client_connections_accepted_total", "3");
}

#[test]
fn the_documents_have_every_family_with_its_type_and_no_other() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md");
    let operating = std::fs::read_to_string(path).expect("the document is there");
    let (_, section) = operating.split_once("\n## Metrics\n").expect("there is a section");
    let section = section.split("\n## ").next().expect("a split has a first part");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<String> = rows
        .filter_map(|row| {
            let (name, rest) = row.split_once("` | ")?;
            Some(format!("{name} {}", rest.split(' ').next()?))
        })
        .collect();
    let text = text(false);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    assert_eq!(documented, types.map(str::to_owned).collect::<BTreeSet<_>>());
}
