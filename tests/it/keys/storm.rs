//! The promise of keys: exactly once by key, at scale, whatever breaks.
//!
//! Each key is tried several times at once, over 4 processes with 2 threads each, until each try is
//! answered with a number. Meanwhile connections to the store are cut, clients leave without their
//! answers, a process is killed with SIGKILL and replaced, and so is the store. `memory:` has one
//! process, and its clients leave; a file has one, too, which dies.
//!
//! `STORM_KEYS=10000 cargo test --release --test it keys::storm -- --nocapture` is the whole form,
//! and says what was seen.

mod takers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use takers::{Grant, Plan, Seen, Storm};

use super::{ask, is_replay};
use crate::support::daemon::Daemon;
use crate::support::http_client::{Answer, HttpClient};
use crate::support::store_file::StoreFile;
use crate::support::store_server::{KINDS, StoreServer};
use crate::support::wait::{wait_for, wait_until};

/// Keys of a run; a fifth of them are the takers without a key beside them.
const KEYS: u64 = 400;
const TRIES: u64 = 3;
const PROCESSES: usize = 4;
const CLIENTS: usize = 32;

/// Numbers beside those of keys and of takers that come to their answers, so that no key comes too
/// late: they are for takers without a key whose answers were lost. And one more for each 20 keys.
const SPARE_NUMBERS: u64 = 300;

/// What happens in a run, in this order.
const FAULTS: &[Fault] = &[
    Fault::Cut,
    Fault::Cut,
    Fault::KillProcess,
    Fault::Cut,
    Fault::KillStore,
    Fault::Cut,
    Fault::KillProcess,
    Fault::Cut,
    Fault::KillStore,
    Fault::Cut,
    Fault::KillProcess,
    Fault::Cut,
];

#[derive(Clone, Copy)]
enum Fault {
    /// The store closes every connection.
    Cut,
    KillProcess,
    KillStore,
}

#[test]
fn each_key_has_one_number_in_memory_while_clients_leave() {
    for anonymous in [0, keys() / 5] {
        let plan = plan(anonymous);
        let daemon = Daemon::start(&arguments(&plan.limit.to_string()));
        let storm = Storm::new(plan, vec![daemon.address()], 0);
        let start = Instant::now();
        let seen = storm.run(CLIENTS, || {});
        report("memory", &storm, &seen, start);
        verify(&storm, &seen, &daemon);
    }
}

#[test]
fn each_key_has_one_number_while_connections_processes_and_the_store_die() {
    for kind in KINDS {
        for anonymous in [0, keys() / 5] {
            let mut server = kind.start();
            let plan = plan(anonymous);
            let limit = plan.limit.to_string();
            let start_one = |url: &str| Daemon::start_with_store(url, &arguments(&limit));
            let mut daemons: Vec<_> = (0..PROCESSES).map(|_| start_one(&server.url())).collect();
            let addresses = daemons.iter().map(Daemon::address).collect();
            let storm = Storm::new(plan, addresses, FAULTS.len() as u64);
            let start = Instant::now();
            let seen = storm.run(CLIENTS, || {
                for (nth, fault) in FAULTS.iter().enumerate() {
                    storm.wait_for_fault(nth as u64);
                    let victim = nth % PROCESSES;
                    match fault {
                        Fault::Cut => cut(&server),
                        Fault::KillStore => restart_store(&mut server, &storm),
                        Fault::KillProcess => {
                            // Dropping it is SIGKILL.
                            daemons.remove(victim);
                            daemons.insert(victim, start_one(&server.url()));
                            storm.set_address(victim, daemons[victim].address());
                        }
                    }
                    storm.fault_is_over(nth as u64);
                }
            });
            report(&format!("{kind:?}"), &storm, &seen, start);
            verify(&storm, &seen, &daemons[0]);
            let limit = storm.plan.limit;
            assert_eq!(server.counter("default"), Some((limit, limit)), "{kind:?}");
        }
    }
}

