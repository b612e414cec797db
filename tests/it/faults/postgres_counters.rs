//! Several counters over one connection to a real PostgreSQL: they share a transaction, and one
//! that is locked or broken costs the others nothing that lasts.

mod link;

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use headcount::store::error::StoreError;
use headcount::store::request::Reply;

use crate::support::postgres_server::PostgresServer;
use link::Link;

/// Not in the order of their names.
const NAMES: [&str; 4] = ["shoes", "coats", "hats", "gloves"];
/// In so many wakes a locked or broken counter is tried.
const WAKES: u32 = 60;
/// In so many of them at least it fails: the first one or two may still find it well.
const BROKEN_WAKES_MIN: u32 = WAKES - 2;
/// How long two processes take from the same counters.
const TRIAL: Duration = Duration::from_secs(3);

/// What came of many wakes.
#[derive(Default)]
struct Tally {
    numbers: HashMap<usize, Vec<u64>>,
    /// Wakes in which a counter did not get what it asked for, by its place.
    failures: HashMap<usize, u32>,
    last_failure: HashMap<usize, StoreError>,
}

impl Tally {
    fn add(&mut self, replies: &[(usize, Reply)]) {
        for (place, reply) in replies {
            match reply {
                Reply::Granted(grant) => {
                    let numbers = grant.first..grant.first + grant.granted;
                    self.numbers.entry(*place).or_default().extend(numbers);
                }
                Reply::GrantedToKeys(..) => panic!("it was asked without keys"),
                Reply::NotRun => *self.failures.entry(*place).or_default() += 1,
                Reply::Failed(error) => {
                    *self.failures.entry(*place).or_default() += 1;
                    self.last_failure.insert(*place, *error);
                }
            }
        }
    }

    fn failures_of(&self, place: usize) -> u32 {
        self.failures.get(&place).copied().unwrap_or_default()
    }

    /// This counter failed in nearly every wake, and each other one in so many at most.
    fn assert_failed(&self, broken: usize, others_max: u32) {
        let seen = (&self.failures, &self.last_failure);
        assert!(self.failures_of(broken) >= BROKEN_WAKES_MIN, "{seen:?}");
        let mut others = (0..NAMES.len()).filter(|place| *place != broken);
        assert!(others.all(|place| self.failures_of(place) <= others_max), "{seen:?}");
    }

    /// Each has every number from 1, once.
    fn assert_gapless(&mut self) {
        for (place, numbers) in &mut self.numbers {
            numbers.sort_unstable();
            let count = numbers.len() as u64;
            assert_eq!(*numbers, (1..=count).collect::<Vec<_>>(), "{}", NAMES[*place]);
        }
    }
}

/// Takes from all counters in each of so many wakes.
fn take_in(link: &mut Link, wakes: u32, tally: &mut Tally) {
    for _ in 0..wakes {
        tally.add(&link.take(&[0, 1, 2, 3], 2));
        thread::sleep(Duration::from_millis(10)); // As the engine does behind a failure.
    }
}

#[test]
fn the_takes_of_a_wake_are_one_transaction() {
    let postgres = PostgresServer::start();
    let mut link = Link::connect(&postgres, &NAMES);
    for expected in ["1", "1"] {
        let replies = link.take(&[3, 0, 2], 2);
        assert_eq!(replies.len(), 3);
        assert!(replies.iter().all(|(_, reply)| matches!(reply, Reply::Granted(_))), "{replies:?}");
        let transactions = "select count(distinct xmin::text) from headcount where taken > 0";
        assert_eq!(postgres.sql(transactions), expected);
    }
    let taken = "select string_agg(taken::text, ',' order by name) from headcount";
    assert_eq!(postgres.sql(taken), "0,4,4,4");
}

