//! The log: one JSON object a line on stdout, written by one thread.
//!
//! ```text
//! {"ts":"2026-11-23T16:00:00.123Z","level":"INFO","target":"headcount::server","msg":"…",…}
//! ```
//!
//! Whoever logs formats a line of its own and appends it to the gathered ones under a short lock;
//! the writer takes them all at once. So a slow reader of stdout holds up the writer alone: past
//! [`LOG_BYTES_MAX`] lines are dropped whole, counted, and the count is logged. A line is never
//! torn. Line, timestamp and gatherer are pure; the threads, the clock and stdout are here.

mod directives;
mod gatherer;
mod line;
mod timestamp;

use std::cell::Cell;
use std::env;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use log::{LevelFilter, Log, Metadata, Record, warn};

use crate::limits::{LOG_BYTES_MAX, LOG_FLUSH_TIMEOUT};
use gatherer::{Gatherer, empty};
use timestamp::Timestamp;

/// Installs the process's logger and starts its writer. Call it once, before any other thread.
///
/// `RUST_LOG` says what is logged, on top of a default of `info`; what it says wrongly is left out,
/// with a warning.
///
/// # Errors
/// The system has no descriptor or no thread left, or there is a logger already.
pub fn start() -> io::Result<()> {
    // A descriptor of our own: the standard library's stdout has a lock and a buffer too many.
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let rust_log = env::var_os(env_logger::DEFAULT_FILTER_ENV).unwrap_or_default();
    let rust_log = rust_log.to_string_lossy();
    let (directives, wrong) = directives::split(&rust_log);
    let logger = Logger { filter: filter(&directives), pipe: &STDOUT };
    let level_max = logger.filter.filter();
    log::set_boxed_logger(Box::new(logger)).map_err(io::Error::other)?;
    log::set_max_level(level_max);
    let writer = thread::Builder::new().name("log".to_owned());
    writer.spawn(|| write_gathered(&STDOUT, stdout))?;
    for directive in wrong {
        let hint = "expected error, warn, info, debug, trace or off, or MODULE=LEVEL";
        warn!(directive, hint; "RUST_LOG: invalid directive ignored");
    }
    Ok(())
}

/// Waits until every line logged so far is written, or for `timeout` if nobody reads stdout. Call
/// it before the process exits.
pub fn flush(timeout: Duration) {
    STDOUT.flush(timeout);
}

fn filter(directives: &str) -> env_logger::Logger {
    let mut builder = env_logger::Builder::new();
    // Put first, so that RUST_LOG adds to it: an empty or a wrong one must not silence the log.
    builder.filter_level(LevelFilter::Info);
    builder.parse_filters(directives);
    builder.build()
}

/// What `log`'s macros call. env_logger only decides: its own way out has two more copies and a
/// second lock.
struct Logger {
    filter: env_logger::Logger,
    pipe: &'static Pipe,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.filter.matches(record) {
            return;
        }
        // Taken out of its place, not borrowed: a value that logs while it is shown gets another.
        // A thread at its end has none, and neither needs one.
        let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
        let Scratch { line, timestamp } = &mut scratch;
        line::write_line(line, timestamp.at(SystemTime::now()), record);
        self.pipe.append(line);
        empty(line, LINE_BYTES_KEPT);
        let _ = SCRATCH.try_with(|place| place.set(scratch));
    }

    fn flush(&self) {
        self.pipe.flush(LOG_FLUSH_TIMEOUT);
    }
}

/// What a thread keeps from one line to the next.
#[derive(Default)]
struct Scratch {
    /// The line being formatted, kept for its memory.
    line: Vec<u8>,
    timestamp: Timestamp,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// The way to stdout.
static STDOUT: Pipe = Pipe::new(LOG_BYTES_MAX);

/// Gathered lines between the threads that log and the one that writes.
struct Pipe {
    state: Mutex<State>,
    /// Tells the writer that there is something to write, or that it is to hurry.
    gathered: Condvar,
    /// Tells who flushes that something was written.
    written: Condvar,
}

struct State {
    gatherer: Gatherer,
    /// The writer waits for `gathered` and nobody has woken it yet.
    asleep: bool,
    /// Someone flushes: the writer is not to wait for more lines.
    hurry: bool,
}

impl Pipe {
    const fn new(bytes_max: usize) -> Pipe {
        Pipe {
            state: Mutex::new(State {
                gatherer: Gatherer::new(bytes_max),
                asleep: false,
                hurry: false,
            }),
            gathered: Condvar::new(),
            written: Condvar::new(),
        }
    }

