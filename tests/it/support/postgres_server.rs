//! A real PostgreSQL of a test's own.

mod data_folder;
mod session;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

pub use data_folder::{command as server_command, give_away, give_key_away};

use super::process::{Folder, children, free_port, is_running, signal, signal_those_left};
use super::start::{on_free_port, print_log_tail};
use super::wait::{wait_for, wait_until};
use session::{HOLDER, Session};

/// A `postgres` on a free port of loopback and on a Unix socket, with a cluster of its own.
/// Killed, and its folder removed, when it is dropped.
pub struct PostgresServer {
    postmaster: Child,
    port: u16,
    folder: Folder,
    settings: Vec<String>,
}

impl PostgresServer {
    /// Starts a server that trusts everyone, and waits until it answers.
    pub fn start() -> Self {
        Self::start_with("trust", &[])
    }

    /// The same with settings ("max_connections=5"), and with this method of authentication for
    /// everyone but the user `postgres` on the Unix socket.
    pub fn start_with(method: &str, settings: &[&str]) -> Self {
        Self::start_for(&data_folder::access(method), settings)
    }

    /// The same for those whom these lines of `pg_hba.conf` let in over TCP.
    pub fn start_for(access: &str, settings: &[&str]) -> Self {
        on_free_port("postgres", |port| Self::try_start(port, access, settings))
    }

    /// Starts a server that trusts everyone on this port: for a test that gave the port away
    /// before.
    pub fn start_on(port: u16) -> Self {
        Self::try_start(port, &data_folder::access("trust"), &[]).expect(STARTS)
    }

    /// Starts a standby of it, whose name is `standby`, and waits until it answers.
    pub fn start_standby(&self) -> Self {
        let (folder, port) = (data_folder::copy_of(self.port), free_port());
        let postmaster = data_folder::spawn(port, &folder, &self.settings);
        let mut server = Self { postmaster, port, folder, settings: self.settings.clone() };
        assert!(server.wait_until_it_answers(), "{STARTS}");
        server
    }

    /// Where the program finds it over TCP.
    pub fn url(&self) -> String {
        format!("postgres://127.0.0.1:{}", self.port)
    }

