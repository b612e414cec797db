//! Epochs: what a reset, a loss, a failover or a lost answer may never do to the numbers. In one
//! epoch none is given twice and none past the limit, and what the counter lost stays refused.

mod between_two_resets;
mod clock;
mod damage;
mod failover;
mod in_flight;
mod late_resets;
mod layouts;
mod loss;
mod refused_resets;
mod resets;
mod stopping;
mod unclaimed;

use std::sync::Arc;
use std::thread;

use serde_json::Value;

use crate::support::daemon::{Daemon, Finished, run};
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::{KINDS, Kind, StoreServer};
use crate::support::wait::{wait_for, wait_until};

/// One reactor, so that every request meets the same batches and the same unclaimed numbers.
const ONE_THREAD: &[&str] = &["--threads", "1"];

const TAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// What a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Number(u64),
    GoAway,
    Unavailable,
}

use Said::{GoAway, Number, Unavailable};

/// Takes once, on a connection of its own.
fn take(daemon: &Daemon) -> Said {
    let answer = daemon.client().get("/");
    match answer.status {
        503 => Unavailable,
        _ if answer.is_halted() => GoAway,
        _ => Number(answer.number().unwrap_or_else(|| panic!("no number: {answer:?}"))),
    }
}

fn takes(daemon: &Daemon, count: usize) -> Vec<Said> {
    (0..count).map(|_| take(daemon)).collect()
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> Vec<Said> {
    numbers.into_iter().map(Number).collect()
}

/// The first number of a process that may still be finding its way back to the store.
fn first_number(daemon: &Daemon) -> u64 {
    wait_for("a number", || match take(daemon) {
        Number(number) => Some(number),
        GoAway => panic!("sent away, and no limit is near"),
        Unavailable => None,
    })
}

/// The reason that `/readyz` gives; empty if the process is ready.
fn reason(daemon: &Daemon) -> String {
    let answer = daemon.client().get("/readyz");
    if answer.status == 200 {
        return String::new();
    }
    answer.json()["error"].as_str().unwrap_or_default().to_owned()
}

/// Waits until a process has an opinion of its store, whichever.
fn wait_until_it_has_seen_the_store(daemon: &Daemon) {
    wait_until("word of the store", || !["connecting", "timeout"].contains(&&*reason(daemon)));
}

/// A reset, or with `--taken` a set.
fn reset(store_url: &str, arguments: &[&str]) -> Finished {
    let is_set = arguments.contains(&"--taken");
    let command: &[&str] =
        if is_set { &["set", "default"] } else { &["reset", "default", "--yes"] };
    run(&[command, &["--store", store_url], arguments].concat(), &[])
}

fn reset_well(server: &StoreServer, arguments: &[&str]) {
    let finished = reset(&server.url(), arguments);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(!finished.stdout.is_empty(), "it does not say what it did: {finished:?}");
}

/// Checks each store at the same time, and names those that failed.
fn on_each_store(check: impl Fn(Kind) + Sync) {
    thread::scope(|scope| {
        let check = &check;
        let threads = KINDS.map(|kind| {
            let thread = thread::Builder::new().name(format!("{kind:?}"));
            (kind, thread.spawn_scoped(scope, move || check(kind)).expect("a thread starts"))
        });
        let failed = threads.map(|(kind, thread)| thread.join().is_err().then_some(kind));
        let failed: Vec<Kind> = failed.into_iter().flatten().collect();
        assert!(failed.is_empty(), "failed on {failed:?}; see above");
    });
}

/// The lines that a process has logged until its end, of those with these words in `msg`.
fn lines_with(daemon: &Daemon, words: &str) -> Vec<Value> {
    let is_wanted = |line: &Value| line["msg"].as_str().is_some_and(|msg| msg.contains(words));
    daemon.log_to_the_end().into_iter().filter(is_wanted).collect()
}

/// A process that reaches its store through a proxy.
struct Scene {
    server: Arc<StoreServer>,
    proxy: Proxy,
    daemon: Daemon,
}

impl Scene {
    /// A limit of 100, and this store timeout in milliseconds.
    fn start(kind: Kind, store_timeout: &str) -> Self {
        let server = Arc::new(kind.start());
        let proxy = Proxy::start(kind, server.port(), Fault::None);
        let patience = ["--store-timeout", store_timeout];
        let daemon = Daemon::start_with_store(&proxy.url(), &[ONE_THREAD, &patience].concat());
        Self { server, proxy, daemon }
    }

    fn taken(&self) -> u64 {
        self.server.counter("default").expect("the counter is there").0
    }

    /// Has the store take so many numbers in one batch whose reply never comes, and waits until
    /// their clients are told 503.
    fn lose(&self, count: usize) {
        let taken = self.taken() + count as u64;
        self.proxy.set(Fault::Swallow);
        let mut client = self.daemon.client();
        client.send(&TAKE.repeat(count));
        wait_until("the store to take", || self.taken() == taken);
        for _ in 0..count {
            assert_eq!(client.receive().status, 503, "its reply was swallowed");
        }
    }

    /// The same, and then the process learns what it was granted, and nobody is left to take it.
    /// A look is answered only after that: replies come in order.
    fn leave_unclaimed(&self, count: usize) {
        self.lose(count);
        self.proxy.pass_again();
        wait_until("a look", || self.daemon.client().get("/status").status == 200);
    }
}
