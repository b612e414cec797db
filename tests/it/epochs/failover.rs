//! A store that went back behind what it had acknowledged: whoever notices stops all.

use super::{
    Number, ONE_THREAD, Scene, Unavailable, first_number, numbers, on_each_store, reason, reset,
    reset_well, take, takes, wait_until_it_has_seen_the_store,
};
use crate::support::daemon::Daemon;
use crate::support::proxy::{Fault, Proxy};
use crate::support::redis_server::{RedisServer, counter_key};
use crate::support::store_server::{Kind, StoreServer};
use crate::support::wait::wait_until;

#[test]
fn a_count_that_went_back_is_refused_by_all_once_one_who_saw_more_was_asked() {
    on_each_store(|kind| {
        let server = kind.start();
        let daemons = [(); 2].map(|()| Daemon::start_with_store(&server.url(), ONE_THREAD));
        take_twenty(&daemons);
        let restore = keep(&server);
        assert_eq!(takes(&daemons[0], 10), numbers(21..=30));
        restore();
        assert_stopped(&daemons);
        // The store itself remembers it, for those who have seen nothing.
        let newcomer = Daemon::start(&[&["--store", &server.url()], ONE_THREAD].concat());
        wait_until_it_has_seen_the_store(&newcomer);
        assert_eq!(takes(&newcomer, 3), [Unavailable; 3]);
        assert_eq!(reason(&newcomer), "backwards");
        assert_ended_by_a_set(&server.url(), &daemons);
    });
}

#[test]
fn a_reset_ends_the_refusal_of_a_count_that_went_back() {
    on_each_store(|kind| {
        let server = kind.start();
        let daemons = [(); 2].map(|()| Daemon::start_with_store(&server.url(), ONE_THREAD));
        take_twenty(&daemons);
        let restore = keep(&server);
        assert_eq!(takes(&daemons[0], 10), numbers(21..=30));
        restore();
        assert_stopped(&daemons);
        reset_well(&server, &["--limit", "7"]);
        assert_eq!([first_number(&daemons[0]), first_number(&daemons[1])], [1, 2]);
    });
}

/// What was acknowledged after the replica was cut off is lost with the primary.
#[test]
fn a_replica_that_lacks_what_one_process_saw_is_refused_by_all() {
    let primary = RedisServer::start(&["--repl-diskless-sync-delay", "0"]);
    let replica = RedisServer::start(&[]);
    let port = primary.port().to_string();
    let () = replica.command(&["REPLICAOF", "127.0.0.1", &port]);
    let proxy = Proxy::start(Kind::Redis, primary.port(), Fault::None);
    let arguments = [ONE_THREAD, &["--store-timeout", "1000"]].concat();
    let daemons = [(); 2].map(|()| Daemon::start_with_store(&proxy.url(), &arguments));
    take_twenty(&daemons);
    wait_until("the replica", || replica.counter("default") == Some((20, 100)));
    let () = replica.command(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(takes(&daemons[0], 10), numbers(21..=30));
    proxy.switch_to(replica.port());
    assert_stopped(&daemons);
    assert_ended_by_a_set(&replica.url(), &daemons);
}

/// Its connection outlives the failover, and by the time that it asks again the count has overtaken
/// what it had seen.
#[test]
fn unclaimed_numbers_that_a_failover_lost_and_others_took_are_given_up() {
    let scene = Scene::start(Kind::Redis, "300");
    assert_eq!(takes(&scene.daemon, 3), numbers(1..=3));
    let fail_over = keep(&scene.server);
    scene.leave_unclaimed(2);
    scene.daemon.signal("STOP");
    fail_over();
    let other = Daemon::start_with_store(&scene.server.url(), ONE_THREAD);
    assert_eq!(takes(&other, 6), numbers(4..=9));
    scene.daemon.signal("CONT");
    assert_eq!(first_number(&scene.daemon), 10);
}

/// The first sees 19 of them, the second all 20.
fn take_twenty(daemons: &[Daemon; 2]) {
    assert_eq!(takes(&daemons[0], 19), numbers(1..=19));
    assert_eq!(take(&daemons[1]), Number(20));
}

/// Keeps a copy of the counter as it is, and gives what puts it back.
fn keep(server: &StoreServer) -> impl Fn() + '_ {
    let key = counter_key("default");
    let copy = move |from: &str, to: &str| {
        if let StoreServer::Redis(redis) = server {
            let _: u64 = redis.command(&["COPY", from, to, "REPLACE"]);
        }
    };
    copy(&key, "kept");
    let (taken, _) = server.counter("default").expect("the counter is there");
    move || match server {
        StoreServer::Redis(_) => copy("kept", &key),
        StoreServer::Postgres(_) => server.set("taken", taken),
    }
}

/// The first one has seen 30, and the store holds 20.
fn assert_stopped(daemons: &[Daemon; 2]) {
    assert_eq!(take(&daemons[0]), Unavailable);
    assert_eq!(reason(&daemons[0]), "backwards");
    assert_eq!(takes(&daemons[1], 5), [Unavailable; 5], "the other had seen no more than 20");
    assert_eq!(reason(&daemons[1]), "backwards");
    assert_eq!(takes(&daemons[0], 3), [Unavailable; 3]);
    for daemon in daemons {
        daemon.last_error(&["backwards"]);
    }
}

fn assert_ended_by_a_set(store_url: &str, daemons: &[Daemon; 2]) {
    let below = reset(store_url, &["--taken", "25"]);
    assert_eq!(below.code, Some(1), "30 were seen: {below:?}");
    assert_eq!(take(&daemons[1]), Unavailable);
    let finished = reset(store_url, &["--taken", "30"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!([first_number(&daemons[0]), first_number(&daemons[1])], [31, 32]);
}
