//! A proxy before a real store that can do what a real one can hardly be made to do.
//!
//! One request, one reply: the proxy reads a whole request and then decides about it, so a reply
//! never changes its place.

mod control;
mod held;

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use held::Held;

use super::postgres_wire;
use super::resp::read_frame;
use super::store_server::Kind;
use super::wait::PATIENCE;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// It goes to the store, and the reply comes back.
    None,
    /// As while the store reads its data after a start: everything is refused, but Redis answers
    /// HELLO.
    Loading,
    /// The introduction is answered, and then nothing more on this connection.
    SilenceAfterHello,
    /// The reply is no store's.
    Garbage,
    /// The reply is a value of a gigabyte.
    EndlessReply,
    /// The request runs, half of its reply comes, and the connection closes.
    CutReply,
    /// The request runs, and neither its reply nor a later one comes on this connection, which
    /// stays open.
    Swallow,
}

/// Whether a reply that has just come from the store is to be swallowed.
type Condition = Box<dyn Fn() -> bool + Send>;

/// A reply to HELLO 3 as Redis 7 gives it.
const HELLO_REPLY: &[u8] =
    b"%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n\
    $5\r\nproto\r\n:3\r\n$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n\
    $4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";

const LOADING: &[u8] = b"-LOADING Redis is loading the dataset in memory\r\n";

/// The most that is poured into one connection, should its reader never stop.
const POUR_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The two sockets of a connection that is forwarded.
struct Ends {
    client: TcpStream,
    upstream: TcpStream,
}

/// A listener on loopback before a store on `upstream`.
pub struct Proxy {
    kind: Kind,
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    kind: Kind,
    upstream: Mutex<SocketAddr>,
    fault: Mutex<Fault>,
    condition: Mutex<Option<Condition>>,
    connections: Mutex<Vec<Weak<Ends>>>,
    held: Held,
    stopped: AtomicBool,
    /// Replies that were swallowed.
    swallowed: AtomicU64,
    /// The most bytes of an endless reply that one connection took.
    poured_bytes_max: AtomicU64,
}

impl Proxy {
    /// Starts a proxy before the store on this port, with this fault.
    pub fn start(kind: Kind, upstream_port: u16, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            kind,
            upstream: Mutex::new(SocketAddr::from(([127, 0, 0, 1], upstream_port))),
            fault: Mutex::new(fault),
            condition: Mutex::new(None),
            connections: Mutex::new(Vec::new()),
            held: Held::default(),
            stopped: AtomicBool::new(false),
            swallowed: AtomicU64::new(0),
            poured_bytes_max: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { kind, address, shared }
    }

    /// Where the program finds it. What is encrypted would tell it nothing, so nothing is.
    pub fn url(&self) -> String {
        let url = self.kind.url(&self.address.to_string());
        match self.kind {
            Kind::Redis => url,
            Kind::Postgres => format!("{url}?sslmode=disable"),
        }
    }

    /// Changes what becomes of requests from now on.
    pub fn set(&self, fault: Fault) {
        *self.shared.fault.lock().expect("no thread panics while it holds the fault") = fault;
    }

