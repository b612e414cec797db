//! Many clients at once, and the sum of what they were told.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::http_client::{Answer, HttpClient};
use super::wait::{wait_for, wait_until};

/// The pause of a client that got a 503 before it tries again.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Connections of a gentle load, each of which waits for one answer at a time.
pub const GENTLE_CONNECTIONS: usize = 8;

/// A request for a number.
const TAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// What the clients do.
pub struct Plan<'a> {
    /// The programs; connections go round.
    pub addresses: &'a [SocketAddr],
    pub connections: usize,
    /// Requests sent in one write before their answers are read.
    pub depth: u64,
    /// Requests in all; one that got a 503 is sent again until it gets another answer.
    pub requests: u64,
    /// The rest of each client after each answer.
    pub pause: Duration,
}

/// What the clients were told.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The numbers handed out, in no order.
    pub numbers: Vec<u64>,
    pub halted: u64,
    pub unavailable: u64,
    /// The longest time from a request to its answer.
    pub slowest: Duration,
    /// What should not happen: closed connections, other answers.
    pub failures: Vec<String>,
}

impl Tally {
    /// Panics when a number came twice or lies outside 1 to `limit`, or anything went wrong.
    pub fn assert_sound(&self, limit: u64) {
        assert!(self.failures.is_empty(), "went wrong: {:?}", self.failures);
        let unique: BTreeSet<u64> = self.numbers.iter().copied().collect();
        assert_eq!(unique.len(), self.numbers.len(), "a number came twice");
        let outside: Vec<&u64> = unique.iter().filter(|&&n| n == 0 || n > limit).collect();
        assert!(outside.is_empty(), "outside of 1 to {limit}: {outside:?}");
    }

    pub(super) fn add(&mut self, answer: &Answer) {
        if answer.is_unavailable() {
            self.unavailable += 1;
        } else if answer.is_halted() {
            self.halted += 1;
        } else if let Some(number) = answer.number() {
            self.numbers.push(number);
        } else {
            self.failures.push(format!("{answer:?}"));
        }
    }
}

/// Clients at work.
pub struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts the clients, each on a thread of its own.
    pub fn start(plan: &Plan) -> Self {
        let shared = Arc::new(Shared {
            requests_left: AtomicU64::new(plan.requests),
            stopped: AtomicBool::new(false),
            tally: Mutex::new(Tally::default()),
        });
        let workers = (0..plan.connections).map(|index| {
            let shared = Arc::clone(&shared);
            let address = plan.addresses[index % plan.addresses.len()];
            let (depth, pause) = (plan.depth, plan.pause);
            thread::spawn(move || shared.work(address, depth, pause))
        });
        Self { workers: workers.collect(), shared }
    }

    /// A gentle load without an end, to have something under way while a store suffers.
    pub fn start_gentle(address: SocketAddr) -> Self {
        let pause = Duration::from_millis(2);
        let (addresses, connections) = (&[address], GENTLE_CONNECTIONS);
        Self::start(&Plan { addresses, connections, depth: 1, requests: u64::MAX, pause })
    }

    /// Waits until this many more numbers were handed out.
    pub fn wait_for_numbers(&self, count: usize) {
        let wanted = self.shared.tally().numbers.len() + count;
        wait_until("numbers", || self.shared.tally().numbers.len() >= wanted);
    }

    /// Waits until this many more requests were told that the store is away.
    pub fn wait_for_unavailable(&self, count: u64) {
        let wanted = self.shared.tally().unavailable + count;
        wait_until("503s", || self.shared.tally().unavailable >= wanted);
    }

    /// What the clients were told until now.
    pub fn tally(&self) -> Tally {
        self.shared.tally().clone()
    }

    /// Waits for every request of the plan to have its answer; as long as it makes progress.
    pub fn finish(self) -> Tally {
        while self.workers.iter().any(|worker| !worker.is_finished()) {
            let before = self.progress();
            wait_for("progress of the load", || {
                let ended = self.workers.iter().all(JoinHandle::is_finished);
                (ended || self.progress() != before).then_some(())
            });
        }
        self.stop()
    }

    /// Ends the clients, each after the answer it waits for.
    pub fn stop(self) -> Tally {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.join().expect("a client does not panic");
        }
        self.shared.tally().clone()
    }

    /// Answers other than 503 until now, and failures.
    fn progress(&self) -> usize {
        let tally = self.shared.tally();
        let halted = usize::try_from(tally.halted).expect("the halted fit in memory");
        tally.numbers.len() + halted + tally.failures.len()
    }
}

struct Shared {
    requests_left: AtomicU64,
    stopped: AtomicBool,
    tally: Mutex<Tally>,
}

impl Shared {
    fn work(&self, address: SocketAddr, depth: u64, pause: Duration) {
        let mut client = HttpClient::try_connect(address);
        while let Some(count) = self.claim(depth) {
            let outcome = match &mut client {
                Ok(client) => self.exchange(client, count),
                Err(error) => Err(io::Error::from(error.kind())),
            };
            let rest = match outcome {
                Ok(0) => pause,
                Ok(unavailable) => {
                    self.requests_left.fetch_add(unavailable, Ordering::Relaxed);
                    RETRY_PAUSE
                }
                Err(error) => {
                    self.tally().failures.push(error.to_string());
                    return;
                }
            };
            thread::sleep(rest);
        }
    }

    /// Takes up to `depth` requests of the plan; none when it is done or stopped.
    fn claim(&self, depth: u64) -> Option<u64> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let order = Ordering::Relaxed;
        let claimed = self
            .requests_left
            .fetch_update(order, order, |left| (left > 0).then(|| left - left.min(depth)));
        claimed.ok().map(|left| left.min(depth))
    }

    /// Sends `count` requests in one write, reads their answers, and says how many were 503.
    fn exchange(&self, client: &mut HttpClient, count: u64) -> io::Result<u64> {
        let start = Instant::now();
        let count = usize::try_from(count).expect("a depth is small");
        client.try_send(&TAKE.repeat(count))?;
        let mut unavailable = 0;
        for _ in 0..count {
            let answer = client.try_receive()?;
            unavailable += u64::from(answer.is_unavailable());
            let mut tally = self.tally();
            tally.add(&answer);
            tally.slowest = tally.slowest.max(start.elapsed());
        }
        Ok(unavailable)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no client panics while it holds the tally")
    }
}
