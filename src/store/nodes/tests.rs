//! Two counters of a Cluster in virtual time, whose nodes are a few canned replies.

mod faults;
mod keys;

use super::*;
use crate::config::StoreUrl;
use crate::counter::Grant;
use crate::limits::{ASKING_TTL, BACKOFF_MAX, NODES_MAX, REFUSED_PAUSE};
use crate::store::connection::Command;
use crate::store::counters::Counters;
use crate::store::keys::Keys;
use crate::store::open::{self, Purpose};
use crate::store::redis::Redis;
use crate::store::request::Reply;
use crate::store::survey::Scope;
use crate::store::wire::Wire;

const A: CounterId = CounterId::FIRST;
const B: CounterId = CounterId(1);
const TIMEOUT: Duration = Duration::from_millis(500);

/// To HELLO, two SCRIPT LOAD and, where nothing was seen yet, INFO; and to CLIENT TRACKING.
const FIRST_HELLO: &str = "%1\r\n+mode\r\n+cluster\r\n+x\r\n+x\r\n-NOPERM no\r\n+OK\r\n";
const HELLO: &str = "%1\r\n+mode\r\n+cluster\r\n+x\r\n+x\r\n+OK\r\n";
/// To the script that confirms a counter, and to the read behind it.
const CONFIRMED: &str = "+found\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n";
const MOVED: &str = "-MOVED 99 n2:2\r\n";

fn granted(first: u64, count: u64) -> String {
    format!("*4\r\n:{first}\r\n:{count}\r\n:9\r\n:5\r\n")
}

fn grant(first: u64, granted: u64) -> Reply {
    Reply::Granted(Grant { first, granted, limit: 9, epoch: 5 })
}

struct Fixture {
    nodes: Nodes,
    now: Instant,
}

impl Fixture {
    fn new(url: &str) -> Fixture {
        let Ok(StoreUrl::Redis(url)) = StoreUrl::parse(url) else { panic!("the URL is good") };
        let counters = Arc::new(Counters::new([("a", 9), ("b", 9)].into_iter(), true));
        let seeds = [&url.endpoint].into_iter().chain(&url.seeds).cloned().collect();
        let now = Instant::now();
        let wire = Wire::Redis(Box::new(Redis::new(url, Arc::clone(&counters), None, TIMEOUT, 7)));
        let connection = Connection::new(wire, counters, TIMEOUT, 7, now);
        Fixture { nodes: Nodes::new(connection, seeds, 2, TIMEOUT, 7), now }
    }

    /// A command that reads all counters.
    fn of_survey(url: &str) -> Fixture {
        let url = StoreUrl::parse(url).expect("the URL is good");
        let counters = Arc::new(Counters::new([("a", 9)].into_iter(), false));
        let (purpose, now) = (Purpose::Survey(Scope::All), Instant::now());
        let opened = open::command(&url, &counters, purpose, TIMEOUT, now);
        Fixture { nodes: opened.unwrap().expect("it is behind a connection"), now }
    }

    /// A shard of one node, a primary, in a reply to CLUSTER SHARDS.
    fn shard(host: &str, port: &str) -> String {
        let fields = [("endpoint", host), ("port", port), ("role", "master")];
        let fields = fields.map(|(name, value)| format!("+{name}\r\n+{value}\r\n"));
        format!("%1\r\n+nodes\r\n*1\r\n%3\r\n{}", fields.join(""))
    }

    /// Both counters are on the first node, which has named the second.
    fn ready() -> Fixture {
        let mut fixture = Fixture::new("redis://n1:1");
        fixture.connect(0, "n1:1");
        fixture.receive(0, &format!("{FIRST_HELLO}{CONFIRMED}{CONFIRMED}"));
        let node = Fixture::shard;
        let shards = format!("*3\r\n{}{}{}", node("n1", "1"), node("n2", "2"), node("!", "7"));
        fixture.receive(0, &shards);
        assert!(fixture.nodes.of(A).is_ready(A) && fixture.nodes.of(B).is_ready(B));
        assert_eq!(fixture.nodes.known.len(), 2, "{:?}", fixture.nodes.known);
        fixture.sent(0);
        fixture
    }