    /// The most bytes of an endless reply that one connection took before it was closed.
    pub fn poured_bytes_max(&self) -> u64 {
        self.shared.poured_bytes_max.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.shared.held.end(u64::MAX);
        // Wakes the accepting thread, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            let shared = Arc::clone(self);
            // A connection ends with an error when either side closes it: that is its end.
            thread::spawn(move || shared.serve(stream).err());
        }
    }

    fn serve(&self, client: TcpStream) -> io::Result<()> {
        client.set_write_timeout(Some(PATIENCE))?;
        client.set_nodelay(true)?;
        let upstream = *self.upstream.lock().expect("no thread panics while it holds it");
        let upstream = TcpStream::connect(upstream)?;
        upstream.set_nodelay(true)?;
        let ends = Arc::new(Ends { client, upstream });
        let mut connections = self.connections.lock().expect("no thread panics with it");
        connections.push(Arc::downgrade(&ends));
        drop(connections);
        self.forward(&ends)
    }

    fn forward(&self, ends: &Ends) -> io::Result<()> {
        let mut client = &ends.client;
        let mut requests = BufReader::new(ends.client.try_clone()?);
        let mut replies = BufReader::new(ends.upstream.try_clone()?);
        let (mut is_first, mut is_deaf) = (true, false);
        loop {
            let request = read_request(self.kind, &mut requests, is_first)?;
            let is_introduction = std::mem::take(&mut is_first);
            let fault = *self.fault.lock().expect("no thread panics while it holds the fault");
            match fault {
                Fault::None | Fault::Swallow => {
                    let reply = self.exchange(&request, &ends.upstream, &mut replies)?;
                    is_deaf = is_deaf || self.is_swallowing();
                    match is_deaf {
                        true => drop(self.swallowed.fetch_add(1, Ordering::Relaxed)),
                        false => client.write_all(&reply)?,
                    }
                }
                Fault::Loading => match (self.kind, is_introduction) {
                    (Kind::Redis, true) => client.write_all(HELLO_REPLY)?,
                    (Kind::Redis, false) => client.write_all(LOADING)?,
                    (Kind::Postgres, _) => return client.write_all(postgres_wire::STARTING),
                },
                Fault::SilenceAfterHello if is_introduction => match self.kind {
                    Kind::Redis => client.write_all(HELLO_REPLY)?,
                    Kind::Postgres => client.write_all(postgres_wire::GREETING)?,
                },
                Fault::SilenceAfterHello => return swallow(&mut requests),
                Fault::Garbage => {
                    client.write_all(b"\x16\x03\x01 no store \xff\x1b[31m\r\n\r\n")?;
                    return swallow(&mut requests);
                }
                Fault::EndlessReply => return self.pour(client),
                Fault::CutReply => {
                    let reply = self.exchange(&request, &ends.upstream, &mut replies)?;
                    return client.write_all(&reply[..reply.len() / 2]);
                }
            }
        }
    }

    /// The store's reply to a request.
    fn exchange(
        &self,
        request: &[u8],
        mut upstream: &TcpStream,
        replies: &mut BufReader<TcpStream>,
    ) -> io::Result<Vec<u8>> {
        let was_held = self.held.pass(request);
        upstream.write_all(request)?;
        let reply = read_reply(self.kind, replies)?;
        if was_held {
            self.held.answered();
        }
        Ok(reply)
    }

    /// Looked at once the reply has come: so what a test waits to be done in the store before it
    /// lets replies pass again is not told.
    fn is_swallowing(&self) -> bool {
        if *self.fault.lock().expect("no thread panics while it holds the fault") == Fault::Swallow
        {
            return true;
        }
        let condition = self.condition.lock().expect("no condition panics");
        condition.as_ref().is_some_and(|condition| condition())
    }

    /// Writes an endless reply until the reader closes.
    fn pour(&self, mut client: &TcpStream) -> io::Result<()> {
        client.write_all(match self.kind {
            Kind::Redis => b"$1000000000\r\n",
            Kind::Postgres => postgres_wire::ENDLESS_ROW,
        })?;
        let block = [b'x'; 64 * 1024];
        let mut poured_bytes = 0;
        while poured_bytes < POUR_BYTES_MAX {
            poured_bytes += client.write(&block)? as u64;
            self.poured_bytes_max.fetch_max(poured_bytes, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn read_request(
    kind: Kind,
    requests: &mut BufReader<TcpStream>,
    is_first: bool,
) -> io::Result<Vec<u8>> {
    match kind {
        Kind::Redis => read_frame(requests),
        Kind::Postgres => postgres_wire::read_request(requests, is_first),
    }
}

/// The reply to one request, and from Redis the pushes that came in between.
fn read_reply(kind: Kind, replies: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    if kind == Kind::Postgres {
        return postgres_wire::read_reply(replies);
    }
    let mut bytes = read_frame(replies)?;
    let mut is_push = bytes[0] == b'>';
    while is_push {
        let next = read_frame(replies)?;
        is_push = next[0] == b'>';
        bytes.extend_from_slice(&next);
    }
    Ok(bytes)
}

/// Reads on without an answer, until the other side closes.
fn swallow(requests: &mut impl Read) -> io::Result<()> {
    io::copy(requests, &mut io::sink()).map(|_| ())
}
