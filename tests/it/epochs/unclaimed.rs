//! Numbers that were granted for clients who had left: they end with their epoch, and are never
//! given past the limit or without a word of the store.

use super::{
    GoAway, ONE_THREAD, Said, Scene, Unavailable, numbers, on_each_store, reset_well, take, takes,
};
use crate::support::daemon::Daemon;
use crate::support::store_server::Kind;

/// Long enough for a store on a busy machine, short enough for those who wait it out.
const STORE_TIMEOUT: &str = "1000";

/// Ten were handed out, and three more are unclaimed.
fn start_with_unclaimed(kind: Kind) -> Scene {
    let scene = Scene::start(kind, STORE_TIMEOUT);
    assert_eq!(takes(&scene.daemon, 10), numbers(1..=10));
    scene.leave_unclaimed(3);
    scene
}

#[test]
fn unclaimed_numbers_are_handed_out_to_those_who_come_next() {
    on_each_store(|kind| {
        let scene = start_with_unclaimed(kind);
        assert_eq!(takes(&scene.daemon, 4), numbers(11..=14));
    });
}

/// A process that knew the last number to be taken would send them away.
#[test]
fn unclaimed_numbers_are_handed_out_though_the_store_has_none_left() {
    on_each_store(|kind| {
        let scene = Scene::start(kind, STORE_TIMEOUT);
        assert_eq!(takes(&scene.daemon, 10), numbers(1..=10));
        scene.server.set_limit(13);
        scene.leave_unclaimed(3);
        let expected: Vec<Said> = [numbers(11..=13), vec![GoAway; 2]].concat();
        assert_eq!(takes(&scene.daemon, 5), expected);
    });
}

#[test]
fn unclaimed_numbers_end_with_a_reset() {
    on_each_store(|kind| {
        let scene = start_with_unclaimed(kind);
        reset_well(&scene.server, &["--limit", "5"]);
        let expected: Vec<Said> = [numbers(1..=5), vec![GoAway; 3]].concat();
        assert_eq!(takes(&scene.daemon, 8), expected);
    });
}

#[test]
fn unclaimed_numbers_end_with_a_reset_that_another_process_saw_first() {
    on_each_store(|kind| {
        let scene = start_with_unclaimed(kind);
        reset_well(&scene.server, &["--limit", "5"]);
        let other = Daemon::start_with_store(&scene.server.url(), ONE_THREAD);
        assert_eq!(takes(&other, 2), numbers(1..=2));
        let expected: Vec<Said> = [numbers(3..=5), vec![GoAway; 3]].concat();
        assert_eq!(takes(&scene.daemon, 6), expected);
    });
}

/// By hand and in Redis alone: PostgreSQL's table has a check of its own.
#[test]
fn unclaimed_numbers_past_a_limit_that_was_lowered_are_not_handed_out() {
    let scene = start_with_unclaimed(Kind::Redis);
    scene.server.set_limit(2);
    let said = takes(&scene.daemon, 4);
    let is_number = |said: &Said| matches!(said, Said::Number(_));
    assert!(!said.iter().any(is_number), "ten were taken of a limit of 2, and now {said:?}");
}

#[test]
fn unclaimed_numbers_of_a_counter_that_is_gone_are_not_handed_out() {
    on_each_store(|kind| {
        let scene = start_with_unclaimed(kind);
        scene.server.delete_counter();
        for _ in 0..4 {
            assert_eq!(take(&scene.daemon), Unavailable);
        }
    });
}
