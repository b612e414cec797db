//! The second listener of the first reactor, for those who run the process.

use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpListener;

use crate::engine::Engine;
use crate::net::acceptor::Acceptor;
use crate::net::change_queue::ChangeQueue;
use crate::net::process_stats;

/// The admin listener, as the reactor that serves it has it.
#[derive(Debug)]
pub struct AdminListener {
    acceptor: Acceptor,
    changes: Arc<ChangeQueue>,
    /// How many log lines were dropped so far.
    log_lines_dropped: fn() -> u64,
}

impl AdminListener {
    /// Nobody is here yet. Who carries out `changes` wakes the reactor when one is done.
    pub fn new(
        listener: TcpListener,
        changes: Arc<ChangeQueue>,
        log_lines_dropped: fn() -> u64,
        now: Instant,
    ) -> AdminListener {
        AdminListener { acceptor: Acceptor::new(listener, now), changes, log_lines_dropped }
    }

    /// Who accepts its clients.
    pub fn acceptor(&mut self) -> &mut Acceptor {
        &mut self.acceptor
    }

    /// Hands on what was asked for in this wake, and tells the engine what came of earlier changes,
    /// and what the system knows of this process.
    pub fn exchange(&mut self, engine: &mut Engine) {
        if engine.is_scraped() {
            engine.answer_scrapes(&process_stats::read(), (self.log_lines_dropped)());
        }
        while let Some((change, result)) = self.changes.take_done() {
            engine.change_done(&change, &result);
        }
        while let Some(change) = engine.next_change() {
            self.changes.push(change);
        }
    }
}

impl Drop for AdminListener {
    fn drop(&mut self) {
        self.changes.close();
    }
}