    /// Adds a line or drops it, and never waits for stdout.
    fn append(&self, line: &[u8]) {
        let mut state = self.lock();
        state.gatherer.append(line);
        let wake = mem::take(&mut state.asleep);
        drop(state);
        // Only the line that ends the writer's sleep costs a call to the system.
        if wake {
            self.gathered.notify_one();
        }
    }

    fn flush(&self, timeout: Duration) {
        let mut state = self.lock();
        state.hurry = true;
        self.gathered.notify_one();
        // What `wait_timeout_while` returns is the lock, and whether it was in time: no matter.
        let wait = |state: &mut State| state.gatherer.waits();
        drop(self.written.wait_timeout_while(state, timeout, wait));
    }

    /// The writer's: gives `emptied` back, and returns the lines as soon as there are some.
    fn take(&self, emptied: Vec<u8>) -> Vec<u8> {
        let mut state = self.lock();
        state.asleep = true;
        let nothing = |state: &mut State| !state.gatherer.waits();
        let waited = self.gathered.wait_while(state, nothing);
        state = waited.unwrap_or_else(PoisonError::into_inner);
        state.asleep = false;
        let leisure = |state: &mut State| !state.hurry;
        let waited = self.gathered.wait_timeout_while(state, GATHER_TIME, leisure);
        (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        state.gatherer.take(emptied, SystemTime::now())
    }

    /// The writer's: so many of the bytes taken are out, or given up.
    fn written(&self, bytes: usize) {
        self.lock().gatherer.written(bytes);
        self.written.notify_all();
    }

    /// A thread that panicked while it held the lock left whole lines: each change is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's life. Once a write fails, which mostly means that the reader of stdout is gone, it
/// says so on stderr and throws lines away: the service goes on.
fn write_gathered(pipe: &Pipe, mut output: impl Write) -> ! {
    let mut lines = Vec::new();
    let mut open = true;
    loop {
        lines = pipe.take(lines);
        if open && let Err(error) = write_patiently(&mut output, &lines) {
            open = false;
            // Not `eprintln!`, which panics if stderr is gone as well.
            let _ = writeln!(io::stderr(), "headcount: stdout: {error}; logging ends");
        }
        pipe.written(lines.len());
        empty(&mut lines, GATHERED_BYTES_KEPT);
    }
}

/// Writes all of `bytes`. Unlike `write_all` it waits when `output` is non-blocking and full: a
/// pipe or terminal may have been made so by another process that shares it.
fn write_patiently(output: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(GATHER_TIME),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How long the writer, woken by a line, lets others gather: under load one write carries the
/// lines of this time, and the threads that log wake the writer 200 times a second, not more.
const GATHER_TIME: Duration = Duration::from_millis(5);

/// Bytes of memory that each of the two gathering buffers keeps: what full load gathers.
const GATHERED_BYTES_KEPT: usize = 256 * 1024;

/// Bytes of memory that a thread keeps for its next line; a common line has 150.
const LINE_BYTES_KEPT: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::time::Instant;

    const DROPPED: &str = "log lines dropped";

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    /// An output whose every write waits for a permit, as a pipe does that nobody reads.
    struct Blocked {
        permits: Receiver<io::Result<usize>>,
        writes: Sender<Vec<u8>>,
    }

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes.send(bytes.to_vec()).unwrap();
            let count = self.permits.recv().unwrap()?;
            Ok(count.min(bytes.len()))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A writer thread over a `Blocked`. It lives to the end of the process, as the real one does.
    fn start_blocked(
        bytes_max: usize,
    ) -> (&'static Pipe, Sender<io::Result<usize>>, Receiver<Vec<u8>>) {
        let pipe: &Pipe = Box::leak(Box::new(Pipe::new(bytes_max)));
        let (permit, permits) = mpsc::channel();
        let (writes, written) = mpsc::channel();
        thread::spawn(move || write_gathered(pipe, Blocked { permits, writes }));
        (pipe, permit, written)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn nobody_waits_for_a_blocked_writer_and_the_dropped_lines_are_counted() {
        let (pipe, permit, written) = start_blocked(1_000);
        pipe.append(b"first\n");
        assert_eq!(written.recv_timeout(LONG).unwrap(), b"first\n");

        // The writer is stuck in its first write now. 8 threads log 100 lines of 10 bytes each.
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..100).for_each(|_| pipe.append(b"123456789\n")));
            }
        });
        pipe.flush(Duration::from_millis(20));
        assert_eq!(written.try_iter().count(), 0, "the writer is still stuck");

