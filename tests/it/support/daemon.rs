//! The program under test, as a child process.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use serde_json::Value;

use super::http_client::HttpClient;
use super::lines::Lines;
use super::process::{free_port, signal};
use super::vitals::Vitals;
use super::wait::wait_for;

const PROGRAM: &str = env!("CARGO_BIN_EXE_headcount");

/// How many of its last lines a failed test prints.
const LINES_PRINTED_MAX: usize = 100;

/// A program that serves. Killed when it is dropped; when its test fails it prints how it was
/// started and what it said.
pub struct Daemon {
    child: Child,
    command: String,
    address: SocketAddr,
    stdout: Lines,
    stderr: Lines,
}

impl Daemon {
    /// Starts the program on a port of its own choice, and waits until it listens.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same with environment variables. The tests' own environment is not passed on.
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut daemon = Self::spawn(&arguments, environment);
        daemon.read_stdout();
        daemon.wait_until_it_listens();
        daemon
    }

    /// The same on a port that is chosen beforehand, for a log that does not tell it. Its stdout
    /// is read by nobody until [`Daemon::read_stdout`].
    pub fn start_unread(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let listen = address.to_string();
        Self::start_at(address, &[&["--listen", &listen], arguments].concat(), environment)
    }

    /// The same on the address that its arguments or its environment give.
    pub fn start_at(address: SocketAddr, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut daemon = Self::spawn(arguments, environment);
        daemon.address = address;
        wait_for("the program to listen", || HttpClient::try_connect(address).ok());
        daemon
    }

    /// Starts the program with a store over the network, whose timeout is long enough for a busy
    /// machine, and waits until the store answers.
    pub fn start_with_store(store_url: &str, arguments: &[&str]) -> Self {
        let daemon = Self::start_with_any_store(store_url, arguments);
        daemon.wait_until_ready();
        daemon
    }

    /// The same with a store that may be away, or may not have the counter.
    pub fn start_with_any_store(store_url: &str, arguments: &[&str]) -> Self {
        let patience = ["--store-timeout", "5000"];
        let is_patient = arguments.contains(&patience[0]);
        let patience = if is_patient { &[] } else { patience.as_slice() };
        Self::start(&[&["--store", store_url], patience, arguments].concat())
    }

    /// The same for a process that may have so many open files and cannot raise that; a store
    /// over the network has its patience here too.
    pub fn start_with_open_files(open_files: u64, arguments: &[&str]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let command = in_shell(&["sh"], &format!("ulimit -n {open_files}"), &arguments);
        let mut daemon = Self::spawn_as(command, &arguments, &[]);
        daemon.read_stdout();
        daemon.wait_until_it_listens();
        daemon
    }

    /// The same as [`Daemon::start_unread`] in the place of a shell, which first runs `setup`;
    /// `shell` is how the shell is started.
    pub fn start_unread_in_shell(shell: &[&str], setup: &str, arguments: &[&str]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let listen = address.to_string();
        let arguments = [&["--listen", &listen], arguments].concat();
        let command = in_shell(shell, setup, &arguments);
        let mut daemon = Self::spawn_as(command, &arguments, &[]);
        daemon.address = address;
        wait_for("the program to listen", || HttpClient::try_connect(address).ok());
        daemon
    }

    /// Closes the end that stdout is read from, after [`Daemon::start_unread`].
    pub fn close_stdout(&mut self) {
        drop(self.child.stdout.take().expect("nobody reads stdout"));
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Begins to collect stdout after [`Daemon::start_unread`].
    pub fn read_stdout(&mut self) {
        let stdout = self.child.stdout.take().expect("stdout is read once");
        self.stdout.collect(stdout);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the kernel says of its process.
    pub fn vitals(&self) -> Vitals {
        Vitals::of(self.child.id())
    }

    /// A new connection to it.
    pub fn client(&self) -> HttpClient {
        HttpClient::connect(self.address)
    }

    /// How many numbers `/status` says are taken.
    pub fn taken(&self) -> u64 {
        let status = self.client().get("/status").json();
        status["taken"].as_u64().unwrap_or_else(|| panic!("no count in {status}"))
    }

    /// Waits until `/readyz` says that the store answers.
    pub fn wait_until_ready(&self) {
        wait_for("the store to answer", || {
            (self.client().get("/readyz").status == 200).then_some(())
        });
    }

    /// Sends a signal: "TERM", "INT".
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// The first log line that `wanted` accepts, among those that came and those that come.
    pub fn wait_for_log(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        parse_line(&self.stdout.wait_for(what, |line| wanted(&parse_line(line))))
    }

    /// Waits for the warning that the store gives no numbers for one of these reasons; it says
    /// what to do about it.
    pub fn wait_for_trouble(&self, reasons: &[&str]) {
        self.last_error(reasons);
    }

    /// The same, and gives the line, whatever its advice is called.
    pub fn last_error(&self, reasons: &[&str]) -> Value {
        let what = format!("a warning for one of {reasons:?}");
        let line = self.wait_for_log(&what, |line| {
            is_warning(line) && reasons.iter().any(|reason| line["reason"] == *reason)
        });
        let advice = ["hint", "hint"].iter().filter_map(|name| line[name].as_str()).next();
        assert!(advice.is_some_and(|it| !it.is_empty()), "it does not say what to do: {line}");
        line
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_for_exit()
    }

    /// Waits for the end of the process.
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        wait_for_exit(&mut self.child)
    }

    /// Every log line of a process that has ended.
    pub fn log_to_the_end(&self) -> Vec<Value> {
        self.stdout.all_to_the_end().iter().map(|line| parse_line(line)).collect()
    }

    /// Everything that it wrote until now, stdout and stderr, as it is.
    pub fn output(&self) -> String {
        [self.stdout.all(), self.stderr.all()].concat().join("\n")
    }

    fn wait_until_it_listens(&mut self) {
        let listening = self.wait_for_log("the line that it listens", |line| {
            line["msg"] == "listening" && line["address"].is_string()
        });
        let address = listening["address"].as_str().and_then(|address| address.parse().ok());
        self.address = address.expect("the address it listens on is a socket address");
    }

    fn spawn(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        Self::spawn_as(command, arguments, environment)
    }

    fn spawn_as(mut command: Command, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        command.env_clear().envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = Lines::default();
        stderr.collect(child.stderr.take().expect("stderr is piped"));
        Self {
            child,
            command: format!("{environment:?} headcount {}", arguments.join(" ")),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            stdout: Lines::default(),
            stderr,
        }
    }
}

