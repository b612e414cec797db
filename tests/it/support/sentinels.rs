//! Three real Redis with three real sentinels, of a test's own.

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use redis::{FromRedisValue, Value};

use super::process::{Folder, free_port};
use super::redis_server::RedisServer;
use super::resp::read_frame;
use super::wait::wait_until;

/// How the sentinels call the primary.
pub const MASTER: &str = "shop";

/// One sentinel. Killed, and its folder removed, when it is dropped.
struct Sentinel {
    child: Child,
    port: u16,
    folder: Folder,
}

/// A primary, two replicas and three sentinels who watch them.
pub struct Sentinels {
    /// The first is the primary at the start.
    pub servers: [RedisServer; 3],
    sentinels: Vec<Sentinel>,
}

impl Sentinels {
    /// Starts them, and waits until the sentinels know each other and the replicas.
    pub fn start() -> Self {
        let durable =
            ["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync", "no"];
        let primary = RedisServer::start(&durable);
        let port = primary.port().to_string();
        let replica = || {
            let following = ["--replicaof", "127.0.0.1", &port];
            RedisServer::start(&[&durable[..], &following].concat())
        };
        let servers = [primary, replica(), replica()];
        let sentinels = (0..3).map(|_| Sentinel::start(&port)).collect();
        let set = Self { servers, sentinels };
        wait_until("the sentinels to know each other and the replicas", || {
            set.sentinels.iter().all(|sentinel| sentinel.known() == (2, 2))
        });
        set
    }

    /// Where the program finds them; `dead`: behind a sentinel that is not there.
    pub fn url(&self, dead: Option<u16>) -> String {
        let ports = dead.into_iter().chain(self.sentinels.iter().map(|it| it.port));
        let hosts: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{MASTER}", hosts.join(","))
    }

    /// The one that the first sentinel calls the primary, by its place.
    pub fn primary(&self) -> usize {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
        let (_, port): (String, u16) = self.sentinels[0].command(&words);
        let place = self.servers.iter().position(|server| server.port() == port);
        place.expect("it is one of them")
    }

    /// Has the sentinels make another one the primary: by a command, or by killing it. Gives the
    /// place of the one that was.
    pub fn fail_over(&mut self, by_killing: bool) -> usize {
        let old = self.primary();
        if by_killing {
            self.servers[old].kill();
        } else {
            // Not while they are still busy with the last one.
            let words = ["SENTINEL", "FAILOVER", MASTER];
            let is_begun = |reply| matches!(reply, Value::Okay);
            wait_until("the sentinels to begin a failover", || {
                self.sentinels[0].try_command(&words).is_some_and(is_begun)
            });
        }
        old
    }

    /// Waits until the primary has both of the others as replicas, and the sentinels know them.
    pub fn wait_until_whole(&self) {
        wait_until("two replicas of the primary", || {
            let primary = &self.servers[self.primary()];
            matches!(primary.try_command(&["WAIT", "2", "1000"]), Ok(Value::Int(2..)))
                && self.sentinels.iter().all(|sentinel| sentinel.known() == (2, 2))
        });
    }

    /// Waits until so many replicas have all that the primary has.
    pub fn wait_for_replicas(&self, count: u64) {
        let (primary, number) = (&self.servers[self.primary()], count.to_string());
        wait_until("the replicas", || primary.command::<u64>(&["WAIT", &number, "1000"]) >= count);
    }
}

impl Sentinel {
    fn start(primary: &str) -> Self {
        let (folder, port) = (Folder::create(), free_port());
        let configuration = format!(
            "port {port}\nbind 127.0.0.1\nprotected-mode no\ndir {}\n\
             sentinel monitor {MASTER} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {MASTER} 1000\n\
             sentinel failover-timeout {MASTER} 5000\n",
            folder.path().display()
        );
        let path = folder.path().join("sentinel.conf");
        fs::write(&path, configuration).expect("the folder is ours");
        let log = fs::File::create(folder.path().join("log")).expect("the folder is ours");
        let child = Command::new("redis-server")
            .arg(&path)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("these tests need redis-server (Debian: apt-get install redis-server)");
        let sentinel = Self { child, port, folder };
        wait_until("the sentinel to answer", || sentinel.try_command(&["PING"]).is_some());
        sentinel
    }

    /// How many other sentinels and how many replicas it knows.
    fn known(&self) -> (usize, usize) {
        let others: Vec<Value> = self.command(&["SENTINEL", "SENTINELS", MASTER]);
        let replicas: Vec<Value> = self.command(&["SENTINEL", "REPLICAS", MASTER]);
        (others.len(), replicas.len())
    }

    fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let reply = self.try_command(words).expect("the sentinel answers");
        let reply = reply.extract_error().unwrap_or_else(|error| panic!("{words:?}: {error}"));
        T::from_redis_value(reply).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn try_command(&self, words: &[&str]) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let mut command = redis::Cmd::new();
        command.arg(words);
        stream.write_all(&command.get_packed_command()).ok()?;
        let frame = read_frame(&mut BufReader::new(stream)).ok()?;
        redis::parse_redis_value(&frame).ok()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("--- the sentinel on port {} said:\n{log}", self.port);
        }
    }
}