    /// The connection in this place connects to this node.
    fn connect(&mut self, place: usize, address: &str) {
        self.nodes.tick(self.now);
        let connection = &mut self.nodes.connections[place];
        let commands: Vec<_> = std::iter::from_fn(|| connection.command()).collect();
        let shown = match commands.last() {
            Some(Command::Connect(endpoint)) => endpoint.to_string(),
            other => panic!("it commands {other:?}"),
        };
        assert_eq!(shown, address);
        connection.connected(self.now);
    }

    fn receive(&mut self, place: usize, bytes: &str) -> Vec<(CounterId, Reply)> {
        self.nodes.connections[place].received(bytes.as_bytes(), self.now);
        self.replies()
    }

    fn lose(&mut self, place: usize) -> Vec<(CounterId, Reply)> {
        self.nodes.connections[place].lost(StoreError::Unreachable, "reset", self.now);
        self.replies()
    }

    fn replies(&mut self) -> Vec<(CounterId, Reply)> {
        let events = std::iter::from_fn(|| self.nodes.poll());
        let reply = |event| match event {
            StoreEvent::Replied(counter, reply) => Some((counter, reply)),
            _ => None,
        };
        events.filter_map(reply).collect()
    }

    fn send(&mut self, counter: CounterId, count: u64) {
        self.nodes.of_mut(counter).send(counter, count, Keys::NONE, false, self.now);
    }

    /// What the connection in this place wrote since the last call, a word a line.
    fn sent(&mut self, place: usize) -> String {
        let buffer = self.nodes.connections[place].seal_and_buffer();
        let sent = String::from_utf8_lossy(buffer.unsent()).into_owned();
        buffer.advance(sent.len());
        sent
    }

    fn place(&self, counter: CounterId) -> u32 {
        self.nodes.bound[counter.index()]
    }

    /// How many failures were counted for this reason.
    fn errors(&self, error: StoreError) -> u64 {
        self.nodes.metrics().errors[error.index()].get()
    }
}

#[test]
fn a_counter_goes_to_its_node_with_its_requests_in_flight_and_the_other_stays() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.send(A, 1);
    fixture.send(B, 2);
    fixture.sent(0);
    assert_eq!(fixture.receive(0, MOVED), []);
    assert_eq!((fixture.place(A), fixture.place(B)), (0, 1));
    fixture.connect(1, "n2:2");
    fixture.receive(1, HELLO);
    assert!(fixture.sent(1).contains("headcount:{b}"), "it is confirmed");
    assert_eq!(fixture.receive(1, &format!("{CONFIRMED}*0\r\n")), []);
    let again = fixture.sent(1);
    assert!(again.contains("\r\n$1\r\n1\r\n$1\r\n1\r\n$20\r\na:0000000000000007:1"), "{again}");
    assert_eq!(fixture.receive(1, &granted(1, 1)), [(B, grant(1, 1))]);
    let again = fixture.sent(1);
    assert!(again.contains("\r\n$1\r\n2\r\n$1\r\n2\r\n$20\r\na:0000000000000007:0"), "{again}");
    // What the first node still says is the other counter's, or of no meaning.
    let late = format!("{}{}", granted(1, 1), granted(7, 2));
    assert_eq!(fixture.receive(0, &late), [(A, grant(1, 1))]);
    assert_eq!(fixture.receive(1, &granted(2, 2)), [(B, grant(2, 2))]);
    assert!(fixture.nodes.of(B).is_ready(B) && fixture.nodes.of(A).is_ready(A));
    assert!(!fixture.nodes.is_awaiting_reply());
}

/// It comes back before the old answer does.
#[test]
fn an_answer_of_before_a_counter_left_is_not_taken_for_one_of_after_it_came_back() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.send(B, 2);
    fixture.receive(0, MOVED);
    fixture.connect(1, "n2:2");
    fixture.receive(1, HELLO);
    fixture.receive(1, "-MOVED 99 n1:1\r\n-MOVED 99 n1:1\r\n");
    assert_eq!(fixture.place(B), 0);
    assert_eq!(fixture.receive(0, &granted(8, 1)), [], "of the second request, before");
    assert_eq!(fixture.receive(0, CONFIRMED), []);
    assert_eq!(fixture.receive(0, &granted(1, 1)), [(B, grant(1, 1))]);
    assert_eq!(fixture.receive(0, &granted(2, 2)), [(B, grant(2, 2))]);
}

