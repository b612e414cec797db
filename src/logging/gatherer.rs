//! Log lines on their way to the writer: gathered, bounded, dropped and counted. Pure.

use std::mem;
use std::time::SystemTime;

use super::line;
use super::timestamp::Timestamp;

/// Lines in the order they were logged, as many as the bound allows.
///
/// Invariant: `lines.len() <= waiting_bytes`, and what they differ by is being written.
pub(super) struct Gatherer {
    lines: Vec<u8>,
    /// Bytes gathered, and bytes taken and not yet written.
    waiting_bytes: usize,
    bytes_max: usize,
    /// Lines dropped since the last `take`.
    lines_dropped: u64,
    /// Why the last write that failed since then did.
    last_error: Option<String>,
    /// Nobody takes lines any more.
    is_closed: bool,
}

impl Gatherer {
    /// At most `bytes_max` bytes will wait.
    pub(super) const fn new(bytes_max: usize) -> Gatherer {
        Gatherer {
            lines: Vec::new(),
            waiting_bytes: 0,
            bytes_max,
            lines_dropped: 0,
            last_error: None,
            is_closed: false,
        }
    }

    /// Adds a whole line, or drops and counts it if more than `bytes_max` would wait. Returns
    /// whether it was added.
    pub(super) fn append(&mut self, line: &[u8]) -> bool {
        let room = self.bytes_max.saturating_sub(self.waiting_bytes);
        if self.is_closed || line.len() > room {
            self.lines_dropped += 1;
            return false;
        }
        self.push(line);
        true
    }

    /// Returns all lines, and gathers into `emptied` from now on. The last line says how many were
    /// dropped, if any were; it is let in past the bound.
    pub(super) fn take(&mut self, emptied: Vec<u8>, now: SystemTime) -> Vec<u8> {
        debug_assert!(emptied.is_empty());
        let lines_dropped = mem::take(&mut self.lines_dropped);
        let last_error = self.last_error.take();
        if lines_dropped > 0 {
            let mut line = Vec::new();
            let mut timestamp = Timestamp::default();
            let last_error = last_error.as_deref();
            line::write_dropped(&mut line, timestamp.at(now), lines_dropped, last_error);
            self.push(&line);
        }
        mem::replace(&mut self.lines, emptied)
    }

    /// A write of the bytes taken failed and will be tried again: it is why lines are dropped now.
    pub(super) fn write_failed(&mut self, error: String) {
        self.last_error = Some(error);
    }

    /// Drops what waits and all that comes: the output is gone, with `unwritten` of the lines
    /// taken. Returns how many lines that are, without those that come.
    pub(super) fn close(&mut self, unwritten: &[u8]) -> u64 {
        let lines = mem::take(&mut self.lines);
        self.waiting_bytes = 0;
        self.is_closed = true;
        // A line holds one line end.
        unwritten.iter().chain(&lines).filter(|byte| **byte == b'\n').count() as u64
    }

    /// So many of the bytes taken wait no longer: they are written.
    pub(super) fn written(&mut self, bytes: usize) {
        self.waiting_bytes -= bytes;
        debug_assert!(self.lines.len() <= self.waiting_bytes);
    }

    /// Whether anything is not yet written, the count of dropped lines included.
    pub(super) fn waits(&self) -> bool {
        !self.is_closed && (self.waiting_bytes > 0 || self.lines_dropped > 0)
    }

    fn push(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.waiting_bytes += line.len();
    }
}

