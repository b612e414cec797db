//! The lines that a child process writes, collected by a thread of their own.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::wait::wait_for;

/// Lines as they come. Clones share them.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Starts the thread that reads `source` to its end.
    pub fn collect(&self, source: impl Read + Send + 'static) {
        let lines = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n') {
                let Ok(line) = line else { break };
                // Bytes that are no UTF-8 become U+FFFD, which no line of the program has.
                let line = String::from_utf8_lossy(&line).into_owned();
                lines.state().lines.push(line);
            }
            lines.state().ended = true;
        });
    }

    /// All lines until now.
    pub fn all(&self) -> Vec<String> {
        self.state().lines.clone()
    }

    /// All lines, once the process has closed its end.
    pub fn all_to_the_end(&self) -> Vec<String> {
        wait_for("the end of the output", || self.state().ended.then_some(()));
        self.all()
    }

    /// The first line that `wanted` accepts, among those that came and those that come.
    ///
    /// # Panics
    /// When the output ends, or patience does, without it.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut seen = 0;
        let found = wait_for(what, || {
            let state = self.state();
            let found = state.lines[seen..].iter().find(|line| wanted(line));
            seen = state.lines.len();
            (found.is_some() || state.ended).then(|| found.cloned())
        });
        found.unwrap_or_else(|| panic!("the output ended without {what}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A `wanted` that panics leaves the lines whole, and they are printed then.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