#[test]
fn a_counter_that_moves_while_it_sends_again_goes_on_at_the_next_node() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.send(B, 2);
    fixture.receive(0, MOVED);
    fixture.connect(1, "n2:2");
    fixture.receive(1, &format!("{HELLO}{CONFIRMED}*0\r\n"));
    assert_eq!(fixture.receive(1, &granted(1, 1)), [(B, grant(1, 1))]);
    assert_eq!(fixture.receive(1, "-MOVED 99 :3\r\n"), [], "another port of the same host");
    fixture.connect(2, "n2:3");
    assert_eq!(fixture.receive(2, &format!("{HELLO}{CONFIRMED}*0\r\n")), []);
    assert_eq!(fixture.receive(2, &granted(2, 2)), [(B, grant(2, 2))]);
}

#[test]
fn a_node_that_is_being_given_a_slot_is_told_so_with_each_command_for_a_while() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.receive(0, "-ASK 99 n2:2\r\n");
    fixture.connect(1, "n2:2");
    fixture.receive(1, HELLO);
    assert_eq!(fixture.sent(1).matches("ASKING").count(), 2, "the script and the read");
    fixture.receive(1, "+OK\r\n+found\r\n+OK\r\n*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n");
    assert_eq!(fixture.sent(1).matches("ASKING").count(), 1);
    // In between is the reply to CLUSTER SHARDS.
    let reply = format!("*0\r\n+OK\r\n{}", granted(1, 1));
    assert_eq!(fixture.receive(1, &reply), [(B, grant(1, 1))]);
    fixture.now += ASKING_TTL;
    fixture.nodes.tick(fixture.now);
    fixture.sent(1);
    fixture.send(B, 1);
    assert_eq!(fixture.sent(1).matches("ASKING").count(), 0);
}

#[test]
fn the_counters_of_a_lost_node_go_to_another_one_and_are_sent_again_there() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    assert_eq!(fixture.lose(0), []);
    assert_eq!((fixture.place(A), fixture.place(B)), (1, 1));
    fixture.connect(1, "n2:2");
    fixture.receive(1, &format!("{HELLO}{CONFIRMED}{CONFIRMED}*0\r\n"));
    assert_eq!(fixture.receive(1, &granted(1, 1)), [(B, grant(1, 1))]);
    assert!(fixture.nodes.of(A).is_ready(A));
}

/// The others call a dead node the primary until they have agreed on another one.
#[test]
fn a_counter_that_no_node_serves_is_tried_with_pauses_and_refused_at_once() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.receive(0, MOVED);
    fixture.connect(1, "n2:2");
    fixture.lose(1);
    let start = fixture.now;
    let (mut tries, mut moves) = (0, 0);
    while fixture.now < start + Duration::from_secs(5) {
        fixture.nodes.tick(fixture.now);
        let commands = std::iter::from_fn(|| fixture.nodes.connections[1].command());
        if commands.last().is_some_and(|it| matches!(it, Command::Connect(_))) {
            tries += 1;
            fixture.lose(1);
        }
        if fixture.sent(0).contains("headcount:{b}") {
            moves += 1;
            fixture.receive(0, &format!("{MOVED}{MOVED}"));
        }
        fixture.now += Duration::from_millis(1);
    }
    assert!((4..30).contains(&tries), "{tries} tries in 5 s");
    assert!((4..60).contains(&moves), "{moves} moves in 5 s");
    let state = fixture.nodes.send_state(B, fixture.now);
    assert!(matches!(state, SendState::Refused(_)), "{state:?}");
    assert_eq!(fixture.nodes.send_state(A, fixture.now), SendState::Ready);
    assert!(fixture.nodes.refusal(B).is_some() && fixture.nodes.refusal(A).is_none());
    assert_eq!(fixture.nodes.away_at(), None);
}

#[test]
fn a_node_that_serves_nothing_now_sends_a_counter_to_any_other() {
    for error in ["CLUSTERDOWN Hash slot not served", "LOADING reading", "READONLY a replica"] {
        let mut fixture = Fixture::ready();
        fixture.send(B, 1);
        assert_eq!(fixture.receive(0, &format!("-{error}\r\n")), [], "{error}");
        assert_eq!((fixture.place(A), fixture.place(B)), (0, 1), "{error}");
    }
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    let replies = fixture.receive(0, "-TRYAGAIN Multiple keys request\r\n");
    assert_eq!(replies, [(B, Reply::NotRun)]);
}

