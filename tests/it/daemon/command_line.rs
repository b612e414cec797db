//! Flags, environment variables and exit codes.

use std::net::{SocketAddr, TcpListener};

use crate::support::daemon::{Daemon, run};
use crate::support::http_client::HttpClient;
use crate::support::process::free_port;
use crate::support::wait::wait_for;

const FLAGS: [&str; 10] = [
    "--listen",
    "--store",
    "--limit",
    "--counter",
    "--threads",
    "--halted-status",
    "--store-timeout",
    "--max-clients",
    "--version",
    "--help",
];

#[test]
fn a_wrong_command_line_is_one_clear_line_and_exit_code_2() {
    let long_name = "x".repeat(65);
    let wrong: [&[&str]; 26] = [
        &["--limit", "0"],
        &["--limit", "many"],
        &["--limit", "-1"],
        &["--limit", "9007199254740992"],
        &["--limit", ""],
        &["--limit"],
        &["--halted-status", "418"],
        &["--halted-status", "no"],
        &["--threads", "0"],
        &["--threads", "257"],
        &["--store-timeout", "9"],
        &["--store-timeout", "60001"],
        &["--max-clients", "0"],
        &["--max-clients", "1000001"],
        &["--counter", ""],
        &["--counter", &long_name],
        &["--listen", "nowhere"],
        &["--listen", "127.0.0.1:65536"],
        &["--store", "mysql://localhost/"],
        &["--store", "nonsense"],
        &["--store", "redis://"],
        &["--store", "redis://localhost/first"],
        &["--store", "postgres://"],
        &["--store", "postgres://localhost:port/"],
        &["--frobnicate", "1"],
        &["surplus"],
    ];
    for arguments in wrong {
        let finished = run(arguments, &[]);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert_eq!(finished.stdout, [""; 0], "{arguments:?}");
        assert_eq!(finished.stderr.len(), 1, "{arguments:?}: {finished:?}");
        // What is no flag may be a password: it is not repeated.
        let named = finished.stderr[0].contains(arguments[0]);
        assert_eq!(named, arguments[0].starts_with("--"), "{finished:?}");
    }
}

#[test]
fn a_wrong_environment_variable_is_one_clear_line_and_exit_code_2() {
    let finished = run(&[], &[("HEADCOUNT_LIMIT", "many")]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(2), 1), "{finished:?}");
    assert!(finished.stderr[0].contains("HEADCOUNT_LIMIT"), "{finished:?}");
}

#[test]
fn hostile_bytes_in_an_argument_reach_no_terminal() {
    let finished = run(&["--limit", "1\x1b[31m\n2"], &[]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(2), 1), "{finished:?}");
    assert!(!finished.stderr[0].contains('\x1b'), "{finished:?}");
}

#[test]
fn a_password_in_a_wrong_store_url_is_not_shown() {
    let urls = [
        "redis://me:hunter2@localhost:port/",
        "redis://me:hunter2@localhost:1/first",
        "postgres://me:hunter2@localhost:port/shop",
        "postgres://me:hunter2@localhost/shop?sslmode=require",
        "postgres:///shop?user=me&password=hunter2",
        "mysql://me:hunter2@localhost/",
        "redis://:hunter2@",
        "me:hunter2@localhost",
    ];
    for url in urls {
        for finished in [run(&["--store", url], &[]), run(&[], &[("HEADCOUNT_STORE", url)])] {
            assert_eq!(finished.code, Some(2), "{url}: {finished:?}");
            assert!(!finished.stderr.concat().contains("hunter2"), "{url}: {finished:?}");
        }
    }
}

#[test]
fn help_and_version_go_to_stdout_and_exit_with_0() {
    let help = run(&["--help"], &[("HEADCOUNT_STORE", "redis://me:hunter2@localhost")]);
    assert_eq!((help.code, help.stderr.len()), (Some(0), 0), "{help:?}");
    let text = help.stdout.join("\n");
    for flag in FLAGS {
        assert!(text.contains(flag), "--help does not name {flag}");
    }
    assert!(text.contains("HEADCOUNT_") && !text.contains("hunter2"), "{text}");

    let version = run(&["--version"], &[]);
    assert_eq!((version.code, version.stderr.len()), (Some(0), 0), "{version:?}");
    assert_eq!(version.stdout, [format!("headcount {}", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn a_port_in_use_is_one_clear_line_and_exit_code_1() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = holder.local_addr().expect("a listener has an address").to_string();
    let finished = run(&["--listen", &address], &[("RUST_LOG", "off")]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(1), 1), "{finished:?}");
    assert!(finished.stderr[0].contains(&address), "{finished:?}");
}

#[test]
fn environment_variables_set_what_flags_set() {
    let environment = [
        ("HEADCOUNT_LIMIT", "2"),
        ("HEADCOUNT_HALTED_STATUS", "410"),
        ("HEADCOUNT_THREADS", "1"),
        ("HEADCOUNT_COUNTER", "tickets"),
        ("HEADCOUNT_STORE", "memory:"),
        ("HEADCOUNT_STORE_TIMEOUT", "1000"),
        ("HEADCOUNT_MAX_CLIENTS", "100"),
    ];
    let daemon = Daemon::start_with(&[], &environment);
    let mut client = daemon.client();
    assert_eq!((client.get("/").number(), client.get("/").number()), (Some(1), Some(2)));
    assert_eq!(client.get("/").status, 410);
}

#[test]
fn a_flag_wins_over_its_environment_variable() {
    let environment = [("HEADCOUNT_LIMIT", "2"), ("HEADCOUNT_LISTEN", "nowhere.invalid:1")];
    let daemon = Daemon::start_with(&["--limit=7"], &environment);
    assert_eq!(daemon.client().get("/status").json()["limit"], 7);
}

#[test]
fn the_listener_comes_from_the_environment_too() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = address.to_string();
    let daemon = Daemon::start_at(address, &[], &[("HEADCOUNT_LISTEN", &listen)]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn clients_past_the_maximum_wait_or_are_closed_and_the_others_are_served() {
    let daemon = Daemon::start(&["--max-clients", "2", "--threads", "1"]);
    let mut served: Vec<_> = (0..2).map(|_| daemon.client()).collect();
    for client in &mut served {
        assert_eq!(client.get("/livez").status, 200);
    }
    let mut third = daemon.client();
    // It may be closed at once, so the sending may fail.
    let _ = third.try_send(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for client in &mut served {
        assert_eq!(client.get("/livez").status, 200);
    }
    drop(served);
    wait_for("room for another client", || {
        let mut client = HttpClient::try_connect(daemon.address()).ok()?;
        client.try_send(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").ok()?;
        client.try_receive().ok().filter(|answer| answer.status == 200)
    });
}
