//! Clients that try until they are answered with a number.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::super::is_replay;
use crate::support::http_client::{Answer, HttpClient};
use crate::support::wait::{wait_for, wait_until};

/// The pause before another try.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// Each so many jobs the client leaves at its first try, without its answer.
const LEAVES_EACH: u64 = 7;

/// After the tries of so many keys comes a take without one, if there are any.
const KEYS_BEFORE_ANONYMOUS: u64 = 5;

/// How many takes, of what.
pub struct Plan {
    pub keys: u64,
    pub tries: u64,
    /// A fifth of the keys, or 0.
    pub anonymous: u64,
    pub limit: u64,
}

impl Plan {
    fn jobs(&self) -> u64 {
        self.keys * self.tries + self.anonymous
    }
}

/// What a try with a key got.
pub struct Grant {
    pub key: u64,
    pub number: u64,
    pub is_replay: bool,
}

/// What the clients were told.
#[derive(Default)]
pub struct Seen {
    pub keyed: Vec<Grant>,
    pub anonymous: Vec<u64>,
    /// Tries without a key that may have cost a number that nobody saw.
    pub anonymous_unanswered: u64,
}

/// A run: its clients do the jobs of the plan, one after the other.
///
/// The jobs are in as many parts as there are faults, and one more. While a fault is being made the
/// clients go on with the next part, and no further: so each fault meets clients at work.
pub struct Storm {
    pub plan: Plan,
    addresses: Vec<Mutex<SocketAddr>>,
    jobs_a_part: u64,
    next_job: AtomicU64,
    done: AtomicU64,
    /// Jobs with lower numbers may begin.
    allowed: AtomicU64,
    unanswered: AtomicU64,
}

impl Storm {
    pub fn new(plan: Plan, addresses: Vec<SocketAddr>, faults: u64) -> Self {
        let jobs = plan.jobs();
        let jobs_a_part = jobs.div_ceil(faults + 1);
        let allowed = if faults == 0 { jobs } else { 2 * jobs_a_part };
        Self {
            plan,
            addresses: addresses.into_iter().map(Mutex::new).collect(),
            jobs_a_part,
            next_job: AtomicU64::new(0),
            done: AtomicU64::new(0),
            allowed: AtomicU64::new(allowed),
            unanswered: AtomicU64::new(0),
        }
    }

    /// Runs so many clients to the end of the plan, and beside them `faults`.
    pub fn run(&self, clients: usize, faults: impl FnOnce()) -> Seen {
        thread::scope(|scope| {
            let clients: Vec<_> =
                (0..clients).map(|client| scope.spawn(move || self.work(client))).collect();
            faults();
            let mut all = Seen::default();
            for client in clients {
                let seen = client.join().expect("no client panics");
                all.keyed.extend(seen.keyed);
                all.anonymous.extend(seen.anonymous);
                all.anonymous_unanswered += seen.anonymous_unanswered;
            }
            all
        })
    }

    /// Waits until the part before this fault is done.
    pub fn wait_for_fault(&self, nth: u64) {
        let wanted = (nth + 1) * self.jobs_a_part;
        wait_until("the clients", || self.done.load(Ordering::Relaxed) >= wanted);
    }

    /// Lets the clients begin the part behind the next one.
    pub fn fault_is_over(&self, nth: u64) {
        self.allowed.store((nth + 3) * self.jobs_a_part, Ordering::Relaxed);
    }

    /// Whether the clients have done all that they may, so that nobody meets the fault any more.
    pub fn is_waiting(&self) -> bool {
        let allowed = self.allowed.load(Ordering::Relaxed).min(self.plan.jobs());
        self.done.load(Ordering::Relaxed) >= allowed
    }

    /// The process with this place listens elsewhere now.
    pub fn set_address(&self, place: usize, address: SocketAddr) {
        *self.addresses[place].lock().expect("no client panics") = address;
    }

    /// How many tries were cut off or refused until now.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    fn work(&self, client: usize) -> Seen {
        let mut connection = Connection { place: client, open: None };
        let mut seen = Seen::default();
        loop {
            let job = self.next_job.fetch_add(1, Ordering::Relaxed);
            if job >= self.plan.jobs() {
                return seen;
            }
            wait_until("the fault", || job < self.allowed.load(Ordering::Relaxed));
            match self.key_of(job) {
                Some(key) => {
                    let field = format!("Idempotency-Key: key-{key}\r\n");
                    let (answer, _) = self.take(&mut connection, job, &field);
                    let number = answer.number().expect("the limit is far");
                    seen.keyed.push(Grant { key, number, is_replay: is_replay(&answer) });
                }
                None => {
                    let (answer, unanswered) = self.take(&mut connection, job, "");
                    seen.anonymous.push(answer.number().expect("the limit is far"));
                    seen.anonymous_unanswered += unanswered;
                }
            }
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The key of a job. The tries of one key follow each other, so that several clients have it at
    /// the same time.
    fn key_of(&self, job: u64) -> Option<u64> {
        let Plan { tries, anonymous, .. } = self.plan;
        if anonymous == 0 {
            return Some(job / tries);
        }
        let tries_a_group = KEYS_BEFORE_ANONYMOUS * tries;
        let (group, place) = (job / (tries_a_group + 1), job % (tries_a_group + 1));
        (place < tries_a_group).then_some(group * KEYS_BEFORE_ANONYMOUS + place / tries)
    }

    /// Tries until there is a number, each time at the next process. Gives how many tries came to
    /// nothing, too.
    fn take(&self, connection: &mut Connection, job: u64, field: &str) -> (Answer, u64) {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n");
        let mut unanswered = 0;
        let mut is_leaving = job.is_multiple_of(LEAVES_EACH);
        let answer = wait_for("a number", || {
            let tried = connection.try_take(self, &request, std::mem::take(&mut is_leaving));
            if let Ok(answer) = tried
                && answer.status == 200
            {
                return Some(answer);
            }
            unanswered += 1;
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            connection.leave();
            thread::sleep(RETRY_PAUSE);
            None
        });
        (answer, unanswered)
    }
}

/// A client's connection, to one process after the other.
struct Connection {
    place: usize,
    open: Option<HttpClient>,
}

impl Connection {
    fn try_take(&mut self, storm: &Storm, request: &str, is_leaving: bool) -> io::Result<Answer> {
        let mut client = match self.open.take() {
            Some(client) => client,
            None => {
                let address = &storm.addresses[self.place % storm.addresses.len()];
                let address = *address.lock().expect("no client panics");
                HttpClient::try_connect(address)?
            }
        };
        client.try_send(request.as_bytes())?;
        if is_leaving {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let answer = client.try_receive()?;
        self.open = Some(client);
        Ok(answer)
    }

    /// The next try is at the next process.
    fn leave(&mut self) {
        self.place += 1;
        self.open = None;
    }
}