/// Nobody is sent round in a circle without a pause.
#[test]
fn two_nodes_that_name_each_other_cost_a_pause_each_time() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.receive(0, MOVED);
    fixture.connect(1, "n2:2");
    fixture.receive(1, HELLO);
    fixture.sent(1);
    fixture.receive(1, "-MOVED 99 n1:1\r\n-x\r\n*0\r\n");
    let mut moves = 0;
    for _ in 0..1_000 {
        for place in [0, 1] {
            if fixture.sent(place).contains("headcount:{b}") {
                moves += 1;
                let other = ["n2:2", "n1:1"][place];
                fixture.receive(place, &format!("-MOVED 99 {other}\r\n-x\r\n"));
            }
        }
        fixture.now += Duration::from_millis(1);
        fixture.nodes.tick(fixture.now);
    }
    assert!(moves >= 5 && moves <= 2 + 1_000 / REFUSED_PAUSE.as_millis() as usize, "{moves}");
}

#[test]
fn a_dead_seed_is_passed_over() {
    let mut fixture = Fixture::new("redis://n1:1,n2:2");
    fixture.nodes.tick(fixture.now);
    fixture.lose(0);
    assert_eq!((fixture.place(A), fixture.place(B)), (1, 1));
    fixture.connect(1, "n2:2");
    fixture.receive(1, &format!("{FIRST_HELLO}*0\r\n{CONFIRMED}{CONFIRMED}"));
    assert!(fixture.nodes.of(A).is_ready(A) && fixture.nodes.of(B).is_ready(B));
    assert_eq!(fixture.nodes.away_at(), None);
    assert_eq!(fixture.nodes.metrics().ready.get(), 1);
    assert_eq!(fixture.nodes.metrics().reconnects.get(), 0);
}

#[test]
fn what_is_no_cluster_is_refused_where_there_are_several_hosts_or_a_database() {
    let mut fixture = Fixture::new("redis://n1:1,n2:2");
    fixture.connect(0, "n1:1");
    assert!(!fixture.sent(0).contains("EVALSHA"), "nothing is created there");
    fixture.nodes.connections[0].received(b"%1\r\n+mode\r\n+standalone\r\n", fixture.now);
    let fault = fixture.nodes.connections[0].last_fault();
    assert_eq!(fault.error, StoreError::Cluster);
    assert!(fault.detail.contains("redis+sentinel://"), "{}", fault.detail);
    let mut fixture = Fixture::new("redis://n1:1/2");
    fixture.connect(0, "n1:1");
    assert!(!fixture.sent(0).contains("EVALSHA"), "nothing is created there");
    fixture.nodes.connections[0].received(b"%1\r\n+mode\r\n+cluster\r\n", fixture.now);
    assert_eq!(fixture.nodes.connections[0].last_fault().error, StoreError::Database);
}

#[test]
fn nodes_are_bounded_and_those_that_make_no_sense_are_left_out() {
    let bytes = |nodes: &str, count: usize| format!("*1\r\n%1\r\n+nodes\r\n*{count}\r\n{nodes}");
    let node = |host: &str, port: &str| format!("%2\r\n+endpoint\r\n{host}\r\n+port\r\n{port}\r\n");
    let rows = [
        (node("_", ":7"), 2),
        (node("+", ":7"), 2),
        (node("+?", ":7"), 2),
        (node("+::1", ":7"), 2),
        (node("+a b", ":7"), 1),
        (node("+h", ":0"), 1),
        (node("+h", ":70000"), 1),
        (node("+h", ":-1"), 1),
        (node("+h", "+x"), 1),
        ("*0\r\n".to_owned(), 1),
        (":7\r\n".to_owned(), 1),
    ];
    for (node, expected) in rows {
        let mut fixture = Fixture::new("redis://n1:1");
        fixture.connect(0, "n1:1");
        fixture.receive(0, &format!("{FIRST_HELLO}{CONFIRMED}{CONFIRMED}"));
        fixture.receive(0, &bytes(&node, 1));
        assert!(fixture.nodes.of(A).is_ready(A), "{node}");
        assert_eq!(fixture.nodes.known.len(), expected, "{node}");
    }
    let mut fixture = Fixture::new("redis://n1:1");
    fixture.connect(0, "n1:1");
    fixture.receive(0, &format!("{FIRST_HELLO}{CONFIRMED}{CONFIRMED}"));
    let many: String = (1..=1_000).map(|port| node("+h", &format!(":{port}"))).collect();
    fixture.receive(0, &bytes(&many, 1_000));
    assert_eq!(fixture.nodes.known.len(), NODES_MAX);
    assert!(fixture.nodes.known.contains(&fixture.nodes.endpoints[0]), "it is connected");
}

