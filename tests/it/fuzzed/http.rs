//! Any bytes from a client, in any pieces: the same answers, and no more than there are requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::engine::client::Peer;
use headcount::engine::shared::Shared;
use headcount::engine::{Engine, Settings};
use headcount::limits::READ_BYTES_MAX;
use headcount::store::Store;
use headcount::store::counters::Counters;
use headcount::store::memory::Memory;

const LIMIT: u64 = 9;
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// The first byte says how large the pieces are, the others are what the client sends.
pub fn run(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else {
        return;
    };
    let whole = answers(bytes, READ_BYTES_MAX);
    assert_eq!(whole, answers(bytes, 1), "byte by byte");
    assert_eq!(whole, answers(bytes, 1 + usize::from(size)), "in pieces");
    let heads = bytes.windows(4).filter(|window| window == b"\r\n\r\n").count();
    // A refusal needs no whole head, and ends the connection.
    assert!(whole.matches("HTTP/1.1 ").count() <= heads + 1, "{whole}");
    let (_, numbers) = whole.split_once(r#""request_num":"#).unwrap_or_default();
    assert!(numbers.is_empty() || numbers.starts_with("1}"), "{whole}");
    assert!(whole.matches(r#""hello""#).count() as u64 <= LIMIT, "{whole}");
}

/// All that is sent to a client that sends `bytes` in pieces of `size`, but for the remarks that
/// its body may come: whose body is there already needs none.
fn answers(bytes: &[u8], size: usize) -> String {
    let settings = Settings { store_timeout: Duration::from_millis(500), ..Settings::default() };
    let store = Store::Memory(Memory::new([LIMIT].into_iter(), 1));
    let counters = Arc::new(Counters::new([("default", LIMIT)].into_iter(), true));
    let shared = Arc::new(Shared::new(counters.len()));
    let mut engine = Engine::new(store, counters, settings, shared, Instant::now());
    let token = engine.clients.insert(Peer::default());
    let mut answers = Vec::new();
    for piece in bytes.chunks(size) {
        engine.receive(token, piece);
        loop {
            engine.finish_turn();
            let client = engine.clients.get(token).expect("nobody disconnects it");
            let unsent = client.send_buffer().unsent();
            if unsent.is_empty() {
                break;
            }
            answers.extend_from_slice(unsent);
            let count = unsent.len();
            engine.sent(token, count);
        }
    }
    String::from_utf8(answers).expect("answers are ASCII").replace(CONTINUE, "")
}
