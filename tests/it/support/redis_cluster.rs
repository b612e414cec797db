//! A real Redis Cluster of a test's own: three primaries, and a replica of each.

use super::certificates::{Authority, Certificate, flags};
use super::process::free_port;
use super::redis_server::{DURABLE, RedisServer};
use super::wait::{wait_for, wait_until};

/// How long a node is silent before the others call it dead, in milliseconds.
const NODE_TIMEOUT_MS: &str = "1000";

/// The nodes: first the primaries, and then the replicas in the same order.
pub struct Cluster {
    pub servers: Vec<RedisServer>,
    /// The ports that the nodes name to each other: those of TLS, if there is TLS.
    announced: Vec<u16>,
    bus_ports: Vec<u16>,
}

/// How many nodes there are.
pub const NODES: usize = 6;

/// TLS between the nodes, and for their clients.
pub struct ClusterTls<'a> {
    pub authority: &'a Authority,
    /// One a node, in their order.
    pub certificates: [&'a Certificate; NODES],
    /// More options of each node.
    pub options: &'a [&'a str],
}

/// The nodes have no port without TLS.
pub const TLS_ALONE: &[&str] = &["--port", "0"];

impl Cluster {
    /// Starts the nodes, and waits until each knows all, and every replica has its primary's data.
    pub fn start() -> Self {
        Self::start_with(|_| (None, Vec::new()))
    }

    /// The same with TLS. The nodes have a port without it as well, and want no certificate of
    /// their clients, unless the options say otherwise.
    pub fn start_encrypted(tls: &ClusterTls) -> Self {
        Self::start_with(|place| {
            let port = free_port();
            let mut settings = tls.certificates[place].of_redis(port, tls.authority).to_vec();
            let names = ["tls-cluster", "tls-replication"];
            settings.extend(names.map(|name| (name, "yes".to_owned())));
            settings.push(("tls-auth-clients", "no".to_owned()));
            let options = tls.options.iter().map(|&option| option.to_owned());
            (Some(port), flags(&settings).into_iter().chain(options).collect())
        })
    }

    /// `tls` gives the port of TLS and the options of the node in each place.
    fn start_with(tls: impl Fn(usize) -> (Option<u16>, Vec<String>)) -> Self {
        let mut cluster =
            Self { servers: Vec::new(), announced: Vec::new(), bus_ports: Vec::new() };
        for place in 0..NODES {
            let ((port, tls), bus) = (tls(place), free_port());
            let server = start_node(bus, &tls);
            cluster.announced.push(port.unwrap_or(server.port()));
            cluster.servers.push(server);
            cluster.bus_ports.push(bus);
        }
        cluster.meet();
        cluster
    }

    fn meet(&self) {
        let slots = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];
        for (place, server) in self.servers.iter().enumerate() {
            let epoch = (place + 1).to_string();
            let _: String = server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
            if let Some([first, last]) = slots.get(place) {
                let _: String = server.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
            }
            let (port, bus) =
                (self.announced[place].to_string(), self.bus_ports[place].to_string());
            let words = ["CLUSTER", "MEET", "127.0.0.1", &port, &bus];
            let _: String = self.servers[0].command(&words);
        }
        wait_until("the nodes to know each other", || {
            self.servers.iter().all(|server| self.known_ids(server).len() == self.servers.len())
        });
        for (primary, replica) in self.servers.iter().zip(&self.servers[3..]) {
            let id: String = primary.command(&["CLUSTER", "MYID"]);
            let _: String = replica.command(&["CLUSTER", "REPLICATE", &id]);
        }
        wait_until("the cluster to serve, with replicas", || {
            let is_linked = |server: &RedisServer| {
                let info: String = server.command(&["INFO", "replication"]);
                info.contains("master_link_status:up")
            };
            let is_up = |server: &RedisServer| {
                let info: String = server.command(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok")
            };
            self.servers.iter().all(is_up) && self.servers[3..].iter().all(is_linked)
        });
    }

    fn known_ids(&self, server: &RedisServer) -> Vec<String> {
        let nodes: String = server.command(&["CLUSTER", "NODES"]);
        let known = nodes.lines().filter(|line| !line.contains("handshake"));
        known.filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
    }

