//! TLS to a real Redis and to a real PostgreSQL: what works, and what is refused with which words.

mod cluster;
mod postgres;
mod redis;

use crate::support::daemon::{Daemon, run};
use crate::support::wait::wait_until;

/// Starts the program with a store that it is not to reach, and gives the detail that it logs.
fn detail(url: &str, reason: &str) -> String {
    let daemon = Daemon::start(&["--store", url, "--threads=1"]);
    let line = daemon.last_error(&[reason]);
    assert_eq!(daemon.client().get("/").status, 503);
    let word = format!(r#"{{"error":"{reason}"}}"#);
    wait_until("/readyz to say why", || daemon.client().get("/readyz").body == word);
    line["detail"].as_str().expect("a failure has its detail").to_owned()
}

/// Starts the program with a store that it reaches, takes a number, and gives what it logs of TLS.
fn outcome(url: &str) -> String {
    let daemon = Daemon::start_with_store(url, &["--threads=1"]);
    assert!(daemon.client().get("/").number().is_some());
    let line = daemon.wait_for_log("that the store is ready", |line| line["msg"] == "store ready");
    line["tls"].as_str().unwrap_or("not said").to_owned()
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_one_line() {
    let missing = run(&["--store", "rediss://h?ca=/absent.pem"], &[]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr[0].contains("cannot read \"/absent.pem\""), "{missing:?}");
    let wrong = run(&["--store", "rediss://h?ca=Cargo.toml"], &[]);
    assert_eq!((wrong.code, wrong.stderr.len()), (Some(1), 1), "{wrong:?}");
    assert!(wrong.stderr[0].contains("\"Cargo.toml\" has no certificate in PEM"), "{wrong:?}");
    let url = "rediss://h?cert=tests/certificates/server.pem&key=tests/certificates/server.pem";
    let wrong = run(&["status", "--store", url], &[]);
    assert_eq!((wrong.code, wrong.stderr.len()), (Some(1), 1), "{wrong:?}");
    assert!(wrong.stderr[0].contains("has no private key in PEM"), "{wrong:?}");
}
