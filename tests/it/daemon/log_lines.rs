//! The log: JSON lines on stdout, complete, and never in the way.

use std::time::Duration;

use serde_json::Value;

use crate::support::daemon::{Daemon, is_warning};
use crate::support::load::{Load, Plan};

#[test]
fn every_line_has_time_level_target_and_message() {
    let mut daemon = Daemon::start_with(&["--limit", "2"], &[("RUST_LOG", "trace")]);
    let mut client = daemon.client();
    for target in ["/", "/", "/", "/status", "/nowhere"] {
        client.get(target);
    }
    client.send(b"nonsense\r\n\r\n");
    client.receive();
    assert!(daemon.stop().success());
    let lines = daemon.log_to_the_end();
    assert!(lines.len() > 4);
    for line in lines {
        for name in ["ts", "level", "target", "msg"] {
            assert!(line[name].is_string(), "no {name}: {line}");
        }
        let time = line["ts"].as_str().unwrap_or_default();
        let shape: String =
            time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{line}");
        let level = line["level"].as_str().unwrap_or_default();
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level), "{line}");
    }
}

#[test]
fn each_number_is_logged_once_and_the_halt_once() {
    // Several times, for what several threads say at the same moment shows now and then.
    for _ in 0..5 {
        let mut daemon = Daemon::start(&["--threads", "4"]);
        let plan = Plan {
            addresses: &[daemon.address()],
            connections: 16,
            depth: 1,
            requests: 200,
            pause: Duration::ZERO,
        };
        let tally = Load::start(&plan).finish();
        tally.assert_sound(100);
        assert_eq!((tally.numbers.len(), tally.halted), (100, 100));
        assert!(daemon.stop().success());
        let lines = daemon.log_to_the_end();
        assert_eq!(numbers_logged(&lines), (1..=100).collect::<Vec<u64>>());
        let warnings: Vec<&Value> = lines.iter().filter(|line| is_warning(line)).collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(warnings[0]["level"], "WARN");
    }
}

#[test]
fn at_warn_only_the_halt_is_logged() {
    let arguments = ["--limit", "3"];
    let mut daemon = Daemon::start_unread(&arguments, &[("RUST_LOG", "warn")]);
    daemon.read_stdout();
    let mut client = daemon.client();
    for _ in 0..10 {
        assert_eq!(client.get("/").status, 200);
    }
    assert!(daemon.stop().success());
    let lines = daemon.log_to_the_end();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "WARN");
}

#[test]
fn at_debug_a_refused_request_is_logged_and_its_bytes_are_escaped() {
    let mut daemon = Daemon::start_with(&[], &[("RUST_LOG", "debug")]);
    let hostile = [
        b"GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(),
        b"GET /\"},{\"level\":\"ERROR HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\x1b]0;: \xff\x07\r\n\r\n",
        b"\xff\xfe\x00\n{\"ts\":\"\"}\r\n\r\n",
    ];
    for request in hostile {
        let mut client = daemon.client();
        client.send(request);
        client.receive();
    }
    assert!(daemon.stop().success());
    let refused = daemon.log_to_the_end().into_iter().filter(|line| line["level"] == "DEBUG");
    assert!(refused.count() >= hostile.len());
    let output = daemon.output();
    let raw = output.chars().find(|&c| c != '\n' && (c.is_control() || c == '\u{fffd}'));
    assert_eq!(raw, None, "a byte of the request came through raw");
}

#[test]
fn a_stdout_that_nobody_reads_never_stops_service_and_what_is_dropped_is_counted() {
    const REQUESTS: u64 = 60_000;
    let mut daemon = Daemon::start_unread(&["--limit", "1000000"], &[]);
    let plan = Plan {
        addresses: &[daemon.address()],
        connections: 4,
        depth: 64,
        requests: REQUESTS,
        pause: Duration::ZERO,
    };
    let tally = Load::start(&plan).finish();
    tally.assert_sound(REQUESTS);
    assert_eq!(tally.numbers.len() as u64, REQUESTS);
    daemon.read_stdout();
    let dropped = daemon.wait_for_log("the count of dropped lines", |line| {
        line["lines_dropped"].as_u64().is_some_and(|count| count > 0)
    });
    assert!(is_warning(&dropped));
    assert!(daemon.stop().success());
    let lines = daemon.log_to_the_end();
    let dropped: u64 = lines.iter().filter_map(|line| line["lines_dropped"].as_u64()).sum();
    let logged = numbers_logged(&lines).len() as u64;
    assert!(logged < REQUESTS && logged + dropped >= REQUESTS, "{logged} and {dropped}");
}

#[test]
fn a_stdout_that_nobody_reads_does_not_hold_up_the_end() {
    let mut daemon = Daemon::start_unread(&["--limit", "1000000"], &[]);
    let mut client = daemon.client();
    client.send(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000));
    for number in 1..=2_000 {
        assert_eq!(client.receive().number(), Some(number));
    }
    assert_eq!(daemon.stop().code(), Some(0));
}

fn numbers_logged(lines: &[Value]) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        lines.iter().filter_map(|line| line["request_num"].as_u64()).collect();
    numbers.sort_unstable();
    numbers
}
