//! A store connection of the library over a plain blocking socket: a reactor without clients.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use headcount::config::StoreUrl;
use headcount::counter::CounterId;
use headcount::store::connection::{Command, Connection};
use headcount::store::counters::Counters;
use headcount::store::error::StoreError;
use headcount::store::keys::Keys;
use headcount::store::open::{self, Purpose};
use headcount::store::request::{Reply, SendState, StoreEvent};

use super::super::LIMIT;
use crate::support::postgres_server::PostgresServer;

/// How long anything may take here before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the store may take: longer than a commit to the slowest disk.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a real server.
pub struct Link {
    connection: Connection,
    stream: Option<TcpStream>,
    port: u16,
}

impl Link {
    /// Connects, and waits until all counters are confirmed.
    pub fn connect(server: &PostgresServer, names: &[&str]) -> Link {
        let url = StoreUrl::parse(&format!("{}?user=postgres", server.url()))
            .or_else(|_| StoreUrl::parse(&server.url_of("postgres", "")))
            .expect("the URL is good");
        let counters = Arc::new(Counters::new(names.iter().map(|name| (*name, LIMIT)), true));
        let opened =
            open::connection(&url, &counters, Purpose::Serve, STORE_TIMEOUT, Instant::now());
        let Ok(Some(connection)) = opened else { panic!("a store behind a connection") };
        let mut link = Link { connection, stream: None, port: server.port() };
        for counter in counters.ids() {
            link.wait_until_ready(counter);
        }
        link
    }

    /// Takes up to `count` of each of these counters in one wake, and gives the replies.
    pub fn take(&mut self, places: &[usize], count: u64) -> Vec<(usize, Reply)> {
        let ids = places.iter().map(|place| CounterId(*place as u32));
        ids.clone().for_each(|counter| self.wait_until_ready(counter));
        let mut waiting = 0;
        for counter in ids {
            if self.connection.is_ready(counter) {
                self.connection.send(counter, count, Keys::NONE, false, Instant::now());
                waiting += 1;
            }
        }
        self.connection.finish_requests();
        let (start, mut replies) = (Instant::now(), Vec::new());
        while replies.len() < waiting {
            assert!(start.elapsed() < PATIENCE, "no reply");
            self.turn();
            while let Some(event) = self.connection.poll() {
                if let StoreEvent::Replied(counter, reply) = event {
                    replies.push((counter.index(), reply));
                }
            }
        }
        replies
    }

    /// Takes from a counter until it gives something.
    pub fn take_until(&mut self, place: usize) {
        let start = Instant::now();
        while !matches!(self.take(&[place], 1)[..], [(_, Reply::Granted(_))]) {
            assert!(start.elapsed() < PATIENCE, "nothing is granted");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn wait_until_ready(&mut self, counter: CounterId) {
        let start = Instant::now();
        loop {
            match self.connection.send_state(counter, Instant::now()) {
                SendState::Ready => return,
                SendState::Refused(_) | SendState::Waiting => self.turn(),
            }
            assert!(start.elapsed() < PATIENCE, "{:?}", self.connection.last_fault());
        }
    }

    /// What an event loop does in one turn.
    fn turn(&mut self) {
        self.connection.tick(Instant::now());
        while let Some(command) = self.connection.command() {
            self.stream = None;
            if let Command::Connect(_) = command {
                self.open();
            }
        }
        let Some(stream) = &mut self.stream else {
            return thread::sleep(Duration::from_millis(1));
        };
        let sent = stream.write_all(self.connection.seal_and_buffer().unsent());
        let length = self.connection.seal_and_buffer().unsent().len();
        self.connection.seal_and_buffer().advance(length);
        let mut bytes = [0; 64 * 1024];
        match sent.and_then(|()| stream.read(&mut bytes)) {
            Ok(0) => self.connection.lost(StoreError::Unreachable, "closed", Instant::now()),
            Ok(count) => self.connection.received(&bytes[..count], Instant::now()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => {
                let detail = error.to_string();
                self.connection.lost(StoreError::Unreachable, &detail, Instant::now());
            }
        }
    }

    fn open(&mut self) {
        match TcpStream::connect(("127.0.0.1", self.port)) {
            Ok(stream) => {
                stream.set_nodelay(true).expect("it is a socket");
                stream.set_read_timeout(Some(Duration::from_millis(1))).expect("it is a socket");
                self.stream = Some(stream);
                self.connection.connected(Instant::now());
            }
            Err(error) => {
                let detail = error.to_string();
                self.connection.lost(StoreError::Unreachable, &detail, Instant::now());
            }
        }
    }
}
