//! A real pgbouncer in front of a PostgreSQL, of a test's own.

use std::fs;
use std::process::{Child, Stdio};

use super::postgres_server::{PostgresServer, give_away, server_command};
use super::process::Folder;
use super::start::on_free_port;
use super::wait::wait_until;

/// Killed, and its folder removed, when it is dropped.
pub struct Pgbouncer {
    child: Child,
    port: u16,
    folder: Folder,
}

impl Pgbouncer {
    /// Starts one that gives out the server's connections in this `mode` (`transaction`, say), at
    /// most two of them, and waits until it answers.
    pub fn start(server: &PostgresServer, mode: &str) -> Self {
        Self::start_with(server, mode, "")
    }

    /// The same with more lines of its configuration.
    pub fn start_with(server: &PostgresServer, mode: &str, settings: &str) -> Self {
        on_free_port("pgbouncer", |port| Self::try_start(server.port(), port, mode, settings))
    }

    fn try_start(server: u16, port: u16, mode: &str, settings: &str) -> Option<Self> {
        let folder = Folder::create();
        give_away(folder.path());
        let configuration = format!(
            "[databases]\n\
             postgres = host=127.0.0.1 port={server} user=postgres dbname=postgres\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {mode}\ndefault_pool_size = 2\n{settings}\n"
        );
        fs::write(folder.path().join(CONFIGURATION), configuration).expect("the folder is ours");
        let mut pooler = Self { child: spawn(&folder), port, folder };
        pooler.wait_until_it_answers().then_some(pooler)
    }

    /// Kills it, and starts it again.
    pub fn restart(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
        self.child = spawn(&self.folder);
        assert!(self.wait_until_it_answers(), "pgbouncer starts again");
    }

    fn wait_until_it_answers(&mut self) -> bool {
        let mut is_there = false;
        wait_until("pgbouncer to answer, or to end", || {
            is_there = self.sql("select 1") == "1";
            is_there || self.child.try_wait().expect("it is our child").is_some()
        });
        is_there
    }

    /// Where the program finds it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// Runs a query through it; empty if it cannot.
    pub fn sql(&self, query: &str) -> String {
        let output = server_command("psql")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", "postgres", "-AtXq", "-c", query, "postgres"])
            .output()
            .expect("psql runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn spawn(folder: &Folder) -> Child {
    server_command("pgbouncer")
        .args(["-q", CONFIGURATION])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("setpriv runs")
}

const CONFIGURATION: &str = "pgbouncer.ini";

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