    /// Names of counters, one on each primary, in their order.
    pub fn names(&self) -> Vec<String> {
        let place = |name: &str| self.slot(name) * 3 / 16_384;
        let on = |primary| {
            let mut names = (0..).map(|number| format!("c{number}"));
            names.find(|name| place(name) == primary).expect("there is one")
        };
        (0..3).map(on).collect()
    }

    /// The slot of a counter.
    pub fn slot(&self, counter: &str) -> u64 {
        self.servers[0].command(&["CLUSTER", "KEYSLOT", &format!("{{{counter}}}")])
    }

    /// A URL of these nodes: of their ports of TLS, if there are any.
    pub fn url(&self, places: &[usize]) -> String {
        let is_encrypted = self.announced[0] != self.servers[0].port();
        let scheme = if is_encrypted { "rediss" } else { "redis" };
        url_of(scheme, places.iter().map(|place| self.announced[*place]))
    }

    /// The same of their ports without TLS.
    pub fn plain_url(&self, places: &[usize]) -> String {
        url_of("redis", places.iter().map(|place| self.servers[*place].port()))
    }

    /// The port of TLS of the node in this place, if it has one.
    pub fn announced_port(&self, place: usize) -> u16 {
        self.announced[place]
    }

    /// Gives the slot of a counter from one primary to another, as `redis-cli --cluster reshard`
    /// does; `meanwhile` runs when the key has moved already, and the slot has not.
    pub fn give(&self, counter: &str, from: usize, to: usize, meanwhile: impl Fn()) {
        self.give_apart(counter, from, to, &[""], |_| meanwhile());
    }

    /// The same where the slot has several keys, which go one after the other: each is the
    /// counter's with one of these ends. `meanwhile` runs after each.
    pub fn give_apart(
        &self,
        counter: &str,
        from: usize,
        to: usize,
        ends: &[&str],
        meanwhile: impl Fn(&str),
    ) {
        let slot = self.slot(counter).to_string();
        let id = |place: usize| -> String { self.servers[place].command(&["CLUSTER", "MYID"]) };
        let (from_id, to_id) = (id(from), id(to));
        let set = |place: usize, words: &[&str]| {
            let words = [&["CLUSTER", "SETSLOT", &slot], words].concat();
            let _: String = self.servers[place].command(&words);
        };
        set(to, &["IMPORTING", &from_id]);
        set(from, &["MIGRATING", &to_id]);
        let port = self.announced[to].to_string();
        for end in ends {
            let key = format!("headcount:{{{counter}}}{end}");
            let words = ["MIGRATE", "127.0.0.1", &port, &key, "0", "5000", "REPLACE"];
            let _: String = self.servers[from].command(&words);
            meanwhile(end);
        }
        set(to, &["NODE", &to_id]);
        set(from, &["NODE", &to_id]);
    }

    /// Waits until the replica of a primary has all that the primary has.
    pub fn wait_for_replica(&self, primary: usize) {
        self.servers[primary].wait_for_replicas(1);
    }

    /// Waits until the replica of a dead primary is one itself.
    pub fn wait_for_failover(&self, primary: usize) {
        let replica = &self.servers[primary + 3];
        wait_for("the replica to take over", || {
            let info: String = replica.command(&["INFO", "replication"]);
            info.contains("role:master").then_some(())
        });
    }
}

fn start_node(bus_port: u16, tls: &[String]) -> RedisServer {
    let bus_port = bus_port.to_string();
    let options = [
        ["--cluster-enabled", "yes"],
        ["--cluster-config-file", "nodes.conf"],
        ["--cluster-port", &bus_port],
        ["--cluster-node-timeout", NODE_TIMEOUT_MS],
        ["--repl-diskless-sync", "no"],
    ];
    let tls: Vec<&str> = tls.iter().map(String::as_str).collect();
    RedisServer::start(&[DURABLE, options.as_flattened(), &tls].concat())
}

fn url_of(scheme: &str, ports: impl Iterator<Item = u16>) -> String {
    let hosts: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
    format!("{scheme}://{}", hosts.join(","))
}
