//! An ordinary client at work while others misbehave: what it sees of the engine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::http_client::HttpClient;

/// The rest between two rounds: it is to see how the service is, and no load.
const PAUSE: Duration = Duration::from_millis(5);

/// A client that asks on a connection of long ago and on a new one, in turn.
pub struct Probe {
    stopped: Arc<AtomicBool>,
    worker: JoinHandle<Sight>,
}

/// What it saw.
#[derive(Debug, Default)]
pub struct Sight {
    /// The times of its answers, in order: sorted when it is handed out.
    pub latencies: Vec<Duration>,
    /// The numbers that it took, as they came.
    pub numbers: Vec<u64>,
}

impl Probe {
    /// Starts it.
    pub fn start(address: SocketAddr) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stopped);
        let worker = thread::spawn(move || work(address, &until));
        Self { stopped, worker }
    }

    /// Ends it.
    ///
    /// # Panics
    /// When one of its requests was not answered as it should be.
    pub fn stop(self) -> Sight {
        self.stopped.store(true, Ordering::Relaxed);
        let mut sight = self.worker.join().expect("the probe was served throughout");
        sight.latencies.sort_unstable();
        sight
    }
}

impl Sight {
    /// The longest time to an answer.
    pub fn slowest(&self) -> Duration {
        *self.latencies.last().expect("it asked at least once")
    }

    /// The time within which so many of a thousand answers came.
    pub fn quantile(&self, per_mille: usize) -> Duration {
        self.latencies[(self.latencies.len() - 1) * per_mille / 1_000]
    }
}

fn work(address: SocketAddr, stopped: &AtomicBool) -> Sight {
    let mut kept = HttpClient::connect(address);
    let mut sight = Sight::default();
    while !stopped.load(Ordering::Relaxed) {
        let start = Instant::now();
        assert_eq!(kept.get("/livez").status, 200);
        sight.latencies.push(start.elapsed());
        let start = Instant::now();
        let number = HttpClient::connect(address).get("/").number();
        sight.latencies.push(start.elapsed());
        sight.numbers.push(number.expect("the limit is far"));
        thread::sleep(PAUSE);
    }
    sight
}