#[test]
fn each_key_has_one_number_in_a_file_while_its_process_dies() {
    const DEATHS: u64 = 4;
    for anonymous in [0, keys() / 5] {
        let file = StoreFile::create();
        let plan = plan(anonymous);
        let limit = plan.limit.to_string();
        let start_one = || Daemon::start_with_store(&file.url(), &arguments(&limit));
        let mut daemon = Some(start_one());
        let addresses = daemon.iter().map(Daemon::address).collect();
        let storm = Storm::new(plan, addresses, DEATHS);
        let start = Instant::now();
        let seen = storm.run(CLIENTS, || {
            for nth in 0..DEATHS {
                storm.wait_for_fault(nth);
                daemon = None; // With SIGKILL: the next process finds the file unlocked.
                let next = daemon.insert(start_one());
                storm.set_address(0, next.address());
                storm.fault_is_over(nth);
            }
        });
        report("File", &storm, &seen, start);
        verify(&storm, &seen, daemon.as_ref().expect("it runs"));
    }
}

fn keys() -> u64 {
    let size = std::env::var("STORM_KEYS");
    size.map_or(KEYS, |size| size.parse().expect("a number of keys"))
}

fn plan(anonymous: u64) -> Plan {
    let keys = keys();
    Plan { keys, tries: TRIES, anonymous, limit: keys + anonymous + keys / 20 + SPARE_NUMBERS }
}

fn arguments(limit: &str) -> [&str; 6] {
    // So short a timeout that a store that is being restarted is told of, and tried again.
    ["--limit", limit, "--threads", "2", "--store-timeout", "500"]
}

/// Until there was a connection to cut.
fn cut(server: &StoreServer) {
    wait_until("a connection to cut", || server.cut_connections() > 0);
}

fn restart_store(server: &mut StoreServer, storm: &Storm) {
    let refused = storm.unanswered();
    server.kill();
    wait_until("a client to be told so", || storm.unanswered() > refused || storm.is_waiting());
    server.restart();
}

/// Takes the rest, and holds all numbers against each other.
fn verify(storm: &Storm, seen: &Seen, daemon: &Daemon) {
    let Plan { keys, anonymous, limit, .. } = storm.plan;
    let mut numbers = BTreeMap::new();
    let mut told_new = BTreeSet::new();
    for &Grant { key, number, is_replay } in &seen.keyed {
        assert_eq!(*numbers.entry(key).or_insert(number), number, "key {key} has two numbers");
        assert!(is_replay || told_new.insert(key), "key {key} was new twice");
    }
    assert_eq!(seen.keyed.len() as u64, keys * TRIES, "each try has its number");
    let mut client = daemon.client();
    let mut refused = 0;
    let rest: Vec<u64> =
        std::iter::from_fn(|| ask_until_told(&mut client, "", &mut refused).number()).collect();
    let mut distinct = BTreeSet::new();
    let keyed = numbers.values();
    for number in keyed.chain(&seen.anonymous).chain(&rest) {
        assert!((1..=limit).contains(number), "{number} is outside of 1 to {limit}");
        assert!(distinct.insert(number), "{number} was handed out twice");
    }
    assert_eq!((numbers.len() as u64, seen.anonymous.len() as u64), (keys, anonymous));
    let lost = limit - distinct.len() as u64;
    assert!(lost <= seen.anonymous_unanswered + refused, "{lost} are lost: a key's, too");
    for (key, number) in numbers {
        let field = format!("Idempotency-Key: key-{key}\r\n");
        let again = ask_until_told(&mut client, &field, &mut refused);
        assert_eq!((again.number(), is_replay(&again)), (Some(number), true), "key {key}");
    }
}

/// Asks until the answer is about a number: a busy store may be slower than the timeout. Counts
/// the other answers.
fn ask_until_told(client: &mut HttpClient, fields: &str, refused: &mut u64) -> Answer {
    wait_for("an answer of the store", || {
        let answer = ask(client, "POST", fields);
        *refused += u64::from(answer.is_unavailable());
        (!answer.is_unavailable()).then_some(answer)
    })
}

fn report(store: &str, storm: &Storm, seen: &Seen, start: Instant) {
    let distinct: BTreeSet<u64> = seen.keyed.iter().map(|grant| grant.number).collect();
    let replays = seen.keyed.iter().filter(|grant| grant.is_replay).count();
    eprintln!(
        "{store}: {} keys x {TRIES} and {} without: {} distinct numbers of keys, {replays} \
         replays, {} tries without an answer or refused, {} of them without a key, in {:?}",
        storm.plan.keys,
        seen.anonymous.len(),
        distinct.len(),
        storm.unanswered(),
        seen.anonymous_unanswered,
        start.elapsed(),
    );
}
