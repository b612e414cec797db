//! A real Redis of a test's own.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use redis::{FromRedisValue, Value};

use super::process::{Folder, signal};
use super::resp::{Connection, value_of};
use super::start::{on_free_port, print_log_tail};
use super::wait::{wait_for, wait_until};

/// Options under which Redis has written every answer to disk before it gives it.
pub const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];

/// A `redis-server` on a free port of loopback and on a Unix socket, in a folder of its own.
/// Killed, and its folder removed, when it is dropped.
pub struct RedisServer {
    child: Child,
    port: u16,
    folder: Folder,
    options: Vec<String>,
}

impl RedisServer {
    /// Starts a server with these options on its command line, and waits until it answers.
    pub fn start(options: &[&str]) -> Self {
        on_free_port("redis-server", |port| Self::try_start(port, options))
    }

    /// Starts a server on this port: for a test that gave the port away before.
    pub fn start_on(port: u16, options: &[&str]) -> Self {
        Self::try_start(port, options).expect("redis-server starts; see its log above")
    }

    /// Where the program finds it over TCP.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port, for a URL with a password or a database.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its Unix socket.
    pub fn socket_path(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Its folder, which has its append-only file and its snapshot.
    pub fn folder_path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Runs one command on a connection of its own, and gives its reply as a `T`.
    ///
    /// # Panics
    /// On an error of the server's and on a reply of another type.
    pub fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let reply = self.try_command(words).expect("redis answers");
        value_of(words, reply)
    }

    /// Runs one command as [`RedisServer::command`] does, with an error of the server's as a value.
    pub fn try_command(&self, words: &[&str]) -> io::Result<Value> {
        let mut connection = Connection::open(&self.socket_path())?;
        let password = self.options.iter().skip_while(|option| *option != "--requirepass").nth(1);
        if let Some(password) = password {
            connection.command(&["AUTH", password])?;
        }
        connection.command(words)
    }

    /// The fields `taken` and `limit` of a counter in database 0, if it exists.
    pub fn counter(&self, name: &str) -> Option<(u64, u64)> {
        let key = counter_key(name);
        let fields: (Option<u64>, Option<u64>) = self.command(&["HMGET", &key, "taken", "limit"]);
        fields.0.zip(fields.1)
    }

    /// How often a command ran, in scripts too, since the start or a CONFIG RESETSTAT.
    pub fn calls(&self, command: &str) -> u64 {
        let info: String = self.command(&["INFO", "commandstats"]);
        let head = format!("cmdstat_{command}:calls=");
        let line = info.lines().find_map(|line| line.strip_prefix(head.as_str()));
        let calls = line.and_then(|line| line.split(',').next());
        calls.map_or(0, |calls| calls.parse().expect("a count is a number"))
    }

    /// Waits until so many replicas have all that it has.
    pub fn wait_for_replicas(&self, count: u64) {
        let words = ["WAIT", &count.to_string(), "1000"];
        wait_until("the replicas", || self.command::<u64>(&words) >= count);
    }

    /// Waits until it has read what was sent over TCP before: it accepts in order, and reads all
    /// that it has accepted before it waits for more.
    pub fn settle(&self) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).expect("redis listens");
        for _ in 0..3 {
            connection.write_all(b"PING\r\n").expect("redis reads");
            let mut pong = [0; 7];
            connection.read_exact(&mut pong).expect("redis answers");
            assert_eq!(&pong, b"+PONG\r\n");
        }
    }

    /// Stops its process as it is: connections stay open and connect, nothing is answered.
    pub fn pause(&self) {
        signal(self.child.id(), "STOP");
    }

    /// Lets a paused one go on.
    pub fn resume(&self) {
        signal(self.child.id(), "CONT");
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("redis-server is ours to kill");
        self.child.wait().expect("redis-server is ours to wait for");
    }

    /// Starts it again after a [`RedisServer::kill`]: the same port, folder and options.
    pub fn restart(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.options);
        assert!(self.wait_until_it_answers(), "redis-server starts again; see its log above");
    }

    fn try_start(port: u16, options: &[&str]) -> Option<Self> {
        let folder = Folder::create();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(port, &folder, &options);
        let mut server = Self { child, port, folder, options };
        server.wait_until_it_answers().then_some(server)
    }

    /// Whether it came to answer; false when it ended instead.
    fn wait_until_it_answers(&mut self) -> bool {
        let answers = wait_for("redis-server to answer", || {
            if self.child.try_wait().expect("redis-server is ours").is_some() {
                return Some(false);
            }
            let reply = self.try_command(&["PING"]).ok()?;
            matches!(reply, Value::SimpleString(_)).then_some(true)
        });
        if !answers {
            print_log_tail("redis-server", self.port, &self.folder);
        }
        answers
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if thread::panicking() {
            print_log_tail("redis-server", self.port, &self.folder);
        }
        // It may be dead already: a test may have killed it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The key of a counter. The braces are part of it: a hash tag of Redis Cluster.
pub fn counter_key(name: &str) -> String {
    format!("headcount:{{{name}}}")
}

fn spawn(port: u16, folder: &Folder, options: &[String]) -> Child {
    let child = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--unixsocket", "redis.sock", "--logfile", "log", "--save", ""])
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.expect("these tests need redis-server in the PATH (Debian: apt-get install redis-server)")
}
