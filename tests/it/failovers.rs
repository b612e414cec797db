//! Failovers of a Sentinel set under load: what is handed out twice, and how long nothing is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::daemon::{Daemon, run};
use crate::support::http_client::HttpClient;
use crate::support::sentinels::Sentinels;
use crate::support::wait::wait_until;

/// What a failover is made by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cause {
    /// A command to a sentinel.
    Command,
    /// kill -9 of the primary.
    Kill,
}

/// The numbers as they came, with their times.
#[derive(Default)]
struct Seen {
    numbers: Mutex<Vec<(Instant, u64)>>,
    is_over: AtomicBool,
}

impl Seen {
    fn take_until_over(&self, daemon: &Daemon) {
        let mut client = daemon.client();
        while !self.is_over.load(Ordering::Relaxed) {
            if let Some(number) = take(&mut client, daemon) {
                self.numbers().push((Instant::now(), number));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn numbers(&self) -> MutexGuard<'_, Vec<(Instant, u64)>> {
        self.numbers.lock().expect("no thread panics while it holds the numbers")
    }

    fn count(&self) -> usize {
        self.numbers().len()
    }

    /// How many numbers came more than once.
    fn repeated(&self) -> usize {
        let mut times = BTreeMap::new();
        for (_, number) in self.numbers().iter() {
            *times.entry(*number).or_insert(0) += 1;
        }
        times.values().filter(|count| **count > 1).count()
    }

    /// The longest time without a number from this one on.
    fn longest_pause(&self, first: usize) -> Duration {
        let numbers = self.numbers();
        let pairs = numbers[first.saturating_sub(1)..].windows(2);
        pairs.map(|pair| pair[1].0 - pair[0].0).max().unwrap_or_default()
    }
}

/// Ends the load, also where a round fails.
struct Ends<'a>(&'a Seen);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

fn take(client: &mut HttpClient, daemon: &Daemon) -> Option<u64> {
    let is_sent = client.try_send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_ok();
    match client.try_receive() {
        Ok(answer) if is_sent => answer.number(),
        _ => {
            *client = daemon.client();
            None
        }
    }
}

/// Two programs under load, and so many failovers of each cause in turn.
fn failovers(parameters: &str, rounds: usize) {
    let mut set = Sentinels::start();
    let url = format!("{}{parameters}", set.url(None));
    let limit = ["--limit", "10000000", "--threads", "1"];
    let daemons = [(); 2].map(|()| Daemon::start_with_store(&url, &limit));
    let (seen, mut pauses, mut recovered) = (Seen::default(), Vec::new(), 0);
    thread::scope(|scope| {
        let _ends = Ends(&seen);
        for daemon in daemons.iter().chain(&daemons) {
            scope.spawn(|| seen.take_until_over(daemon));
        }
        for round in 0..rounds {
            let cause = if round % 2 == 0 { Cause::Command } else { Cause::Kill };
            let before = seen.count();
            recovered += wait_for_numbers(before + 200, &url, &daemons, &seen);
            let start = seen.count();
            let old = set.fail_over(cause == Cause::Kill);
            wait_until("another primary", || set.primary() != old);
            // With `wait=2` nothing goes on before it is back.
            if cause == Cause::Kill {
                set.servers[old].restart();
            }
            recovered += wait_for_numbers(seen.count() + 200, &url, &daemons, &seen);
            set.wait_until_whole();
            eprintln!("{round}: {cause:?}, {} numbers", seen.count());
            pauses.push((cause, seen.longest_pause(start)));
        }
    });
    let greatest = seen.numbers().iter().map(|(_, number)| *number).max();
    eprintln!(
        "{parameters}: {} numbers up to {greatest:?}, {} of them more than once, {recovered} times \
         set by hand; the longest time without a number at each failover: {pauses:?}",
        seen.count(),
        seen.repeated(),
    );
}

/// Waits until there are so many, and gives how often the count had to be set by hand for that.
fn wait_for_numbers(count: usize, url: &str, daemons: &[Daemon], seen: &Seen) -> usize {
    let mut recovered = 0;
    let is_refused =
        |daemon: &Daemon| daemon.client().get("/readyz/default").body.contains("backwards");
    wait_until("numbers", || {
        if seen.count() < count && daemons.iter().any(is_refused) {
            recovered += usize::from(set_behind(url, seen));
        }
        seen.count() >= count
    });
    recovered
}

/// Goes on behind all that was handed out, as the operator does when a count was lost.
fn set_behind(url: &str, seen: &Seen) -> bool {
    let greatest = seen.numbers().iter().map(|(_, number)| *number).max();
    let taken = (greatest.unwrap_or_default() + 100).to_string();
    run(&["set", "default", "--taken", &taken, "--store", url], &[]).code == Some(0)
}

/// For the figures, by hand:
/// `cargo test --test it -- --ignored --nocapture --test-threads 1 failovers::`.
#[test]
#[ignore = "takes minutes: for the figures, by hand"]
fn twenty_failovers_with_one_replica_that_counts() {
    failovers("?wait=1", 20);
}

#[test]
#[ignore = "takes minutes: for the figures, by hand"]
fn twenty_failovers_with_two_replicas_that_count() {
    failovers("?wait=2", 20);
}

#[test]
#[ignore = "takes minutes: for the figures, by hand"]
fn twenty_failovers_without_a_replica_that_counts() {
    failovers("", 20);
}