/// Empties `buffer` for its next use, and gives its memory back if it grew past `bytes_kept`.
pub(super) fn empty(buffer: &mut Vec<u8>, bytes_kept: usize) {
    buffer.clear();
    if buffer.capacity() > bytes_kept {
        *buffer = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const DROPPED: &str = "log lines dropped";

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_taken_all_at_once_and_in_order() {
        let mut gatherer = Gatherer::new(100);
        assert!(!gatherer.waits());
        gatherer.append(b"one\n");
        gatherer.append(b"two\n");
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        assert_eq!(text(&lines), "one\ntwo\n");
        assert!(gatherer.waits(), "taken is not written");
        gatherer.written(lines.len());
        assert!(!gatherer.waits());
        assert_eq!(gatherer.take(Vec::new(), UNIX_EPOCH), b"");
    }

    #[test]
    fn a_line_past_the_bound_is_dropped_whole_and_counted_once() {
        let mut gatherer = Gatherer::new(10);
        gatherer.append(b"1234\n");
        gatherer.append(b"123456\n");
        gatherer.append(b"5678\n");
        gatherer.append(b"\n");
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        let (kept, count) = text(&lines).split_at(10);
        assert_eq!(kept, "1234\n5678\n");
        let end = "\"lines_dropped\":2,\"reason\":\"slow\"}\n";
        assert!(count.contains(DROPPED) && count.ends_with(end), "{count}");
        gatherer.written(lines.len());
        assert!(!gatherer.waits());
        assert_eq!(gatherer.take(Vec::new(), UNIX_EPOCH), b"", "the count is told once");
    }

    #[test]
    fn lines_being_written_count_as_waiting() {
        let mut gatherer = Gatherer::new(10);
        gatherer.append(b"123456789\n");
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        gatherer.append(b"a\n");
        assert!(gatherer.lines.is_empty());
        gatherer.written(lines.len());
        assert!(gatherer.waits(), "the count of dropped lines waits");
        gatherer.append(b"b\n");
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        assert!(text(&lines).starts_with("b\n{"), "{}", text(&lines));
    }

    #[test]
    fn lines_dropped_while_writes_fail_are_counted_with_the_last_error() {
        let mut gatherer = Gatherer::new(10);
        assert!(gatherer.append(b"123456789\n"));
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        gatherer.write_failed("no quota".to_owned());
        gatherer.write_failed("no \"space\"".to_owned());
        assert!(!gatherer.append(b"a\n"));
        gatherer.written(lines.len());
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        let end = r#""lines_dropped":1,"reason":"failed","detail":"no \"space\""}"#;
        assert!(text(&lines).trim_end().ends_with(end), "{}", text(&lines));
        assert!(!gatherer.append(b"b\n"), "the line of the count waits");
        gatherer.written(lines.len());
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        assert!(text(&lines).ends_with("\"slow\"}\n"), "the error is over: {}", text(&lines));
    }

    #[test]
    fn a_failed_write_that_no_line_was_dropped_for_is_forgotten() {
        let mut gatherer = Gatherer::new(10);
        gatherer.append(b"123456789\n");
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        gatherer.write_failed("no space".to_owned());
        gatherer.written(lines.len());
        assert!(!gatherer.waits());
        gatherer.append(b"a\n");
        assert_eq!(gatherer.take(Vec::new(), UNIX_EPOCH), b"a\n");
    }

    #[test]
    fn when_the_output_is_gone_all_lines_are_dropped_and_nothing_waits() {
        let mut gatherer = Gatherer::new(20);
        gatherer.append(b"one\n");
        gatherer.append(b"two\n");
        let lines = gatherer.take(Vec::new(), UNIX_EPOCH);
        gatherer.append(b"three\n");
        assert_eq!(gatherer.close(&lines[4..]), 2);
        assert!(!gatherer.waits());
        assert!(!gatherer.append(b"four\n"));
        assert!(!gatherer.waits());
        assert_eq!(gatherer.lines.capacity(), 0);
    }

    #[test]
    fn two_buffers_are_used_for_ever_unless_they_grew() {
        let mut gatherer = Gatherer::new(usize::MAX);
        let mut buffer = Vec::with_capacity(64);
        let mut addresses = Vec::new();
        for _ in 0..6 {
            buffer = gatherer.take(buffer, UNIX_EPOCH);
            gatherer.append(b"line\n");
            empty(&mut buffer, 64);
            addresses.push(buffer.as_ptr());
        }
        // The gatherer's own begins without memory, and has it from the second round on.
        assert_eq!(addresses[2], addresses[4]);
        assert_eq!(addresses[3], addresses[5]);
        assert_ne!(addresses[2], addresses[3]);
        buffer.reserve(65);
        empty(&mut buffer, 64);
        assert_eq!(buffer.capacity(), 0);
    }
}
