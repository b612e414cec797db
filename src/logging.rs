//! The log: one JSON object a line on stdout, written by one thread.
//!
//! ```text
//! {"ts":"2026-11-23T16:00:00.123Z","level":"INFO","target":"headcount::server","msg":"…",…}
//! ```
//!
//! Whoever logs formats a line of its own and appends it to the gathered ones under a short lock;
//! the writer takes them all at once. So a slow reader of stdout, or a full disk, holds up the
//! writer alone: past [`LOG_BYTES_MAX`] lines are dropped whole, counted, and the count is logged.
//! A line is never torn, but by a disk that is full in the middle of it: then it comes once more.
//! Line, timestamp, gatherer and delivery are pure; the threads, the clock and stdout are here.

mod delivery;
mod directives;
mod gatherer;
mod line;
mod timestamp;

use std::cell::Cell;
use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use log::{LevelFilter, Log, Metadata, Record, warn};
use signal_hook::consts::SIGXFSZ;

use crate::limits::{LOG_BYTES_MAX, LOG_FLUSH_TIMEOUT, LOG_RETRY_PAUSE};
use delivery::{Delivery, Next};
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
    // A file that may not grow (`RLIMIT_FSIZE`) is a failed write like any other. Without a handler
    // the signal ends the process; this one sets a flag that nobody reads.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    let writer = thread::Builder::new().name("log".to_owned());
    writer.spawn(|| write_gathered(&STDOUT, stdout))?;
    for directive in wrong {
        let hint = "expected error, warn, info, debug, trace or off, or MODULE=LEVEL";
        warn!(directive, hint; "RUST_LOG: invalid directive ignored");
    }
    Ok(())
}

/// Waits until every line logged so far is written, or for `timeout` if stdout takes none. Call it
/// before the process exits.
pub fn flush(timeout: Duration) {
    STDOUT.flush(timeout);
}

/// How many lines were lost since the start: dropped since they had no room, or after the reader of
/// stdout was gone. It is one load of an atomic, so any thread may call it at any time.
pub fn lines_dropped_total() -> u64 {
    STDOUT.lines_dropped_total.load(Ordering::Relaxed)
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
    /// See [`lines_dropped_total`]. Beside the lock, so that who reads it never waits.
    lines_dropped_total: AtomicU64,
}

struct State {
    gatherer: Gatherer,
    /// The writer waits for `gathered` and nobody has woken it yet.
    asleep: bool,
    /// Someone flushes: the writer is not to wait, neither for more lines nor for room.
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
            lines_dropped_total: AtomicU64::new(0),
        }
    }

    /// Adds a line or drops it, and never waits for stdout.
    fn append(&self, line: &[u8]) {
        let mut state = self.lock();
        let is_added = state.gatherer.append(line);
        let wake = mem::take(&mut state.asleep);
        drop(state);
        if !is_added {
            self.lines_dropped_total.fetch_add(1, Ordering::Relaxed);
        }
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
        self.unless_in_hurry(state, GATHER_TIME).gatherer.take(emptied, SystemTime::now())
    }

    /// The writer's: waits before it writes again, less if somebody flushes.
    fn pause(&self, duration: Duration) {
        drop(self.unless_in_hurry(self.lock(), duration));
    }

    /// Waits for `duration`, or until somebody flushes, whom it then has heard.
    fn unless_in_hurry<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        duration: Duration,
    ) -> MutexGuard<'a, State> {
        let leisure = |state: &mut State| !state.hurry;
        let waited = self.gathered.wait_timeout_while(state, duration, leisure);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        state
    }

    /// The writer's: so many of the bytes taken are out.
    fn written(&self, bytes: usize) {
        self.lock().gatherer.written(bytes);
        self.written.notify_all();
    }

    /// The writer's: a write failed, and it will try again.
    fn write_failed(&self, error: &io::Error) {
        self.lock().gatherer.write_failed(error.to_string());
    }

    /// The writer's last: `unwritten` is lost, and so are all lines from now on.
    fn close(&self, unwritten: &[u8]) {
        let mut state = self.lock();
        let lost = state.gatherer.close(unwritten);
        // Before anybody can see that it is closed.
        self.lines_dropped_total.fetch_add(lost, Ordering::Relaxed);
        drop(state);
        self.written.notify_all();
    }

    /// A thread that panicked while it held the lock left whole lines: each change is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's life. It ends when the reader of stdout is gone; the service goes on.
