//! Many clients at once who take from several counters, and what each counter told them.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::http_client::HttpClient;
use super::load::Tally;
use super::wait::{wait_for, wait_until};

/// The pause of a client behind a 503.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// What the clients do.
pub struct PathPlan<'a> {
    /// The programs; connections go round.
    pub addresses: &'a [SocketAddr],
    /// The counters; requests go round.
    pub names: &'a [String],
    pub connections: usize,
    /// Requests sent in one write, each for the next counter, before their answers are read.
    pub depth: usize,
    /// Requests in all; one that got a 503 is sent again until it gets another answer.
    pub requests: u64,
    /// The rest of each client after its answers.
    pub pause: Duration,
}

/// Clients at work.
pub struct PathLoad {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl PathLoad {
    /// Starts the clients, each on a thread of its own.
    pub fn start(plan: &PathPlan) -> Self {
        let shared = Arc::new(Shared {
            names: plan.names.to_vec(),
            next: AtomicU64::new(0),
            requests: plan.requests,
            depth: plan.depth,
            pause: plan.pause,
            is_stopped: AtomicBool::new(false),
            tallies: Mutex::new(vec![Tally::default(); plan.names.len()]),
        });
        let workers = (0..plan.connections).map(|index| {
            let shared = Arc::clone(&shared);
            let address = plan.addresses[index % plan.addresses.len()];
            thread::spawn(move || shared.work(address))
        });
        Self { workers: workers.collect(), shared }
    }

    /// A gentle load of one counter without an end.
    pub fn start_gentle(address: SocketAddr, name: &str) -> Self {
        Self::start(&PathPlan {
            addresses: &[address],
            names: &[name.to_owned()],
            connections: 4,
            depth: 1,
            requests: u64::MAX,
            pause: Duration::from_millis(2),
        })
    }

    /// Waits until this many more numbers were handed out by each counter.
    pub fn wait_for_numbers(&self, count: usize) {
        let before: Vec<usize> = self.shared.tallies().iter().map(|it| it.numbers.len()).collect();
        wait_until("numbers of each counter", || {
            let tallies = self.shared.tallies();
            tallies.iter().zip(&before).all(|(tally, it)| tally.numbers.len() >= it + count)
        });
    }

    /// Waits until this many more requests were told that the store is away.
    pub fn wait_for_unavailable(&self, count: u64) {
        let wanted = self.total(|tally| tally.unavailable) + count;
        wait_until("503s", || self.total(|tally| tally.unavailable) >= wanted);
    }

    /// Waits until this many more requests were sent away.
    pub fn wait_for_halted(&self, count: u64) {
        let wanted = self.total(|tally| tally.halted) + count;
        wait_until("clients sent away", || self.total(|tally| tally.halted) >= wanted);
    }

    /// What the clients of the first counter were told until now.
    pub fn tally(&self) -> Tally {
        self.shared.tallies()[0].clone()
    }

    /// Waits for every request of the plan to have its answer; as long as it makes progress.
    pub fn finish(self) -> Vec<Tally> {
        while self.workers.iter().any(|worker| !worker.is_finished()) {
            let before = self.progress();
            wait_for("progress of the load", || {
                let is_over = self.workers.iter().all(JoinHandle::is_finished);
                (is_over || self.progress() != before).then_some(())
            });
        }
        self.stop()
    }

    /// Ends the clients, each after the answers it waits for; a tally for each counter.
    pub fn stop(self) -> Vec<Tally> {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.join().expect("a client does not panic");
        }
        self.shared.tallies().clone()
    }

    fn total(&self, count: impl Fn(&Tally) -> u64) -> u64 {
        self.shared.tallies().iter().map(count).sum()
    }

    fn progress(&self) -> u64 {
        self.total(|tally| tally.halted + (tally.numbers.len() + tally.failures.len()) as u64)
    }
}

struct Shared {
    names: Vec<String>,
    /// How many requests of the plan were begun.
    next: AtomicU64,
    requests: u64,
    depth: usize,
    pause: Duration,
    is_stopped: AtomicBool,
    /// By the place of the counter in `names`.
    tallies: Mutex<Vec<Tally>>,
}

impl Shared {
    fn work(&self, address: SocketAddr) {
        let mut again = Vec::new();
        let mut client = match HttpClient::try_connect(address) {
            Ok(client) => client,
            Err(error) => return self.fail(&error),
        };
        loop {
            let places = self.claim(&mut again);
            if places.is_empty() || self.is_stopped.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.exchange(&mut client, &places, &mut again) {
                return self.fail(&error);
            }
            thread::sleep(if again.is_empty() { self.pause } else { RETRY_PAUSE });
        }
    }

    /// The places of the counters to take from: first those that were told 503.
    fn claim(&self, again: &mut Vec<usize>) -> Vec<usize> {
        let mut places: Vec<usize> = again.drain(..again.len().min(self.depth)).collect();
        while places.len() < self.depth {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests {
                break;
            }
            places.push(usize::try_from(number).expect("a request is counted") % self.names.len());
        }
        places
    }

    /// Takes from these counters in one write, and reads the answers.
    fn exchange(
        &self,
        client: &mut HttpClient,
        places: &[usize],
        again: &mut Vec<usize>,
    ) -> io::Result<()> {
        let start = Instant::now();
        let requests: String = places.iter().map(|place| take(&self.names[*place])).collect();
        client.try_send(requests.as_bytes())?;
        for place in places {
            let answer = client.try_receive()?;
            if answer.is_unavailable() {
                again.push(*place);
            }
            let tally = &mut self.tallies()[*place];
            tally.add(&answer);
            tally.slowest = tally.slowest.max(start.elapsed());
        }
        Ok(())
    }

    fn fail(&self, error: &io::Error) {
        self.tallies()[0].failures.push(error.to_string());
    }

    fn tallies(&self) -> MutexGuard<'_, Vec<Tally>> {
        self.tallies.lock().expect("no client panics while it holds the tallies")
    }
}

/// A request for a number of this counter.
pub fn take(name: &str) -> String {
    format!("GET /take/{name} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// Takes from each counter over so many connections, enough to meet every reactor, and gives what
/// each has handed out. For numbers that were granted for clients who were gone.
pub fn sweep(address: SocketAddr, names: &[String], connections: usize) -> Vec<HashSet<u64>> {
    let mut found = vec![HashSet::new(); names.len()];
    let requests: String = names.iter().map(|name| take(name)).collect();
    for _ in 0..connections {
        let mut client = HttpClient::connect(address);
        client.send(requests.as_bytes());
        for (name, numbers) in names.iter().zip(&mut found) {
            let number = client.receive().number().expect("service is back");
            assert!(numbers.insert(number), "{number} of {name} came twice");
        }
    }
    found
}
