//! A counter that was lost: no start of another process brings it back, only a reset does.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    Number, ONE_THREAD, Unavailable, first_number, numbers, on_each_store, reason, reset_well,
    take, takes, wait_until_it_has_seen_the_store,
};
use crate::support::daemon::Daemon;
use crate::support::store_server::{Kind, StoreServer};

const HOUR_MICROS: u64 = 3_600_000_000;

/// What may be said of it by one who had seen it: it is gone, or somebody has created it anew.
const LOST: &[&str] = &["missing", "recreated"];
/// And by one who learns from the store that another had seen more.
const REFUSED: &[&str] = &["missing", "recreated", "backwards"];

/// Who misses it first writes down what it had seen.
#[test]
fn a_counter_that_somebody_misses_is_not_created_again_but_by_a_reset() {
    on_each_store(|kind| {
        let server = kind.start();
        let first = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert_eq!(takes(&first, 3), numbers(1..=3));
        server.delete_counter();
        assert_eq!(take(&first), Unavailable);
        let second = Daemon::start(&[&["--store", &server.url()], ONE_THREAD].concat());
        wait_until_it_has_seen_the_store(&second);
        assert_eq!(take(&second), Unavailable);
        assert_refused(&first, &second);
        reset_well(&server, &["--limit", "50"]);
        assert_eq!([first_number(&first), first_number(&second)], [1, 2]);
    });
}

/// The one who had seen it is asked only after the other has begun to count.
#[test]
fn a_counter_that_was_created_again_unseen_is_refused_once_somebody_who_knew_it_was_asked() {
    on_each_store(|kind| {
        let server = kind.start();
        let first = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert_eq!(takes(&first, 3), numbers(1..=3));
        server.delete_counter();
        let second = Daemon::start_with_store(&server.url(), ONE_THREAD);
        assert_eq!(takes(&second, 5), numbers(1..=5));
        assert_refused(&first, &second);
        reset_well(&server, &["--limit", "50"]);
        assert_eq!([first_number(&first), first_number(&second)], [1, 2]);
    });
}

#[test]
fn a_reset_is_followed_though_the_lost_epoch_was_ahead_of_the_clock() {
    let server = Kind::Redis.start();
    reset_well(&server, &["--limit", "100"]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970").as_micros();
    server.set_epoch(u64::try_from(now).expect("it is before the year 500,000") + HOUR_MICROS);
    let daemon = Daemon::start_with_store(&server.url(), ONE_THREAD);
    assert_eq!(takes(&daemon, 3), numbers(1..=3));
    let StoreServer::Redis(redis) = &server else { unreachable!() };
    let () = redis.command(&["FLUSHALL"]);
    assert_eq!(take(&daemon), Unavailable);
    reset_well(&server, &["--limit", "5"]);
    assert_eq!(take(&daemon), Number(1), "its reason: {}", reason(&daemon));
}

/// The one who had seen it speaks first: from then on it is refused by all.
fn assert_refused(knowing: &Daemon, other: &Daemon) {
    for (daemon, reasons) in [(knowing, LOST), (other, REFUSED), (knowing, LOST)] {
        for _ in 0..3 {
            assert_eq!(take(daemon), Unavailable);
        }
        let reason = reason(daemon);
        assert!(reasons.contains(&&*reason), "the reason is {reason:?}");
        daemon.last_error(reasons);
    }
}
