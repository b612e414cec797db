//! Three real Redis with three real sentinels, of a test's own.

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use redis::{FromRedisValue, Value};

use super::certificates::{Authority, Certificate, flags};
use super::process::{Folder, free_port};
use super::redis_server::{DURABLE, RedisServer};
use super::resp::{read_frame, value_of};
use super::start::print_log_tail;
use super::wait::wait_until;

/// How the sentinels call the primary.
pub const MASTER: &str = "shop";

/// A user of the sentinels, beside the default one, who needs no password.
pub const SENTINEL_USER: (&str, &str) = ("asker", "zq1 s3cret");

/// Settings of a server, each with its value.
type Settings = Vec<(&'static str, String)>;

/// One sentinel. Killed, and its folder removed, when it is dropped.
struct Sentinel {
    child: Child,
    port: u16,
    /// Where the program finds it: its port, or that of TLS.
    announced: u16,
    folder: Folder,
}

/// A primary, two replicas and three sentinels who watch them.
pub struct Sentinels {
    /// The first is the primary at the start.
    pub servers: [RedisServer; 3],
    /// The ports that the sentinels name.
    announced: [u16; 3],
    sentinels: Vec<Sentinel>,
}

impl Sentinels {
    /// Starts them, and waits until the sentinels know each other and the replicas.
    pub fn start() -> Self {
        Self::start_with(Settings::new)
    }

    /// The same with TLS between all of them. The ports without TLS are the test's.
    pub fn start_encrypted(authority: &Authority, certificate: &Certificate) -> Self {
        Self::start_with(|| tls_settings(authority, certificate, "no"))
    }

    /// The same, and each of them wants a certificate of its clients.
    pub fn start_wanting_certificates(authority: &Authority, certificate: &Certificate) -> Self {
        Self::start_with(|| tls_settings(authority, certificate, "yes"))
    }

    /// `tls` gives the settings of TLS of the next server or sentinel.
    fn start_with(tls: impl Fn() -> Settings) -> Self {
        let (primary, port) = start_server(&tls(), &[]);
        let master = port.to_string();
        let replica = || start_server(&tls(), &["--replicaof", "127.0.0.1", &master]);
        let ((second, second_port), (third, third_port)) = (replica(), replica());
        let sentinels = (0..3).map(|_| Sentinel::start(&master, &tls())).collect();
        let servers = [primary, second, third];
        let set = Self { servers, announced: [port, second_port, third_port], sentinels };
        wait_until("the sentinels to know each other and the replicas", || {
            set.sentinels.iter().all(|sentinel| sentinel.known() == (2, 2))
        });
        set
    }

    /// Where the program finds them; `dead`: behind a sentinel that is not there.
    pub fn url(&self, dead: Option<u16>) -> String {
        let ports = dead.into_iter().chain(self.sentinels.iter().map(|it| it.announced));
        let hosts: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        let is_encrypted = self.sentinels[0].announced != self.sentinels[0].port;
        let scheme = if is_encrypted { "rediss+sentinel" } else { "redis+sentinel" };
        format!("{scheme}://{}/{MASTER}", hosts.join(","))
    }

    /// The one that the first sentinel calls the primary, by its place.
    pub fn primary(&self) -> usize {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
        let (_, port): (String, u16) = self.sentinels[0].command(&words);
        let place = self.announced.iter().position(|announced| *announced == port);
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
        self.servers[self.primary()].wait_for_replicas(count);
    }
}

impl Sentinel {
    fn start(primary: &str, tls: &Settings) -> Self {
        let (folder, port) = (Folder::create(), free_port());
        let announced = announced_port(tls).unwrap_or(port);
        let lines = tls.iter().map(|(name, value)| format!("{name} {value}\n"));
        let (user, password) = SENTINEL_USER;
        let configuration = format!(
            "{}user {user} on \">{password}\" allchannels +@all\n\
             port {port}\nbind 127.0.0.1\nprotected-mode no\ndir {}\n\
             sentinel monitor {MASTER} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {MASTER} 1000\n\
             sentinel failover-timeout {MASTER} 5000\n",
            lines.collect::<String>(),
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
        let sentinel = Self { child, port, announced, folder };
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
        value_of(words, reply)
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

/// How a Redis or a sentinel has TLS on a free port, and speaks it to the others.
/// `wants_certificates`: `yes` or `no`.
fn tls_settings(
    authority: &Authority,
    certificate: &Certificate,
    wants_certificates: &str,
) -> Settings {
    let mut settings = certificate.of_redis(free_port(), authority).to_vec();
    settings.push(("tls-replication", "yes".to_owned()));
    settings.push(("tls-auth-clients", wants_certificates.to_owned()));
    settings
}

/// The port of TLS, if there is one.
fn announced_port(tls: &Settings) -> Option<u16> {
    let (_, port) = tls.iter().find(|(name, _)| *name == "tls-port")?;
    Some(port.parse().expect("a port is a number"))
}

/// A server, and the port that the sentinels name.
fn start_server(tls: &Settings, options: &[&str]) -> (RedisServer, u16) {
    let flags = flags(tls);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server =
        RedisServer::start(&[DURABLE, &["--repl-diskless-sync", "no"], &flags, options].concat());
    let port = announced_port(tls).unwrap_or(server.port());
    (server, port)
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            print_log_tail("the sentinel", self.port, &self.folder);
        }
    }
}
