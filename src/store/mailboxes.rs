//! What a store that reactors share has for each of them, a source: its events, and whether it is
//! to be woken.

use std::collections::VecDeque;

use crate::store::request::StoreEvent;

/// The source that has the socket of a shared connection; a file has none.
pub const OWNER: usize = 0;

#[derive(Debug, Default)]
struct Mailbox {
    events: VecDeque<StoreEvent>,
    /// It is woken, or will be, and has not looked since.
    is_woken: bool,
    has_left: bool,
}

/// One mailbox a source. Each event wakes its source, so none waits there for long.
#[derive(Debug)]
pub struct Mailboxes {
    boxes: Vec<Mailbox>,
    /// Those who could not send something, and look again once the connection has got further.
    waiting: Vec<usize>,
    to_wake: Vec<usize>,
}

impl Mailboxes {
    /// Empty ones for so many sources.
    pub fn new(sources: usize) -> Mailboxes {
        let boxes = (0..sources).map(|_| Mailbox::default()).collect();
        Mailboxes { boxes, waiting: Vec::new(), to_wake: Vec::new() }
    }

    /// An event for one.
    pub fn push(&mut self, source: usize, event: StoreEvent) {
        if !self.boxes[source].has_left {
            self.boxes[source].events.push_back(event);
            self.wake(source);
        }
    }

    /// An event for all.
    pub fn push_to_all(&mut self, event: StoreEvent) {
        (0..self.boxes.len()).for_each(|source| self.push(source, event.clone()));
    }

    /// The next event of a source.
    pub fn pop(&mut self, source: usize) -> Option<StoreEvent> {
        self.boxes[source].events.pop_front()
    }

    /// Whether there is an event for a source, which looks now: from now on it is to be woken for
    /// the next one.
    pub fn look(&mut self, source: usize) -> bool {
        let mailbox = &mut self.boxes[source];
        mailbox.is_woken = false;
        !mailbox.events.is_empty()
    }

    /// Whether there is no event for a source.
    pub fn is_empty(&self, source: usize) -> bool {
        self.boxes[source].events.is_empty()
    }

    /// Has a source woken, unless it is being woken already.
    pub fn wake(&mut self, source: usize) {
        let mailbox = &mut self.boxes[source];
        if !mailbox.has_left && !std::mem::replace(&mut mailbox.is_woken, true) {
            self.to_wake.push(source);
        }
    }

    /// A source waits for the connection to get further. The owner turns then by itself.
    pub fn await_progress(&mut self, source: usize) {
        if source != OWNER && !self.waiting.contains(&source) {
            self.waiting.push(source);
        }
    }

    /// The connection may have got further.
    pub fn wake_waiting(&mut self) {
        while let Some(source) = self.waiting.pop() {
            self.wake(source);
        }
    }

    /// Those who are to be woken now.
    pub fn take_wakes(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.to_wake)
    }

    /// A source has left: what it has not taken out.
    pub fn leave(&mut self, source: usize) -> VecDeque<StoreEvent> {
        self.boxes[source].has_left = true;
        std::mem::take(&mut self.boxes[source].events)
    }

    /// Whether this source has left.
    pub fn has_left(&self, source: usize) -> bool {
        self.boxes[source].has_left
    }

    /// Whether all have left.
    pub fn have_all_left(&self) -> bool {
        self.boxes.iter().all(|mailbox| mailbox.has_left)
    }

    /// Whether all but this one have left.
    pub fn is_last(&self, source: usize) -> bool {
        let mut boxes = self.boxes.iter().enumerate();
        boxes.all(|(other, mailbox)| other == source || mailbox.has_left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: StoreEvent = StoreEvent::MayHaveChanged(None);

    #[test]
    fn a_source_is_woken_once_until_it_looks() {
        let mut mailboxes = Mailboxes::new(2);
        mailboxes.push(1, EVENT);
        mailboxes.push(1, EVENT);
        assert_eq!(mailboxes.take_wakes(), [1]);
        mailboxes.push(1, EVENT);
        assert!(mailboxes.take_wakes().is_empty(), "it has not looked yet");
        assert!(mailboxes.look(1));
        mailboxes.push(1, EVENT);
        assert_eq!(mailboxes.take_wakes(), [1]);
        assert_eq!((0..5).filter_map(|_| mailboxes.pop(1)).count(), 4);
    }

    #[test]
    fn who_waits_is_woken_once_by_progress() {
        let mut mailboxes = Mailboxes::new(2);
        mailboxes.await_progress(OWNER);
        mailboxes.await_progress(1);
        mailboxes.wake_waiting();
        assert_eq!(mailboxes.take_wakes(), [1], "the owner would wake itself without end");
        mailboxes.look(1);
        mailboxes.wake_waiting();
        assert!(mailboxes.take_wakes().is_empty());
    }

    #[test]
    fn nothing_comes_for_one_who_left() {
        let mut mailboxes = Mailboxes::new(2);
        mailboxes.push(1, EVENT);
        assert_eq!(mailboxes.leave(1), [EVENT]);
        assert!(mailboxes.is_last(0) && mailboxes.has_left(1));
        mailboxes.take_wakes();
        mailboxes.push_to_all(EVENT);
        assert_eq!((mailboxes.take_wakes(), mailboxes.look(1)), (vec![0], false));
    }
}
