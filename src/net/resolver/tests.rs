//! Names of which one is slow, with a name service of the tests.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use mio::{Events, Poll, Token};

use super::*;

/// Whoever holds it keeps the slow name from being resolved.
static SLOW: Mutex<()> = Mutex::new(());

const SLOW_ADDRESS: [u8; 4] = [127, 0, 0, 9];
const QUICK_ADDRESS: [u8; 4] = [127, 0, 0, 1];

fn look_up(host: &str, port: u16) -> Resolved {
    if host == "quick" {
        return Ok(vec![SocketAddr::from((QUICK_ADDRESS, port))]);
    }
    drop(hold());
    Ok(vec![SocketAddr::from((SLOW_ADDRESS, port))])
}

fn hold() -> MutexGuard<'static, ()> {
    SLOW.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Fixture {
    resolver: Resolver,
    poll: Poll,
    events: Events,
}

impl Fixture {
    fn new() -> Fixture {
        let poll = Poll::new().expect("a poll");
        let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
        let resolver = Resolver::asking(look_up, Arc::new(waker));
        Fixture { resolver, poll, events: Events::with_capacity(8) }
    }

    fn start(&mut self, host: &str, port: u16) -> io::Result<()> {
        self.resolver.start(host.to_owned(), port)
    }

    /// Waits for a wake after which there is what is looked for.
    fn wait_for<T>(&mut self, mut find: impl FnMut(&mut Resolver) -> Option<T>) -> T {
        loop {
            if let Some(found) = find(&mut self.resolver) {
                return found;
            }
            let polled = self.poll.poll(&mut self.events, Some(Duration::from_secs(20)));
            polled.expect("the poll works");
            assert!(!self.events.is_empty(), "nothing wakes the reactor");
        }
    }

    fn wait_for_addresses(&mut self) -> Vec<SocketAddr> {
        self.wait_for(Resolver::poll).expect("the name service answers")
    }

    fn wait_until_all_is_done(&mut self) {
        let is_done = |it: &mut Resolver| !it.lookups.iter().any(Lookup::is_pending);
        self.wait_for(|resolver| is_done(resolver).then_some(()));
    }
}

#[test]
fn a_late_answer_is_not_taken_for_that_of_the_next_name() {
    let mut fixture = Fixture::new();
    let held = hold();
    fixture.start("slow", 1).expect("a thread");
    fixture.start("quick", 2).expect("a thread");
    drop(held);
    assert_eq!(fixture.wait_for_addresses(), [SocketAddr::from((QUICK_ADDRESS, 2))]);
    fixture.wait_until_all_is_done();
    assert!(fixture.resolver.poll().is_none(), "nobody wants that of the slow one");
}

#[test]
fn what_is_found_for_an_abandoned_name_is_nobodys() {
    let mut fixture = Fixture::new();
    let held = hold();
    fixture.start("slow", 1).expect("a thread");
    fixture.resolver.abandon();
    drop(held);
    fixture.wait_until_all_is_done();
    assert!(fixture.resolver.poll().is_none());
}

#[test]
fn a_name_that_is_wanted_again_is_not_looked_up_twice_and_all_lookups_are_bounded() {
    let mut fixture = Fixture::new();
    let held = hold();
    for port in (1..=LOOKUPS_MAX as u16).chain([1]) {
        fixture.start("slow", port).expect("a thread");
    }
    assert_eq!(fixture.resolver.lookups.len(), LOOKUPS_MAX);
    assert!(fixture.start("quick", 1).is_err());
    assert!(fixture.resolver.poll().is_none());
    fixture.start("slow", 1).expect("it is under way");
    drop(held);
    assert_eq!(fixture.wait_for_addresses(), [SocketAddr::from((SLOW_ADDRESS, 1))]);
    fixture.wait_until_all_is_done();
    fixture.start("quick", 1).expect("the others have ended");
    assert_eq!(fixture.resolver.lookups.len(), 1);
}
