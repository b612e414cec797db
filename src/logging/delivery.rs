//! Taken lines on their way out: what is to be written next, and what a failed write means. Pure.
//!
//! A write that fails loses no line: what is not out waits and is tried again. In between the
//! output may have become another one, say a file that was emptied to make room. So a line that was
//! torn is not continued: the piece of it gets its own line end, and the whole line follows. A
//! piece is no JSON object, so a reader who skips it has each line once.

use std::io::{self, ErrorKind};
use std::mem;

use super::gatherer::empty;

/// Lines that are being written.
///
/// Invariant: `written <= lines.len()`; if `is_torn`, a line starts at `written`.
#[derive(Default)]
pub(super) struct Delivery {
    lines: Vec<u8>,
    /// So many of the bytes are out.
    written: usize,
    /// The output ends in a piece of a line, of which nothing counts as written.
    is_torn: bool,
    /// A write of these lines has failed.
    has_failed: bool,
}

/// What to do after a write.
#[derive(Debug)]
pub(super) enum Next {
    /// Write what is due now, if anything is.
    Write,
    /// The output is non-blocking and full: write again after a short while. Another process that
    /// shares a pipe or a terminal may have made it so.
    Wait,
    /// The output takes nothing, as on a full disk: write again after a pause.
    Retry {
        error: io::Error,
        /// The first failure of these lines.
        is_first: bool,
    },
    /// The reader is gone and will not come back: write no more.
    Close(io::Error),
}

impl Delivery {
    /// Begins with these lines, each with its end. Those before them must be out.
    pub(super) fn start(&mut self, lines: Vec<u8>) {
        debug_assert!(self.lines.is_empty());
        *self = Delivery { lines, ..Delivery::default() };
    }

    /// The bytes to write next; none when all lines are out.
    pub(super) fn due(&self) -> &[u8] {
        if self.is_torn { b"\n" } else { &self.lines[self.written..] }
    }

    /// Takes in what came of writing [`Delivery::due`].
    pub(super) fn on_write(&mut self, result: io::Result<usize>) -> Next {
        let error = match result {
            Ok(0) => ErrorKind::WriteZero.into(),
            Ok(bytes) => {
                self.advance(bytes);
                return Next::Write;
            }
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Interrupted => Next::Write,
            ErrorKind::WouldBlock => Next::Wait,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Next::Close(error),
            _ => {
                self.go_back();
                let is_first = !mem::replace(&mut self.has_failed, true);
                Next::Retry { error, is_first }
            }
        }
    }

