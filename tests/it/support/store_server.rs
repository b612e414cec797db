//! A store behind a connection, whichever it is: what one has to do, the others have to do too.

use super::postgres_server::PostgresServer;
use super::redis_server::{DURABLE, RedisServer, counter_key};

/// The stores behind a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Redis,
    Postgres,
}

/// Each of them.
pub const KINDS: [Kind; 2] = [Kind::Redis, Kind::Postgres];

/// A server that has written every answer to disk before it gives it.
pub enum StoreServer {
    Redis(RedisServer),
    Postgres(PostgresServer),
}

impl Kind {
    /// Starts a server, and waits until it answers.
    pub fn start(self) -> StoreServer {
        match self {
            Kind::Redis => StoreServer::Redis(RedisServer::start(DURABLE)),
            Kind::Postgres => StoreServer::Postgres(PostgresServer::start()),
        }
    }

    /// The same on this port: for a test that gave the port away before.
    pub fn start_on(self, port: u16) -> StoreServer {
        match self {
            Kind::Redis => StoreServer::Redis(RedisServer::start_on(port, DURABLE)),
            Kind::Postgres => StoreServer::Postgres(PostgresServer::start_on(port)),
        }
    }

    /// Where the program finds the one on this host and port.
    pub fn url(self, address: &str) -> String {
        match self {
            Kind::Redis => format!("redis://{address}"),
            Kind::Postgres => format!("postgres://{address}"),
        }
    }
}

impl StoreServer {
    /// Where the program finds it over TCP.
    pub fn url(&self) -> String {
        match self {
            StoreServer::Redis(server) => server.url(),
            StoreServer::Postgres(server) => server.url(),
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        match self {
            StoreServer::Redis(server) => server.port(),
            StoreServer::Postgres(server) => server.port(),
        }
    }

    /// How many numbers of a counter are taken, and its limit, if it exists.
    pub fn counter(&self, name: &str) -> Option<(u64, u64)> {
        match self {
            StoreServer::Redis(server) => server.counter(name),
            StoreServer::Postgres(server) => server.counter(name),
        }
    }

    /// Stops its processes as they are: connections stay open and connect, nothing is answered.
    pub fn pause(&self) {
        match self {
            StoreServer::Redis(server) => server.pause(),
            StoreServer::Postgres(server) => server.pause(),
        }
    }

    /// Lets a paused one go on.
    pub fn resume(&self) {
        match self {
            StoreServer::Redis(server) => server.resume(),
            StoreServer::Postgres(server) => server.resume(),
        }
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        match self {
            StoreServer::Redis(server) => server.kill(),
            StoreServer::Postgres(server) => server.kill(),
        }
    }

    /// Starts it again after a [`StoreServer::kill`]: the same port and data.
    pub fn restart(&mut self) {
        match self {
            StoreServer::Redis(server) => server.restart(),
            StoreServer::Postgres(server) => server.restart(),
        }
    }

    /// Sets a field of the counter `default`, as an operator would by hand.
    pub fn set(&self, field: &str, value: u64) {
        match self {
            StoreServer::Redis(server) => {
                let value = value.to_string();
                let _: u64 = server.command(&["HSET", &counter_key("default"), field, &value]);
            }
            StoreServer::Postgres(server) => {
                server.sql(&format!("update headcount set {field} = {value}"));
            }
        }
    }

    /// Sets the limit of the counter `default`.
    pub fn set_limit(&self, limit: u64) {
        self.set(if matches!(self, StoreServer::Redis(_)) { "limit" } else { "max" }, limit);
    }

    /// What the epoch's field or column is called: version 0.1 called it the generation.
    fn epoch_field(&self) -> &'static str {
        let has_epoch = match self {
            StoreServer::Redis(server) => {
                server.command(&["HEXISTS", &counter_key("default"), "epoch"])
            }
            StoreServer::Postgres(server) => server.has_column("epoch"),
        };
        if has_epoch { "epoch" } else { "generation" }
    }

    /// The epoch of the counter `default`; 0 while there is none.
    pub fn epoch(&self) -> u64 {
        let field = self.epoch_field();
        match self {
            StoreServer::Redis(server) => {
                let epoch: Option<u64> = server.command(&["HGET", &counter_key("default"), field]);
                epoch.unwrap_or(0)
            }
            StoreServer::Postgres(server) => {
                let epoch = server.sql(&format!("select {field} from headcount"));
                epoch.parse().unwrap_or(0)
            }
        }
    }

    /// Sets the epoch of the counter `default` by hand.
    pub fn set_epoch(&self, epoch: u64) {
        self.set(self.epoch_field(), epoch);
    }

    /// What began the epoch of the counter `default`; empty where the store does not say.
    pub fn made(&self) -> String {
        match self {
            StoreServer::Redis(server) => {
                let made: Option<String> =
                    server.command(&["HGET", &counter_key("default"), "made"]);
                made.unwrap_or_default()
            }
            StoreServer::Postgres(server) if server.has_column("made") => {
                server.sql("select made from headcount where name = 'default'")
            }
            StoreServer::Postgres(_) => String::new(),
        }
    }

    /// Whether the counter `default` has an epoch, and not only a generation.
    pub fn has_epoch(&self) -> bool {
        self.epoch_field() == "epoch"
    }

    /// Takes the counter `default` away.
    pub fn delete_counter(&self) {
        match self {
            StoreServer::Redis(server) => {
                let _: u64 = server.command(&["DEL", &counter_key("default")]);
            }
            StoreServer::Postgres(server) => drop(server.sql("delete from headcount")),
        }
    }

    /// Has it close the program's connections, and says how many there were.
    pub fn cut_connections(&self) -> u64 {
        match self {
            StoreServer::Redis(server) => server.command(&["CLIENT", "KILL", "TYPE", "normal"]),
            StoreServer::Postgres(server) => server.cut_sessions(),
        }
    }
}