/// Redis 6.2 has no CLUSTER SHARDS, and a user may have no right to ask.
#[test]
fn the_nodes_come_from_slots_too_or_not_at_all() {
    for (replies, known) in [
        ("-ERR unknown subcommand\r\n*1\r\n*4\r\n:0\r\n:9\r\n*3\r\n+n2\r\n:2\r\n+id\r\n*0\r\n", 2),
        ("-ERR unknown subcommand\r\n-ERR unknown\r\n", 1),
        ("-NOPERM no\r\n", 1),
    ] {
        let mut fixture = Fixture::new("redis://n1:1");
        fixture.connect(0, "n1:1");
        fixture.receive(0, &format!("{FIRST_HELLO}{CONFIRMED}{CONFIRMED}{replies}"));
        assert!(fixture.nodes.of(A).is_ready(A), "{replies}");
        assert_eq!(fixture.nodes.known.len(), known, "{replies}");
    }
}

#[test]
fn a_connection_that_no_counter_needs_is_closed_after_a_while() {
    let mut fixture = Fixture::ready();
    for counter in [A, B] {
        fixture.send(counter, 1);
        fixture.receive(0, MOVED);
    }
    assert!(fixture.nodes.connections[0].is_serving());
    assert_eq!(fixture.nodes.metrics().ready.get(), 1);
    fixture.now += crate::limits::NODE_IDLE_TIMEOUT;
    fixture.nodes.connections[0].tick(fixture.now);
    assert!(fixture.nodes.connections[0].is_resting());
    assert_eq!(fixture.nodes.connections[0].deadline(), None);
    assert_eq!(fixture.nodes.metrics().ready.get(), 0);
    fixture.now += BACKOFF_MAX;
    fixture.lose(1);
    assert_eq!((fixture.place(A), fixture.place(B)), (0, 0), "it is needed again");
    fixture.connect(0, "n1:1");
}

#[test]
fn the_replicas_of_each_node_have_the_same_part_of_the_timeout() {
    const WAIT: &str = "WAIT\r\n$1\r\n1\r\n$3\r\n125\r\n";
    let mut fixture = Fixture::new("redis://n1:1,n2:2?wait=1");
    fixture.connect(0, "n1:1");
    fixture.nodes.finish_requests();
    let sent = fixture.sent(0);
    assert!(sent.contains(WAIT), "{sent}");
    fixture.lose(0);
    fixture.connect(1, "n2:2");
    fixture.nodes.finish_requests();
    let sent = fixture.sent(1);
    assert!(sent.contains(WAIT), "{sent}");
}

/// It is sent on by its own list of primaries, and not since a node does not serve it.
#[test]
fn a_survey_goes_round_the_primaries_and_that_is_no_error() {
    const HELLO: &str = "%1\r\n+mode\r\n+cluster\r\n+OK\r\n";
    const NO_KEYS: &str = "*2\r\n+0\r\n*0\r\n";
    let mut fixture = Fixture::of_survey("redis://n1:1");
    fixture.connect(0, "n1:1");
    let shards: String =
        (1..=4).map(|n| Fixture::shard(&format!("n{n}"), &n.to_string())).collect();
    fixture.receive(0, &format!("{HELLO}{NO_KEYS}*4\r\n{shards}"));
    fixture.receive(0, NO_KEYS);
    for place in 1..4 {
        assert_eq!(fixture.place(A), place);
        assert_eq!(fixture.nodes.of(A).last_error(A), StoreError::Connecting);
        let address = format!("n{0}:{0}", place + 1);
        fixture.connect(place as usize, &address);
        fixture.receive(place as usize, &format!("{HELLO}{NO_KEYS}"));
    }
    assert!(fixture.nodes.of_mut(A).is_survey_done(), "n4 was the last");
}
