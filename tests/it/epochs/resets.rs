//! One reset begins one epoch, whatever becomes of its answer.

use super::{Number, ONE_THREAD, numbers, on_each_store, reset, reset_well, take, takes};
use crate::support::daemon::Daemon;
use crate::support::redis_server::RedisServer;

#[test]
fn a_reset_begins_a_later_epoch_that_is_marked_as_made_by_a_reset() {
    on_each_store(|kind| {
        let server = kind.start();
        let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
        let created = (server.epoch(), server.made());
        assert_eq!(take(&daemon), Number(1));
        reset_well(&server, &["--limit", "7"]);
        assert_eq!(server.counter("default"), Some((0, 7)));
        assert!(server.epoch() > created.0, "{} after {}", server.epoch(), created.0);
        assert_eq!((created.1.as_str(), server.made().as_str()), ("created", "reset"));
    });
}

#[test]
fn a_reset_to_a_count_begins_an_epoch_that_goes_on_there() {
    on_each_store(|kind| {
        let server = kind.start();
        let daemon =
            Daemon::start_with_store(&server.url(), &[ONE_THREAD, &["--limit", "50"]].concat());
        assert_eq!(takes(&daemon, 10), numbers(1..=10));
        let before = server.epoch();
        reset_well(&server, &["--taken", "20"]);
        assert_eq!(server.counter("default"), Some((20, 50)), "the store's limit is kept");
        assert!(server.epoch() > before);
        assert_eq!(server.made(), "set");
        assert_eq!(takes(&daemon, 2), numbers(21..=22));
        reset_well(&server, &["--taken", "30", "--limit", "31"]);
        assert_eq!(server.counter("default"), Some((30, 31)));
        assert_eq!(take(&daemon), Number(31));
    });
}

#[test]
fn a_reset_to_a_count_below_what_is_stored_is_refused() {
    on_each_store(|kind| {
        let server = kind.start();
        let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert_eq!(takes(&daemon, 10), numbers(1..=10));
        let before = server.epoch();
        let finished = reset(&server.url(), &["--taken", "9"]);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert_eq!((server.epoch(), server.counter("default")), (before, Some((10, 100))));
        reset_well(&server, &["--taken", "10"]);
        assert_eq!(take(&daemon), Number(11));
    });
}

/// Redis is silent for as long as a reset tries; what it was sent it reads afterwards, though
/// whoever sent it is gone. A reset deletes the counter's key once.
#[test]
fn a_reset_that_a_silent_redis_carries_out_late_runs_no_more_than_once() {
    let redis = RedisServer::start(&[]);
    let first = reset(&redis.url(), &["--limit", "9"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    let () = redis.command(&["CONFIG", "RESETSTAT"]);
    redis.pause();
    let finished = reset(&redis.url(), &["--limit", "5"]);
    redis.resume();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    redis.settle();
    let resets = redis.calls("del") + redis.calls("unlink");
    assert!(resets <= 1, "one reset was carried out {resets} times");
}