        permit.send(Ok(usize::MAX)).unwrap();
        let lines = written.recv_timeout(LONG).unwrap();
        // 1,000 bytes less the 6 of the first line: 99 lines of 10.
        let (kept, count) = text(&lines).split_at(990);
        assert_eq!(kept, "123456789\n".repeat(99));
        assert!(count.contains(DROPPED) && count.ends_with(":701}\n"), "{count}");

        permit.send(Ok(usize::MAX)).unwrap();
        pipe.flush(LONG);
        pipe.append(b"after\n");
        assert_eq!(written.recv_timeout(LONG).unwrap(), b"after\n");
    }

    #[test]
    fn a_short_write_goes_on_where_it_ended_and_a_full_output_is_tried_again() {
        let (pipe, permit, written) = start_blocked(1_000);
        pipe.append(b"123456\n");
        let answers = [
            Ok(3),
            Err(ErrorKind::Interrupted.into()),
            Err(ErrorKind::WouldBlock.into()),
            Ok(usize::MAX),
        ];
        for (answer, expected) in answers.into_iter().zip(["123456\n", "456\n", "456\n", "456\n"]) {
            assert_eq!(text(&written.recv_timeout(LONG).unwrap()), expected);
            permit.send(answer).unwrap();
        }
        pipe.flush(LONG);
        assert!(!pipe.lock().gatherer.waits());
    }

    #[test]
    fn when_stdout_is_closed_lines_are_thrown_away_and_logging_goes_on() {
        let (pipe, permit, written) = start_blocked(100);
        pipe.append(b"first\n");
        written.recv_timeout(LONG).unwrap();
        permit.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
        for _ in 0..50 {
            pipe.append(&[b'x'; 90]);
            let start = Instant::now();
            pipe.flush(LONG);
            assert!(start.elapsed() < LONG, "nothing waits for a closed output");
        }
        assert_eq!(written.try_iter().count(), 0, "a closed output is not written to");
        assert!(!pipe.lock().gatherer.waits());
    }

    #[test]
    fn flush_waits_for_what_was_logged_and_not_for_ever() {
        let (pipe, permit, written) = start_blocked(1_000);
        pipe.flush(LONG);
        pipe.append(b"line\n");
        let start = Instant::now();
        pipe.flush(Duration::from_millis(50));
        assert!(start.elapsed() >= Duration::from_millis(50), "the writer is stuck");
        permit.send(Ok(usize::MAX)).unwrap();
        pipe.flush(LONG);
        assert_eq!(written.try_iter().collect::<Vec<_>>(), [b"line\n"]);
        assert!(!pipe.lock().gatherer.waits());
    }

    #[test]
    fn a_value_that_logs_while_it_is_shown_spoils_no_line() {
        struct Chatty(&'static Logger);
        impl std::fmt::Display for Chatty {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.log(&Record::builder().args(format_args!("inner")).build());
                formatter.write_str("outer")
            }
        }
        let pipe: &Pipe = Box::leak(Box::new(Pipe::new(1_000)));
        let filter = env_logger::Builder::new().filter_level(LevelFilter::Info).build();
        let logger: &Logger = Box::leak(Box::new(Logger { filter, pipe }));
        logger.log(&Record::builder().args(format_args!("{}", Chatty(logger))).build());
        logger.log(&Record::builder().level(log::Level::Debug).build());
        let lines = pipe.take(Vec::new());
        let lines: Vec<&str> = text(&lines).lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].ends_with("\"msg\":\"inner\"}"), "{lines:?}");
        assert!(lines[1].ends_with("\"msg\":\"outer\"}"), "{lines:?}");
    }
}
