//! Asks the operator, on a terminal.

use std::io::{self, BufRead, IsTerminal, Read, Write};

/// Whether there is somebody to ask.
pub fn can_ask() -> bool {
    io::stdin().is_terminal()
}

/// Puts the question, and says whether it was answered with `expected`.
///
/// # Errors
/// The terminal is gone.
pub fn ask(question: &str, expected: &str) -> io::Result<bool> {
    let mut stderr = io::stderr();
    write!(stderr, "{question} ")?;
    stderr.flush()?;
    let mut line = String::new();
    io::stdin().lock().take(LINE_BYTES_MAX).read_line(&mut line)?;
    Ok(line.trim() == expected)
}

/// More than any counter's name.
const LINE_BYTES_MAX: u64 = 1_024;