fn write_gathered(pipe: &Pipe, mut output: impl Write) {
    let mut delivery = Delivery::default();
    loop {
        let emptied = delivery.finish(GATHERED_BYTES_KEPT);
        delivery.start(pipe.take(emptied));
        if let Err(error) = deliver(pipe, &mut output, &mut delivery) {
            say_on_stderr(&error, "logging ends");
            return pipe.close(delivery.unwritten());
        }
        pipe.written(delivery.len());
    }
}

/// Writes all lines of `delivery`, however long that takes.
///
/// # Errors
/// The reader of `output` is gone.
fn deliver(pipe: &Pipe, output: &mut impl Write, delivery: &mut Delivery) -> io::Result<()> {
    while !delivery.due().is_empty() {
        let result = output.write(delivery.due());
        match delivery.on_write(result) {
            Next::Write => {}
            Next::Wait => pipe.pause(GATHER_TIME),
            Next::Retry { error, is_first } => {
                pipe.write_failed(&error);
                if is_first {
                    say_on_stderr(&error, "log lines wait and are written when that is possible");
                }
                pipe.pause(LOG_RETRY_PAUSE);
            }
            Next::Close(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where else, when stdout fails.
fn say_on_stderr(error: &io::Error, consequence: &str) {
    // Not `eprintln!`, which panics if stderr is gone as well.
    let _ = writeln!(io::stderr(), "headcount: stdout: {error}; {consequence}");
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
    use std::io::ErrorKind;
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
        assert!(count.contains(DROPPED) && count.contains(":701,"), "{count}");
        assert_eq!(pipe.lines_dropped_total.load(Ordering::Relaxed), 701);

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
            pipe.append(&[[b'x'; 89].as_slice(), b"\n"].concat());
            let start = Instant::now();
            pipe.flush(LONG);
            assert!(start.elapsed() < LONG, "nothing waits for a closed output");
        }
        assert_eq!(written.try_iter().count(), 0, "a closed output is not written to");
        assert!(!pipe.lock().gatherer.waits());
        assert_eq!(pipe.lines_dropped_total.load(Ordering::Relaxed), 51);
    }

    #[test]
    fn a_full_disk_is_tried_again_and_what_is_lost_meanwhile_is_counted() {
        let full = || Err(ErrorKind::StorageFull.into());
        let (pipe, permit, written) = start_blocked(10);
        pipe.append(b"11\n22\n");
        assert_eq!(written.recv_timeout(LONG).unwrap(), b"11\n22\n");
        (0..10).for_each(|_| pipe.append(b"3\n"));
        let answers = [Ok(4), full(), full(), Ok(1), Ok(3)];
        let writes = ["2\n", "\n", "\n", "22\n", "3\n3\n{"];
        for (answer, expected) in answers.into_iter().zip(writes) {
            permit.send(answer).unwrap();
            let bytes = written.recv_timeout(LONG).unwrap();
            assert!(text(&bytes).starts_with(expected), "{}", text(&bytes));
        }
        assert_eq!(pipe.lines_dropped_total.load(Ordering::Relaxed), 8);
    }

    #[test]
    fn who_flushes_ends_one_pause_of_the_writer() {
        let pipe = Pipe::new(1_000);
        pipe.flush(Duration::ZERO);
        let start = Instant::now();
        pipe.pause(LONG);
        assert!(start.elapsed() < LONG);
        assert!(!pipe.lock().hurry, "the next pause has its length");
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