/// The program in the place of a shell that runs `setup` before.
fn in_shell(shell: &[&str], setup: &str, arguments: &[&str]) -> Command {
    let script = format!("set -e; {setup}; exec \"$0\" \"$@\"");
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", &script, PROGRAM]).args(arguments);
    command
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- {}", self.command);
            eprintln!("--- stdout, at its end:\n{}", tail(&self.stdout.all()));
            eprintln!("--- stderr, at its end:\n{}", tail(&self.stderr.all()));
        }
    }
}

/// What became of a program that was not meant to serve.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

/// Runs the program to its end.
///
/// # Panics
/// When it has not ended by itself in time; it is killed then.
pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
    let mut daemon = Daemon::spawn(arguments, environment);
    daemon.read_stdout();
    let code = daemon.wait_for_exit().code();
    let stdout = daemon.stdout.all_to_the_end();
    Finished { code, stdout, stderr: daemon.stderr.all_to_the_end() }
}

/// Whether a log line is at warn or error.
pub fn is_warning(line: &Value) -> bool {
    line["level"] == "WARN" || line["level"] == "ERROR"
}

fn wait_for_exit(child: &mut Child) -> ExitStatus {
    wait_for("the program to end", || child.try_wait().expect("the program is ours"))
}

fn parse_line(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the log line {line:?}"))
}

fn tail(lines: &[String]) -> String {
    let mut last: VecDeque<&str> = lines.iter().map(String::as_str).collect();
    last.drain(..lines.len().saturating_sub(LINES_PRINTED_MAX));
    last.make_contiguous().join("\n")
}
