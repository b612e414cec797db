//! The log when it cannot be written: the disk is full, or its reader is gone.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::load::{Load, Plan};
use crate::support::process::free_port;
use crate::support::small_disk::{Kind, SmallDisk};
use crate::support::wait::wait_until;

/// Numbers whose lines are more than the disk and the memory for waiting lines hold.
const REQUESTS: u64 = 60_000;

/// Numbers whose lines are more than the disk holds, and fewer than may wait.
const FEW_REQUESTS: u64 = 2_000;

#[test]
fn once_there_is_room_the_log_goes_on_and_counts_the_lines_that_it_lacks() {
    for kind in Kind::all() {
        let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let arguments = ["--limit", "1000000", "--admin-listen", &admin.to_string()];
        let mut disk = SmallDisk::start(kind, &arguments);
        take_numbers(&disk.daemon, REQUESTS);
        wait_until("the disk to be full", || disk.is_full());
        disk.free();
        wait_until("the count of dropped lines", || has_line(&disk, "log lines dropped"));
        assert_eq!(disk.daemon.client().get("/").number(), Some(REQUESTS + 1));
        let mut client = HttpClient::connect(admin);
        client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let metrics = client.receive().body;
        assert!(disk.daemon.stop().success());

        let lines = whole_lines(&disk);
        let lost = lines.iter().filter(|line| line["msg"] == "log lines dropped");
        let lost: Vec<&Value> = lost.collect();
        for line in &lost {
            assert_eq!(
                (&line["reason"], &line["detail"]),
                (&"failed".into(), &kind.error().into())
            );
        }
        let lost: u64 = lost.iter().filter_map(|line| line["lines_dropped"].as_u64()).sum();
        let logged = numbers(&lines);
        assert_eq!(logged.last(), Some(&(REQUESTS + 1)), "the last number has its line");
        assert!(lost > 0, "{kind:?}: the memory for waiting lines has a bound");
        let sample = format!("headcount_log_lines_dropped_total {lost}");
        let counted = metrics.lines().find(|line| line.starts_with("headcount_log_lines_dropped"));
        assert_eq!(counted, Some(sample.as_str()), "{kind:?}");
        assert_eq!(logged.len() as u64 + lost, REQUESTS + 1, "{kind:?}");
        assert_eq!(lines.last().map(|line| &line["msg"]), Some(&"stopped".into()));
    }
}

#[test]
fn lines_that_may_wait_for_room_are_all_written() {
    for kind in Kind::all() {
        let mut disk = SmallDisk::start(kind, &["--limit", "1000000"]);
        take_numbers(&disk.daemon, FEW_REQUESTS);
        wait_until("the disk to be full", || disk.is_full());
        disk.free();
        assert!(disk.daemon.stop().success());
        let lines = whole_lines(&disk);
        assert_eq!(numbers(&lines), (1..=FEW_REQUESTS).collect::<Vec<u64>>(), "{kind:?}");
        let output = disk.daemon.output();
        assert_eq!(output.matches(kind.error()).count(), 1, "stderr says it once: {output}");
    }
}

#[test]
fn a_disk_that_stays_full_does_not_hold_up_the_end() {
    for kind in Kind::all() {
        let mut disk = SmallDisk::start(kind, &["--limit", "1000000"]);
        take_numbers(&disk.daemon, FEW_REQUESTS);
        wait_until("the disk to be full", || disk.is_full());
        assert_eq!(disk.daemon.stop().code(), Some(0), "{kind:?}");
    }
}

#[test]
fn when_the_reader_of_stdout_is_gone_the_service_goes_on() {
    let mut daemon = Daemon::start_unread(&["--limit", "1000000"], &[]);
    daemon.close_stdout();
    take_numbers(&daemon, FEW_REQUESTS);
    assert_eq!(daemon.client().get("/").number(), Some(FEW_REQUESTS + 1));
    assert_eq!(daemon.stop().code(), Some(0));
    let output = daemon.output();
    assert_eq!(output.matches("logging ends").count(), 1, "stderr says it once: {output}");
}

fn take_numbers(daemon: &Daemon, requests: u64) {
    let addresses = [daemon.address()];
    let pause = Duration::ZERO;
    let plan = Plan { addresses: &addresses, connections: 4, depth: 50, requests, pause };
    let tally = Load::start(&plan).finish();
    tally.assert_sound(requests);
    assert_eq!(tally.numbers.len() as u64, requests);
}

fn has_line(disk: &SmallDisk, message: &str) -> bool {
    String::from_utf8_lossy(&disk.read_log()).contains(message)
}

/// The lines that are JSON objects: all, but for the one that the full disk tore.
fn whole_lines(disk: &SmallDisk) -> Vec<Value> {
    let log = String::from_utf8(disk.read_log()).expect("the log is text");
    assert!(log.ends_with('\n'), "the last line has an end");
    let parsed: Vec<_> = log.lines().map(serde_json::from_str::<Value>).collect();
    let torn = parsed.iter().filter(|line| line.is_err()).count();
    assert!(torn <= 1, "{torn} lines are torn");
    parsed.into_iter().flatten().collect()
}

/// The numbers that are logged, each once.
fn numbers(lines: &[Value]) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        lines.iter().filter_map(|line| line["request_num"].as_u64()).collect();
    numbers.sort_unstable();
    let logged = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), logged, "a number has two lines");
    numbers
}