    /// The same for one user, with a password as it stands in a URL, in the database `postgres`.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/postgres", self.port)
    }

    /// The port, for a URL of a test's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its Unix socket.
    pub fn folder_path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Runs statements as the superuser, each a transaction of its own, on a connection of their
    /// own, and gives their rows: a line each, columns separated by `|`.
    ///
    /// # Panics
    /// On an error of the server's.
    pub fn sql(&self, statements: &str) -> String {
        self.try_sql("postgres", statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// The same in this database; what psql says to an error.
    pub fn try_sql(&self, database: &str, statements: &str) -> Result<String, String> {
        let psql = self.spawn_psql(database, statements, Stdio::piped);
        let output = psql.wait_with_output().expect("psql is ours");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Runs statements in one session that is ended when the value is dropped, and waits until
    /// `pg_stat_activity` shows it asleep in the `pg_sleep` that they end with.
    pub fn hold(&self, statements: &str) -> Session<'_> {
        let statements = format!("set application_name = 'holder'; {statements}");
        let psql = self.spawn_psql("postgres", &statements, Stdio::null);
        let session = Session::new(self, psql);
        wait_until("the session to sleep", || {
            self.sql(&format!("select count(*) {HOLDER} and wait_event = 'PgSleep'")) == "1"
        });
        session
    }

    /// `taken` and `max` of a counter in the database `postgres`, if it exists.
    pub fn counter(&self, name: &str) -> Option<(u64, u64)> {
        let row = self.sql(&format!("select taken, max from headcount where name = '{name}'"));
        let (taken, max) = row.split_once('|')?;
        let number = |text: &str| text.parse().expect("both are numbers");
        Some((number(taken), number(max)))
    }

    /// Lines of the server's log that have this text.
    pub fn logged(&self, text: &str) -> usize {
        let log = fs::read_to_string(self.folder.path().join("log")).expect("it logs");
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// Whether the table `headcount` has this column.
    pub fn has_column(&self, column: &str) -> bool {
        let columns = "from information_schema.columns where table_name = 'headcount'";
        self.sql(&format!("select count(*) {columns} and column_name = '{column}'")) == "1"
    }

    /// Ends the sessions of the program, and says how many there were.
    pub fn cut_sessions(&self) -> u64 {
        let sessions = "from pg_stat_activity where application_name = 'headcount'";
        let count = self.sql(&format!("select count(pg_terminate_backend(pid)) {sessions}"));
        count.parse().expect("a count is a number")
    }

    /// Kills the process of one of the program's sessions, and waits until the server has ended all
    /// others, because shared memory may be damaged, and is back.
    pub fn crash_a_session(&self) {
        let sessions = "from pg_stat_activity where application_name = 'headcount'";
        let pid: u32 = wait_for("a session of the program", || {
            self.sql(&format!("select pid {sessions} limit 1")).parse().ok()
        });
        signal(pid, "KILL");
        let is_there = format!("select count(*) from pg_stat_activity where pid = {pid}");
        wait_until("the server to be back without it", || {
            self.try_sql("postgres", &is_there).as_deref() == Ok("0")
        });
    }

    /// Stops all its processes as they are: connections stay open and connect, nothing is
    /// answered.
    pub fn pause(&self) {
        // First the one that would start others.
        signal(self.postmaster.id(), "STOP");
        signal_those_left(&children(self.postmaster.id()), "STOP");
    }

    /// Lets a paused one go on.
    pub fn resume(&self) {
        signal_those_left(&children(self.postmaster.id()), "CONT");
        signal(self.postmaster.id(), "CONT");
    }

    /// Kills its first process, as the kernel does when memory is out; the others see that and
    /// end.
    pub fn kill(&mut self) {
        let children = children(self.postmaster.id());
        self.postmaster.kill().expect("postgres is ours to kill");
        self.postmaster.wait().expect("postgres is ours to wait for");
        wait_until("the end of postgres' processes", || !children.iter().any(|&id| is_running(id)));
        self.remove_shared_memory();
    }

    /// Starts it again after a [`PostgresServer::kill`]: the same port, folder and settings.
    pub fn restart(&mut self) {
        self.postmaster = data_folder::spawn(self.port, &self.folder, &self.settings);
        assert!(self.wait_until_it_answers(), "{STARTS}");
    }

    fn try_start(port: u16, access: &str, settings: &[&str]) -> Option<Self> {
        let folder = data_folder::create();
        let access = format!("local all postgres trust\n{access}\n");
        let access_path = data_folder::data(&folder).join("pg_hba.conf");
        fs::write(access_path, access).expect("the cluster's folder is writable");
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let postmaster = data_folder::spawn(port, &folder, &settings);
        let mut server = Self { postmaster, port, folder, settings };
        server.wait_until_it_answers().then_some(server)
    }

    /// Whether it came to answer; false when it ended instead.
    fn wait_until_it_answers(&mut self) -> bool {
        let id = self.postmaster.id().to_string();
        let answers = wait_for("postgres to answer", || {
            if self.postmaster.try_wait().expect("postgres is ours").is_some() {
                return Some(false);
            }
            // As pg_ctl does it: an old file has another id.
            let lines = self.lock_file();
            let is_ready =
                lines.last().is_some_and(|status| ["ready", "standby"].contains(&status.trim()));
            (is_ready && lines.first() == Some(&id)).then_some(true)
        });
        if !answers {
            print_log_tail("postgres", self.port, &self.folder);
        }
        answers
    }

    /// The System V segment that guards the folder would stay behind a killed server.
    fn remove_shared_memory(&self) {
        let lines = self.lock_file();
        if let Some(segment) = lines.get(6).and_then(|line| line.split_whitespace().nth(1)) {
            // It may be gone already.
            let _ = Command::new("ipcrm").args(["-m", segment]).stderr(Stdio::null()).status();
        }
    }

    /// The lines of `postmaster.pid`, as src/include/utils/pidfile.h of PostgreSQL has them.
    fn lock_file(&self) -> Vec<String> {
        let path = data_folder::data(&self.folder).join("postmaster.pid");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn spawn_psql(&self, database: &str, statements: &str, output: fn() -> Stdio) -> Child {
        let mut psql = data_folder::command("psql");
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"]);
        psql.args(["--set=ON_ERROR_STOP=1", "--username=postgres"]);
        psql.args([format!("--dbname={database}"), format!("--port={}", self.port)]);
        psql.arg("--host").arg(self.folder.path());
        let mut psql = psql
            .stdin(Stdio::piped())
            .stdout(output())
            .stderr(output())
            .spawn()
            .expect("psql runs");
        let mut input = psql.stdin.take().expect("stdin is piped");
        // It reads no more behind an error, which it tells.
        let _ = input.write_all(statements.as_bytes());
        psql
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if thread::panicking() {
            print_log_tail("postgres", self.port, &self.folder);
        }
        // It may be dead already: a test may have killed it.
        if matches!(self.postmaster.try_wait(), Ok(None)) {
            // Stopped it starts nobody anew, and nobody who is stopped himself sees its end.
            signal_those_left(&[self.postmaster.id()], "STOP");
            signal_those_left(&children(self.postmaster.id()), "KILL");
            let _ = self.postmaster.kill();
            let _ = self.postmaster.wait();
        }
        self.remove_shared_memory();
    }
}

const STARTS: &str = "postgres starts; see its log above";
