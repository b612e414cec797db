//! The one connection of a process to PostgreSQL, whose threads share it.

use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::load::{Load, Plan};
use crate::support::postgres_server::PostgresServer;

const CONNECTIONS: &str = "select count(*) from pg_stat_activity \
    where backend_type = 'client backend' and pid <> pg_backend_pid()";

#[test]
fn four_threads_have_one_connection_and_hand_out_every_number_once() {
    let postgres = PostgresServer::start();
    let daemon = Daemon::start_with_store(&postgres.url(), &["--limit=100", "--threads=4"]);
    let tally = Load::start(&Plan {
        addresses: &[daemon.address()],
        connections: 32,
        depth: 1,
        requests: 150,
        pause: Duration::ZERO,
    })
    .finish();
    tally.assert_sound(100);
    assert_eq!((tally.numbers.len(), tally.halted, tally.unavailable), (100, 50, 0));
    assert_eq!(postgres.sql(CONNECTIONS), "1");
    assert_eq!(postgres.counter("default"), Some((100, 100)));
}

#[test]
fn threads_that_stop_under_load_answer_every_client_and_lose_no_number() {
    let postgres = PostgresServer::start();
    let limit = 1_000_000;
    let mut daemon = Daemon::start_with_store(&postgres.url(), &["--limit=1000000", "--threads=4"]);
    let load = Load::start_gentle(daemon.address());
    load.wait_for_numbers(200);
    daemon.signal("TERM");
    assert!(daemon.wait_for_exit().success());
    let tally = load.stop();
    let taken = postgres.counter("default").map(|(taken, _)| taken);
    let mut numbers = tally.numbers.clone();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), tally.numbers.len(), "a number came twice");
    assert!(numbers.iter().all(|number| (1..=limit).contains(number)));
    assert_eq!(taken, Some(numbers.len() as u64), "a number was taken and its client not told");
    let spent = |line: &serde_json::Value| line["msg"].as_str().unwrap_or("").contains("spent");
    assert!(!daemon.log_to_the_end().iter().any(spent));
}
