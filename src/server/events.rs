//! What the first thread waits for: signals, and reactors that end.
//!
//! A lock and a condition variable: the standard library's channels are 18 KB of the binary.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What happens to the process.
#[derive(Debug)]
pub enum Event {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Hangup,
    /// A reactor's loop has returned.
    ReactorEnded(io::Result<()>),
}

/// The events that were not seen yet, in their order.
#[derive(Debug, Default)]
pub struct Events {
    list: Mutex<VecDeque<Event>>,
    has_one: Condvar,
}

impl Events {
    /// One more.
    pub fn push(&self, event: Event) {
        self.list().push_back(event);
        self.has_one.notify_one();
    }

    /// Waits for the next one; `None` if there is none by then. Without a deadline it waits for
    /// ever.
    pub fn next(&self, deadline: Option<Instant>) -> Option<Event> {
        let mut list = self.list();
        while list.is_empty() {
            let now = Instant::now();
            let left = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
            if left.is_zero() {
                return None;
            }
            let waited = self.has_one.wait_timeout(list, left);
            (list, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        list.pop_front()
    }

    fn list(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_their_order_and_a_wait_has_an_end() {
        let events = Events::default();
        let past = Some(Instant::now());
        assert!(events.next(past).is_none());
        events.push(Event::Stop);
        events.push(Event::Hangup);
        assert!(matches!(events.next(past), Some(Event::Stop)));
        assert!(matches!(events.next(None), Some(Event::Hangup)));
        std::thread::scope(|scope| {
            scope.spawn(|| events.push(Event::ReactorEnded(Ok(()))));
            assert!(matches!(events.next(None), Some(Event::ReactorEnded(Ok(())))));
        });
    }
}
