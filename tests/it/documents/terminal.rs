//! A terminal in which the commands of a document are run.
//!
//! What a reader of a document has to know is all that this knows: a command that ends in ` &` is a
//! server, and the next command is given when it listens; `kill %1` ends the first of them. All
//! that still run are ended when the terminal is dropped.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::{env, thread};

use super::blocks::Step;
use super::output::{normal, with_numbers};
use crate::support::http_client::HttpClient;
use crate::support::postgres_server::PostgresServer;
use crate::support::process::{Folder, free_port, signal};
use crate::support::wait::wait_for;

const PROGRAM: &str = env!("CARGO_BIN_EXE_headcount");

/// The ports in the documents: headcount's, a Redis's, a PostgreSQL's. Each stands for a free one.
const LISTEN: &str = "8080";
const REDIS: &str = "6379";
const POSTGRES: &str = "5432";
const PORTS: [&str; 6] = [LISTEN, "8081", "8082", "9080", REDIS, POSTGRES];

/// A folder, free ports, and the servers that were started.
pub struct Terminal {
    folder: Folder,
    ports: Vec<(&'static str, u16)>,
    servers: Vec<Child>,
    /// A reader has it already: there if the document names its port.
    _postgres: Option<PostgresServer>,
}

impl Terminal {
    /// One for the document with this text.
    pub fn open(document: &str) -> Terminal {
        let postgres = document.contains(POSTGRES).then(PostgresServer::start);
        let port = |name| match &postgres {
            Some(server) if name == POSTGRES => server.port(),
            _ => free_port(),
        };
        let ports: Vec<_> = PORTS.into_iter().map(|name| (name, port(name))).collect();
        let folder = Folder::create();
        let terminal = Terminal { folder, ports, servers: Vec::new(), _postgres: postgres };
        terminal.install();
        terminal
    }

    /// Runs a command, and says how what it printed differs from what the document says.
    pub fn run(&mut self, step: &Step) -> Result<(), String> {
        let command = self.with_free_ports(&step.command);
        if let Some(number) = command.strip_prefix("kill %") {
            self.end_server(number);
            return Ok(());
        }
        if let Some(server) = command.strip_suffix(" &") {
            return self.start_server(server);
        }
        let mut shell = self.shell(&format!("exec 2>&1\n{command}"));
        let output = shell.output().expect("sh runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        let expected = self.with_free_ports(&step.expected.join("\n"));
        let (printed, expected) = (normal(printed.lines()), normal(expected.lines()));
        if printed == expected {
            return Ok(());
        }
        let lines = |lines: &[String]| lines.join("\n    ");
        Err(format!(
            "$ {command}\n  printed:\n    {}\n  documented:\n    {}",
            lines(&printed),
            lines(&expected)
        ))
    }

    /// Puts `headcount` into the PATH, and a `redis-cli` that prints as it does to a person and
    /// finds the Redis on the port that stands for its own.
    fn install(&self) {
        let programs = self.folder.path().join("bin");
        fs::create_dir(&programs).expect("the folder is ours");
        symlink(PROGRAM, programs.join("headcount")).expect("the folder is ours");
        let cli = programs.join("redis-cli");
        let port = self.port(REDIS);
        let script =
            format!("#!/bin/sh\nPATH=${{PATH#*:}}\nexec redis-cli --no-raw -p {port} \"$@\"\n");
        fs::write(&cli, script).expect("the folder is ours");
        fs::set_permissions(&cli, Permissions::from_mode(0o755)).expect("the file is ours");
    }

    /// One thread, so that ready means that every answer comes, and patience for a busy machine.
    fn shell(&self, script: &str) -> Command {
        let folder = self.folder.path();
        let path = env::var("PATH").expect("the tests have a PATH");
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(folder).env_clear();
        shell.env("PATH", format!("{}/bin:{path}", folder.display()));
        shell.env("HOME", folder).env("LC_ALL", "C");
        shell.env("HEADCOUNT_LISTEN", format!("127.0.0.1:{}", self.port(LISTEN)));
        shell.env("HEADCOUNT_THREADS", "1").env("HEADCOUNT_STORE_TIMEOUT", "5000");
        shell.stdin(Stdio::null());
        shell
    }

    fn start_server(&mut self, command: &str) -> Result<(), String> {
        // `exec` makes the shell's process the server's own, so that it can be ended by its id;
        // `env` takes variables that stand before the command.
        let redis_port = self.port(REDIS);
        let command = command.replace("redis-server", &format!("redis-server --port {redis_port}"));
        let mut shell = self.shell(&format!("exec env {command}"));
        let child = shell.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        self.servers.push(child.expect("sh runs"));
        let (is_listening, port): (fn(SocketAddr) -> Option<()>, _) =
            if command.contains("redis-server") {
                (redis_answers, redis_port)
            } else {
                (headcount_answers, self.listen_port(&command))
            };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let server = self.servers.last_mut().expect("it was just pushed");
        let is_started = wait_for(&command, || {
            if server.try_wait().expect("it is ours").is_some() {
                return Some(false);
            }
            is_listening(address).map(|()| true)
        });
        if is_started {
            return Ok(());
        }
        let mut said = String::new();
        let stderr = server.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut said).expect("it says text");
        Err(format!("$ {command} &\n  ended with: {}", said.trim_end()))
    }

    /// Ends the server of that number, counted from 1, and waits for its end.
    fn end_server(&mut self, number: &str) {
        let number: usize = number.parse().expect("kill % has the number of a server");
        let server = &mut self.servers[number - 1];
        signal(server.id(), "TERM");
        server.wait().expect("it is ours");
    }

    /// Where a headcount listens that is started by this command.
    fn listen_port(&self, command: &str) -> u16 {
        let mut words = command.split_whitespace().skip_while(|word| *word != "--listen");
        let address = words.nth(1).and_then(|address| address.parse().ok());
        address.map_or(self.port(LISTEN), |address: SocketAddr| address.port())
    }

    fn with_free_ports(&self, text: &str) -> String {
        with_numbers(text, |digits| {
            let port = self.ports.iter().find(|(name, _)| *name == digits);
            port.map(|(_, port)| port.to_string())
        })
    }

    fn port(&self, name: &str) -> u16 {
        let port = self.ports.iter().find(|(other, _)| *other == name);
        port.expect("it is one of the documents' ports").1
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // It may have ended by itself, or by the document's own command.
            let _ = server.kill();
            let _ = server.wait();
        }
        if thread::panicking() {
            eprintln!("--- the terminal was in {}", self.folder.path().display());
        }
    }
}

/// That it listens, and has tried its store once.
fn headcount_answers(address: SocketAddr) -> Option<()> {
    let mut client = HttpClient::try_connect(address).ok()?;
    client.try_send(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").ok()?;
    let answer = client.try_receive().ok()?;
    (answer.status == 200 || !answer.body.contains("connecting")).then_some(())
}

fn redis_answers(address: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"PING\r\n").ok()?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).ok()?;
    (&answer == b"+PONG").then_some(())
}
