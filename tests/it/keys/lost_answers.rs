//! Keys and a store whose answers are lost on their way: one number each, whatever happens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::{is_replay, take};
use crate::support::daemon::{Daemon, run};
use crate::support::http_client::HttpClient;
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::{KINDS, StoreServer};
use crate::support::wait::wait_until;

const KEYS: u64 = 400;
const CLIENTS: u64 = 8;
const TRIES: u64 = 3;
const CUTS: u64 = 30;

fn said(server: &StoreServer, words: &[&str]) {
    let finished = run(&[words, &["--store", &server.url()]].concat(), &[]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

/// The connection breaks between what the store did and its answer.
#[test]
fn a_key_whose_grant_was_lost_on_the_way_gets_it_and_is_no_replay() {
    for kind in KINDS {
        let server = Arc::new(kind.start());
        let proxy = Proxy::start(kind, server.port(), Fault::None);
        let daemon = Daemon::start_with_store(&proxy.url(), &["--limit", "2", "--threads", "1"]);
        let watched = Arc::clone(&server);
        proxy.swallow_when(move || watched.counter("default").is_some_and(|(taken, _)| taken > 0));
        let mut clients = [daemon.client(), daemon.client()];
        clients[0].send(b"POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\n\r\n");
        wait_until("the take to have run", || proxy.swallowed() > 0);
        clients[1].send(b"POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: b\r\n\r\n");
        proxy.pass_again();
        let answers = clients.each_mut().map(HttpClient::receive);
        assert_eq!(answers.each_ref().map(|answer| answer.number()), [Some(1), Some(2)]);
        assert!(answers.iter().all(|answer| !is_replay(answer)), "{answers:?}");
        assert_eq!(server.counter("default"), Some((2, 2)));
        let again = take(&mut daemon.client(), "a");
        assert_eq!((again.number(), is_replay(&again)), (Some(1), true));
    }
}

#[test]
fn a_set_keeps_the_numbers_of_keys_and_a_reset_forgets_them() {
    for kind in KINDS {
        let server = kind.start();
        let daemon = Daemon::start_with_store(&server.url(), &["--limit", "9"]);
        let mut client = daemon.client();
        assert_eq!(take(&mut client, "a").number(), Some(1));
        for change in [["set", "default", "--limit", "6"], ["set", "default", "--taken", "4"]] {
            said(&server, &change);
            let again = take(&mut client, "a");
            assert_eq!((again.number(), is_replay(&again)), (Some(1), true), "{change:?}");
        }
        assert_eq!(take(&mut client, "b").number(), Some(5));
        said(&server, &["reset", "default", "--yes"]);
        for key in ["b", "a"] {
            assert!(!is_replay(&take(&mut client, key)), "{key} is of the last sale");
        }
        assert_eq!(server.counter("default"), Some((2, 6)));
    }
}

/// Each key is tried by several at once, at two processes, some beside takes without a key.
#[test]
fn keys_tried_until_they_are_answered_have_one_number_each_however_often_connections_break() {
    for kind in KINDS {
        let server = kind.start();
        let arguments = ["--limit", "1000000", "--threads", "2"];
        let daemons = [0, 1].map(|_| Daemon::start_with_store(&server.url(), &arguments));
        let addresses = daemons.each_ref().map(Daemon::address);
        let (done, grants) = (AtomicU64::new(0), AtomicU64::new(0));
        let seen = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (done, grants) = (&done, &grants);
                    scope.spawn(move || try_keys(client, addresses, done, grants))
                })
                .collect();
            let mut cuts = 0;
            while cuts < CUTS && done.load(Ordering::Relaxed) < CLIENTS {
                cuts += server.cut_connections();
            }
            let seen = clients.into_iter().flat_map(|it| it.join().expect("no client panics"));
            seen.collect::<Vec<(u64, u64)>>()
        });
        let mut numbers = BTreeMap::new();
        for (key, number) in seen {
            assert_eq!(*numbers.entry(key).or_insert(number), number, "key {key} has two numbers");
        }
        let distinct: BTreeMap<u64, u64> = numbers.iter().map(|(key, it)| (*it, *key)).collect();
        assert_eq!((numbers.len(), distinct.len()), (KEYS as usize, KEYS as usize));
        let (taken, _) = server.counter("default").expect("it is there");
        assert_eq!(taken, KEYS + CLIENTS * (KEYS * TRIES / CLIENTS / 10), "{kind:?}");
        assert_eq!(grants.into_inner(), KEYS, "each is told once that it is no replay");
    }
}

/// The keys that this client tried, with what each got. Each tenth time it takes without one.
fn try_keys(
    client: u64,
    addresses: [SocketAddr; 2],
    done: &AtomicU64,
    grants: &AtomicU64,
) -> Vec<(u64, u64)> {
    let mut connections = addresses.map(HttpClient::connect);
    let mut numbers = Vec::new();
    for round in 0..KEYS * TRIES / CLIENTS {
        // As many clients as tries have the same key at about the same time.
        let key = (round * CLIENTS + client) / TRIES;
        let connection = &mut connections[(client % 2) as usize];
        let answer = take(connection, &format!("key-{key}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        grants.fetch_add(u64::from(!is_replay(&answer)), Ordering::Relaxed);
        numbers.push((key, answer.number().expect("the limit is far")));
        if round % 10 == 9 {
            assert!(connection.get("/").number().is_some(), "the limit is far");
        }
    }
    done.fetch_add(1, Ordering::Relaxed);
    numbers
}