#[test]
fn only_counters_that_were_taken_from_have_rows_of_the_link() {
    let postgres = PostgresServer::start();
    let names: Vec<String> = (0..200).map(|number| format!("counter{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut link = Link::connect(&postgres, &names);
    assert_eq!(postgres.sql("select count(*) from headcount"), "200");
    assert_eq!(postgres.sql("select count(*) from headcount_answer"), "0");
    link.take(&[7, 8, 9], 1);
    link.take(&[7, 8, 9], 1);
    link.take(&[11], 0);
    assert_eq!(postgres.sql("select count(*) from headcount_answer where sequence = 2"), "3");
    assert_eq!(postgres.sql("select count(*) from headcount_answer"), "3");
    // And those that are deleted come back, with a wake that is answered anew.
    postgres.sql("delete from headcount_answer");
    assert_eq!(link.take(&[7], 1), [(7, Reply::NotRun)]);
    assert!(matches!(link.take(&[7], 1)[..], [(7, Reply::Granted(_))]));
    assert_eq!(postgres.sql("select count(*) from headcount_answer"), "1");
}

#[test]
fn a_locked_counter_costs_the_others_one_wait() {
    let postgres = PostgresServer::start();
    let mut link = Link::connect(&postgres, &NAMES);
    let mut tally = Tally::default();
    tally.add(&link.take(&[0, 1, 2, 3], 2));
    let lock =
        "begin; select * from headcount where name = 'hats' for update; select pg_sleep(600)";
    let session = postgres.hold(lock);
    take_in(&mut link, WAKES, &mut tally);
    tally.assert_failed(2, 1);
    // The connection stays, and with it what is known of the lock.
    assert_eq!(postgres.logged("due to lock timeout"), 1, "the first wake waits");
    let refused_at_once = postgres.logged("could not obtain lock");
    assert!(refused_at_once >= BROKEN_WAKES_MIN as usize, "the others do not: {refused_at_once}");
    drop(session);
    link.take_until(2);
    tally.numbers.remove(&2);
    tally.failures.clear();
    tally.last_failure.clear();
    take_in(&mut link, WAKES / 3, &mut tally);
    assert!(tally.failures.is_empty(), "{:?}, {:?}", tally.failures, tally.last_failure);
    tally.numbers.remove(&2);
    tally.assert_gapless();
    let transactions = "select count(distinct xmin::text) from headcount";
    assert_eq!(postgres.sql(transactions), "1", "it is one of the others again");
}

#[test]
fn a_counter_that_its_database_refuses_makes_the_others_fail_once() {
    let statements = "alter table headcount add constraint no check (name <> 'hats' or taken < 3)";
    let postgres = PostgresServer::start();
    let mut link = Link::connect(&postgres, &NAMES);
    postgres.sql(statements);
    let mut tally = Tally::default();
    take_in(&mut link, WAKES, &mut tally);
    tally.assert_failed(2, 1);
    assert_eq!(tally.last_failure[&2], StoreError::Refused);
    tally.assert_gapless();
}

#[test]
fn a_counter_whose_commit_fails_makes_the_others_fail_once() {
    let postgres = PostgresServer::start();
    let mut link = Link::connect(&postgres, &NAMES);
    postgres.sql(
        "create function fail() returns trigger language plpgsql as \
         $$ begin raise exception 'no' using errcode = 'P0001'; end $$; \
         create constraint trigger fail after update on headcount \
         deferrable initially deferred for each row when (new.name = 'hats') \
         execute function fail()",
    );
    let mut tally = Tally::default();
    take_in(&mut link, WAKES, &mut tally);
    tally.assert_failed(2, 1);
    postgres.sql("drop function fail cascade");
    let numbers = tally.numbers.remove(&2);
    assert_eq!(numbers, None, "what was undone is not handed out");
    assert!(matches!(link.take(&[2], 2)[..], [(2, Reply::Granted(grant))] if grant.first == 1));
    tally.assert_gapless();
}

#[test]
fn a_row_that_makes_no_sense_costs_the_others_nothing() {
    let postgres = PostgresServer::start();
    let mut link = Link::connect(&postgres, &NAMES);
    let mut tally = Tally::default();
    tally.add(&link.take(&[0, 1, 2, 3], 2));
    postgres.sql(
        "alter table headcount drop constraint headcount_check; \
         update headcount set max = -7 where name = 'hats'",
    );
    take_in(&mut link, WAKES, &mut tally);
    tally.assert_failed(2, 0);
    assert_eq!(tally.last_failure[&2], StoreError::Type);
    tally.assert_gapless();
}

/// They serve the same counters in opposite orders, and lose their connections on the way.
#[test]
fn two_processes_never_wait_for_each_other_in_a_circle_and_lose_no_number() {
    let postgres = PostgresServer::start();
    let mut backwards = NAMES;
    backwards.reverse();
    let mut links = [Link::connect(&postgres, &NAMES), Link::connect(&postgres, &backwards)];
    let mut together: HashMap<&str, Vec<u64>> = HashMap::new();
    let tallies = thread::scope(|scope| {
        let threads = links.each_mut().map(|link| {
            scope.spawn(move || {
                let mut tally = Tally::default();
                let start = Instant::now();
                while start.elapsed() < TRIAL {
                    tally.add(&link.take(&[0, 1, 2, 3], 3));
                }
                tally
            })
        });
        for _ in 0..5 {
            thread::sleep(TRIAL / 8);
            postgres.cut_sessions();
        }
        threads.map(|thread| thread.join().expect("the thread is sound"))
    });
    for (tally, names) in tallies.into_iter().zip([NAMES, backwards]) {
        assert!(!tally.last_failure.values().any(|error| *error == StoreError::Conflict));
        for (place, numbers) in tally.numbers {
            assert!(numbers.len() > 50, "{} of {}", numbers.len(), names[place]);
            together.entry(names[place]).or_default().extend(numbers);
        }
    }
    for (name, mut numbers) in together {
        numbers.sort_unstable();
        let count = numbers.len() as u64;
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "{name}");
    }
    let deadlocks = "select deadlocks from pg_stat_database where datname = 'postgres'";
    assert_eq!(postgres.sql(deadlocks), "0");
}
