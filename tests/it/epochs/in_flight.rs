//! Asks whose reply was lost: they come again, and their answers belong to their epoch.

use std::collections::BTreeSet;

use super::{
    GoAway, Number, ONE_THREAD, Scene, TAKE, first_number, numbers, on_each_store, reset_well,
    take, takes,
};
use crate::support::daemon::Daemon;
use crate::support::http_client::Answer;
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::Kind;
use crate::support::wait::wait_until;

/// Nobody's time is up in these tests.
const STORE_TIMEOUT: &str = "20000";

#[test]
fn an_ask_that_comes_again_after_a_reset_is_given_no_number_of_the_epoch_before() {
    on_each_store(|kind| {
        let scene = Scene::start(kind, STORE_TIMEOUT);
        assert_eq!(takes(&scene.daemon, 10), numbers(1..=10));
        scene.proxy.set(Fault::Swallow);
        let mut client = scene.daemon.client();
        client.send(TAKE);
        wait_until("the store to take", || scene.taken() == 11);
        reset_well(&scene.server, &["--limit", "100"]);
        let other = Daemon::start_with_store(&scene.server.url(), ONE_THREAD);
        assert_eq!(takes(&other, 12), numbers(1..=12));
        scene.proxy.pass_again();
        let again = client.receive();
        let again = (again.status == 200).then(|| again.number()).flatten();
        assert!(again.is_none_or(|number| number > 12), "{again:?} was given to another already");
        let next = take(&scene.daemon);
        assert!(matches!(next, Number(number) if number > 12 && Some(number) != again), "{next:?}");
    });
}

/// The same when its client has left: what it was granted may be kept for the next one.
#[test]
fn an_ask_without_a_client_that_comes_again_after_a_reset_leaves_no_number_behind() {
    on_each_store(|kind| {
        let scene = Scene::start(kind, "1000");
        assert_eq!(takes(&scene.daemon, 10), numbers(1..=10));
        scene.lose(3);
        reset_well(&scene.server, &["--limit", "100"]);
        let other = Daemon::start_with_store(&scene.server.url(), ONE_THREAD);
        assert_eq!(takes(&other, 13), numbers(1..=13));
        scene.proxy.pass_again();
        let mut seen: BTreeSet<u64> = (1..=13).collect();
        for _ in 0..6 {
            let number = first_number(&scene.daemon);
            assert!(seen.insert(number), "{number} was given to another already");
        }
    });
}

/// Redis has two asks in flight. The first finds the last number taken, then the limit is raised,
/// and the second is granted the next one; neither hears of it.
#[test]
fn two_asks_that_come_again_lose_no_number_when_the_limit_was_raised_between_them() {
    let server = Kind::Redis.start();
    let proxy = Proxy::start(Kind::Redis, server.port(), Fault::None);
    let patience = ["--store-timeout", STORE_TIMEOUT];
    let daemon = Daemon::start_with_store(&proxy.url(), &[ONE_THREAD, &patience].concat());
    assert_eq!(take(&daemon), Number(1));
    proxy.set(Fault::Swallow);
    server.set_limit(1);
    let mut clients = [daemon.client(), daemon.client()];
    clients[0].send(TAKE);
    wait_until("the first to have run", || proxy.swallowed() > 0);
    server.set_limit(10);
    clients[1].send(TAKE);
    wait_until("the second to take", || server.counter("default") > Some((1, 10)));
    proxy.pass_again();
    let answers = clients.map(|mut client| client.receive());
    let mut seen: Vec<u64> = answers.iter().filter_map(number_of).collect();
    while let Number(number) = take(&daemon) {
        seen.push(number);
    }
    assert_eq!(take(&daemon), GoAway);
    seen.sort_unstable();
    assert_eq!(seen, (2..=10).collect::<Vec<u64>>(), "to the two: {answers:?}");
}

fn number_of(answer: &Answer) -> Option<u64> {
    (answer.status == 200).then(|| answer.number()).flatten()
}