    /// The lines that are not out; one that is out in part is one of them.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.lines[self.line_start()..]
    }

    /// Bytes of all its lines.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Gives the lines' memory back, empty; at most `bytes_kept` of it.
    pub(super) fn finish(&mut self, bytes_kept: usize) -> Vec<u8> {
        empty(&mut self.lines, bytes_kept);
        mem::take(self).lines
    }

    fn advance(&mut self, bytes: usize) {
        if self.is_torn {
            self.is_torn = false;
        } else {
            self.written += bytes;
        }
        debug_assert!(self.written <= self.lines.len());
    }

    /// Begins anew with the line that the failed write stands in. If only its line end is missing,
    /// that is what comes next: a whole object must not stand there twice.
    fn go_back(&mut self) {
        if self.lines.get(self.written) == Some(&b'\n') {
            return;
        }
        let start = self.line_start();
        self.is_torn |= start < self.written;
        self.written = start;
    }

    fn line_start(&self) -> usize {
        let ends = self.lines[..self.written].iter().rposition(|byte| *byte == b'\n');
        ends.map_or(0, |end| end + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[u8] = b"one\ntwo\nthree\n";

    fn started() -> Delivery {
        let mut delivery = Delivery::default();
        delivery.start(LINES.to_vec());
        delivery
    }

    fn full() -> io::Result<usize> {
        Err(ErrorKind::StorageFull.into())
    }

    /// An output that takes `room` bytes, then nothing until there is room again.
    struct Disk {
        room: usize,
        file: Vec<u8>,
    }

    impl Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return full();
            }
            self.room -= count;
            self.file.extend_from_slice(&bytes[..count]);
            Ok(count)
        }
    }

    #[test]
    fn wherever_a_full_disk_cuts_every_line_is_whole_and_there_once() {
        for first in 0..LINES.len() {
            for second in 0..=LINES.len() {
                let mut disk = Disk { room: first, file: Vec::new() };
                let mut delivery = started();
                let mut more = [second, usize::MAX].into_iter();
                while !delivery.due().is_empty() {
                    match delivery.on_write(disk.write(delivery.due())) {
                        Next::Write => {}
                        Next::Retry { .. } => disk.room = more.next().unwrap(),
                        next => panic!("{next:?}"),
                    }
                }
                let file = String::from_utf8(disk.file).unwrap();
                let is_whole = |line: &&str| ["one", "two", "three"].contains(line);
                let (whole, torn): (Vec<&str>, Vec<&str>) = file.lines().partition(is_whole);
                assert_eq!(whole, ["one", "two", "three"], "{first} {second}: {file:?}");
                assert!(torn.len() <= 2 && !torn.contains(&""), "{first} {second}: {file:?}");
            }
        }
    }

    #[test]
    fn a_torn_line_gets_an_end_and_follows_whole() {
        let mut delivery = started();
        assert!(matches!(delivery.on_write(Ok(6)), Next::Write));
        assert_eq!(delivery.due(), b"o\nthree\n", "a short write alone tears nothing");
        assert!(matches!(delivery.on_write(full()), Next::Retry { is_first: true, .. }));
        assert_eq!(delivery.unwritten(), b"two\nthree\n");
        for _ in 0..2 {
            assert_eq!(delivery.due(), b"\n");
            assert!(matches!(delivery.on_write(full()), Next::Retry { is_first: false, .. }));
        }
        assert!(matches!(delivery.on_write(Ok(1)), Next::Write));
        assert_eq!(delivery.due(), b"two\nthree\n");
        assert!(matches!(delivery.on_write(Ok(10)), Next::Write));
        assert_eq!(delivery.due(), b"");
    }

    #[test]
    fn at_the_end_of_a_line_nothing_is_torn() {
        // 3 and 7: all of a line but its end.
        for written in [0, 3, 4, 7, 8] {
            let mut delivery = started();
            if written > 0 {
                delivery.on_write(Ok(written));
            }
            delivery.on_write(full());
            assert_eq!(delivery.due(), &LINES[written..]);
        }
    }

    #[test]
    fn an_error_says_what_comes_next() {
        // ENOSPC, EDQUOT, EIO, EFBIG, and others that nobody has thought of.
        for code in [28, 122, 5, 27, 9, 22] {
            let next = started().on_write(Err(io::Error::from_raw_os_error(code)));
            assert!(matches!(next, Next::Retry { .. }), "{code}: {next:?}");
        }
        assert!(matches!(started().on_write(Ok(0)), Next::Retry { .. }));
        // EPIPE, ECONNRESET.
        for code in [32, 104] {
            let mut delivery = started();
            delivery.on_write(Ok(5));
            let next = delivery.on_write(Err(io::Error::from_raw_os_error(code)));
            assert!(matches!(next, Next::Close(_)), "{code}: {next:?}");
            assert_eq!(delivery.unwritten(), b"two\nthree\n");
        }
        let mut delivery = started();
        delivery.on_write(Ok(5));
        assert!(matches!(delivery.on_write(Err(ErrorKind::Interrupted.into())), Next::Write));
        assert!(matches!(delivery.on_write(Err(ErrorKind::WouldBlock.into())), Next::Wait));
        assert_eq!(delivery.due(), b"wo\nthree\n", "the line goes on where it ended");
    }

    #[test]
    fn the_next_lines_begin_anew() {
        let mut delivery = started();
        delivery.on_write(full());
        delivery.on_write(Ok(LINES.len()));
        let memory = delivery.finish(1_000);
        assert!(memory.is_empty() && memory.capacity() > 0);
        delivery.start(b"four\n".to_vec());
        assert_eq!((delivery.due(), delivery.len()), (b"four\n".as_slice(), 5));
        assert!(matches!(delivery.on_write(full()), Next::Retry { is_first: true, .. }));
        assert_eq!(delivery.finish(2).capacity(), 0, "memory past what is kept is given back");
    }
}
