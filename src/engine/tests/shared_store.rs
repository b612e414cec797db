//! A reactor that hands its batches over to the connection of another one.

use super::away::RECONNECTED;
use super::*;
use crate::engine::client::Peer;
use crate::limits::RETRY_PAUSE;
use crate::store::shared::SharedStore;

const TIMEOUT: Duration = Duration::from_millis(500);
const OWNER: usize = 0;
const OTHER: usize = 1;

/// The reactor without the socket, and the store of the one that has it.
struct Sharing {
    engine: Engine,
    owner: SharedStore,
    now: Instant,
}

impl Sharing {
    /// The counter is confirmed.
    fn new() -> Sharing {
        let Ok(StoreUrl::Redis(url)) = StoreUrl::parse("redis://localhost") else {
            panic!("the URL is good");
        };
        let (now, known) = (Instant::now(), counters(100));
        let wire = Wire::Redis(Box::new(Redis::new(url, Arc::clone(&known), None, TIMEOUT, 7)));
        let connection = Connection::new(wire, Arc::clone(&known), TIMEOUT, 7, now);
        let mut stores = SharedStore::of(connection, 2, &known);
        let (other, owner) = (stores.pop().unwrap(), stores.pop().unwrap());
        let settings = Settings { store_timeout: TIMEOUT, ..Settings::default() };
        let engine =
            Engine::new(Store::Shared(other), known, settings, Arc::new(Shared::new(2)), now);
        let mut sharing = Sharing { engine, owner, now };
        sharing.connect(HANDSHAKE_DONE);
        sharing
    }

    /// The owner's socket connects, and the store answers the handshake so.
    fn connect(&mut self, bytes: &[u8]) {
        let now = self.now;
        self.owner.tick(now);
        self.owner.with_connection(now, |connection| {
            connection.connected(now);
            connection.received(bytes, now);
            let sent = connection.seal_and_buffer().unsent().len();
            connection.seal_and_buffer().advance(sent);
        });
    }

    fn lose(&mut self) {
        let now = self.now;
        self.owner.with_connection(now, |it| it.lost(StoreError::Unreachable, "closed", now));
    }

    fn turn(&mut self) {
        self.engine.clients.turn_mut().now = self.now;
        self.engine.finish_turn();
    }

    fn take(&mut self) {
        let token = self.engine.clients.insert(Peer::default());
        self.engine.receive(token, b"GET / HTTP/1.0\r\n\r\n");
        self.turn();
        // What came in the turn before is worth another one.
        self.turn();
    }

    /// Sleeps as the event loop does, until a time that the engine gives.
    fn sleep(&mut self) {
        self.now = self.engine.deadline(self.now).expect("somebody waits");
        self.turn();
    }
}

/// It may not be sent before a pause is over, and then the connection is down: the reactor turns
/// for the end of the pause, and is woken when the connection is there again.
#[test]
fn a_batch_that_was_given_back_is_sent_as_soon_as_the_connection_is_there_again() {
    let mut sharing = Sharing::new();
    sharing.take();
    let start = sharing.now;
    sharing.lose();
    assert_eq!(sharing.owner.take_wakes(), [OWNER, OTHER]);
    sharing.turn();
    sharing.sleep();
    assert_eq!(sharing.now, start + RETRY_PAUSE, "the pause is slept, and no longer");
    let next = sharing.engine.deadline(sharing.now);
    assert_eq!(next, Some(start + TIMEOUT), "by itself it turns to give up, and not before");
    sharing.now = sharing.owner.announce_deadline().expect("it connects again");
    sharing.connect(RECONNECTED);
    assert_eq!(sharing.owner.take_wakes(), [OTHER]);
    sharing.turn();
    let now = sharing.now;
    sharing.owner.finish_requests(now);
    let has_sent = |connection: &mut Connection| !connection.seal_and_buffer().unsent().is_empty();
    assert!(sharing.owner.with_connection(now, has_sent));
}

/// What it waits for is the connection, of which it hears nothing by itself.
#[test]
fn a_reactor_with_a_probe_to_answer_is_woken_when_the_connection_is_there_again() {
    let mut sharing = Sharing::new();
    sharing.lose();
    sharing.owner.take_wakes();
    sharing.turn();
    let token = sharing.engine.clients.insert(Peer::default());
    sharing.engine.receive(token, b"GET /readyz HTTP/1.0\r\n\r\n");
    sharing.turn();
    sharing.now = sharing.owner.announce_deadline().expect("it connects again");
    sharing.connect(RECONNECTED);
    assert_eq!(sharing.owner.take_wakes(), [OTHER]);
}
