//! Changes whose answers are lost: sent again they are known to be done, and undo nothing that was
//! done since.

use std::sync::Arc;
use std::thread;

use super::{command, said};
use crate::support::daemon::Finished;
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::{KINDS, Kind, StoreServer};
use crate::support::wait::wait_until;

/// Runs a command through a proxy that lets no answer through once the counter is another, then
/// `meanwhile`, and then lets the command try again.
fn lose_answer(server: &Arc<StoreServer>, kind: Kind, words: &[&str], meanwhile: &str) -> Finished {
    let proxy = Proxy::start(kind, server.port(), Fault::None);
    let (watched, before) = (Arc::clone(server), counter(server));
    proxy.swallow_when(move || counter(&watched) != before);
    thread::scope(|scope| {
        let url = proxy.url();
        let running = scope.spawn(move || command(&url, words));
        wait_until("the change to have run", || proxy.swallowed() > 0);
        if !meanwhile.is_empty() {
            said(&server.url(), &meanwhile.split(' ').collect::<Vec<_>>());
        }
        proxy.pass_again();
        running.join().expect("it ends by itself")
    })
}

fn counter(server: &StoreServer) -> Option<(u64, u64)> {
    match server {
        StoreServer::Postgres(postgres) if !postgres.has_column("max") => None,
        server => server.counter("default"),
    }
}

#[test]
fn a_limit_whose_answer_was_lost_is_known_to_be_set() {
    for kind in KINDS {
        let server = Arc::new(kind.start());
        said(&server.url(), &["create", "default", "--limit", "9"]);
        let finished = lose_answer(&server, kind, &["set", "default", "--limit", "5"], "");
        assert_eq!(finished.code, Some(0), "{kind:?}: {finished:?}");
        assert_eq!(finished.stdout, ["counter default: limit 9 before, 5 now; 0 taken"]);
    }
}

#[test]
fn a_limit_that_was_changed_again_meanwhile_is_left_alone() {
    for kind in KINDS {
        let server = Arc::new(kind.start());
        said(&server.url(), &["create", "default", "--limit", "9"]);
        let words = ["set", "default", "--limit", "5"];
        let finished = lose_answer(&server, kind, &words, "set default --limit 7");
        assert_eq!(server.counter("default"), Some((0, 7)), "{kind:?}: {finished:?}");
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let line = finished.stderr.concat();
        assert!(line.contains("somebody else meanwhile; it may have been done before"), "{line}");
    }
}

#[test]
fn a_create_whose_answer_was_lost_has_created_the_counter() {
    for kind in KINDS {
        let server = Arc::new(kind.start());
        said(&server.url(), &["create", "other", "--limit", "9"]);
        let words = ["create", "default", "--limit", "5"];
        let finished = lose_answer(&server, kind, &words, "");
        assert_eq!(finished.code, Some(0), "{kind:?}: {finished:?}");
        assert_eq!(finished.stdout, ["counter default created: 0 of 5 taken"]);
    }
}

/// What arrives late finds the counter changed.
#[test]
fn a_limit_that_arrives_late_undoes_nothing() {
    const LIMIT: u64 = 7_654_321;
    for kind in KINDS {
        let server = kind.start();
        said(&server.url(), &["create", "default", "--limit", "9"]);
        let proxy = Proxy::start(kind, server.port(), Fault::None);
        proxy.held().hold(LIMIT);
        let limit = LIMIT.to_string();
        let finished = command(&proxy.url(), &["set", "default", "--limit", &limit]);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.concat().contains("may still happen"), "{finished:?}");
        said(&server.url(), &["set", "default", "--limit", "7"]);
        proxy.held().let_go(proxy.held().count());
        assert_eq!(server.counter("default"), Some((0, 7)), "{kind:?}");
    }
}
