//! What nodes refuse, what they no longer say, and lists of nodes that are no longer true.

use super::*;
use crate::limits::{HOPS_AT_ONCE_MAX, REPLY_BYTES_MAX};

/// The mark for the replicas, and how many of them have it.
const ONE: &str = ":0\r\n:1\r\n";
const NO_WAIT: &str = "-ERR WAIT cannot be used with replica instances\r\n";

/// Both counters are on the first node, which has one replica, and that is wanted.
fn waiting() -> Fixture {
    let mut fixture = Fixture::new("redis://n1:1?wait=1");
    fixture.connect(0, "n1:1");
    fixture.nodes.finish_requests();
    let hello = "%1\r\n+mode\r\n+cluster\r\n+x\r\n+x\r\n-NOPERM no\r\n";
    let shards = format!("*1\r\n{}", Fixture::shard("n1", "1"));
    fixture.receive(0, &format!("{hello}{ONE}+OK\r\n{CONFIRMED}{CONFIRMED}{ONE}{shards}"));
    assert!(fixture.nodes.of(A).is_ready(A) && fixture.nodes.of(B).is_ready(B));
    fixture.sent(0);
    fixture
}

/// The commands of what was sent, each with its words.
fn commands(sent: &str) -> Vec<Vec<&str>> {
    let mut commands: Vec<Vec<&str>> = Vec::new();
    for line in sent.lines() {
        match line.as_bytes() {
            [b'*', ..] => commands.push(Vec::new()),
            [b'$', ..] => {}
            _ => commands.last_mut().expect("a command has begun").push(line),
        }
    }
    commands
}

/// What a node says that still has the counter b, but not its mark.
fn reply_without_mark(command: &[&str]) -> &'static str {
    match command {
        ["HSET", "headcount:{b}:wait", ..] => "-ASK 99 n2:2\r\n",
        ["HSET", ..] => ":0\r\n",
        ["WAIT", ..] => ":1\r\n",
        [_, _, _, "headcount:{b}", ..] if command.len() == 11 => "*4\r\n:1\r\n:0\r\n:9\r\n:5\r\n",
        ["EVALSHA", ..] => "+found\r\n",
        other => panic!("it sent {other:?}"),
    }
}

#[test]
fn a_replica_as_the_only_seed_leads_on_though_it_cannot_wait_for_replicas() {
    let mut fixture = Fixture::new("redis://n1:1?wait=1");
    fixture.connect(0, "n1:1");
    fixture.nodes.finish_requests();
    let hello = "%2\r\n+role\r\n+replica\r\n+mode\r\n+cluster\r\n+x\r\n+x\r\n-NOPERM no\r\n";
    fixture.receive(0, &format!("{hello}{MOVED}{NO_WAIT}+OK\r\n"));
    assert!(fixture.nodes.connections[0].is_serving());
    fixture.receive(0, &format!("{}{MOVED}{NO_WAIT}", MOVED.repeat(4)));
    assert_eq!((fixture.place(A), fixture.place(B)), (1, 1));
    fixture.connect(1, "n2:2");
}

/// The key beside the counter has moved already, or is not there yet.
#[test]
fn a_counter_whose_mark_is_elsewhere_is_tried_with_pauses_and_holds_up_no_other() {
    let mut fixture = waiting();
    fixture.send(A, 1);
    fixture.send(B, 1);
    fixture.nodes.finish_requests();
    fixture.sent(0);
    let bytes = format!("{}{}-ASK 99 n2:2\r\n:1\r\n", granted(1, 1), granted(1, 1));
    assert_eq!(fixture.receive(0, &bytes), []);
    let (mut marks, mut others) = (0, Vec::new());
    for _ in 0..2_000 {
        fixture.nodes.finish_requests();
        let sent = fixture.sent(0);
        for command in commands(&sent) {
            marks += usize::from(command[1..] == ["headcount:{b}:wait", "mark", "1"]);
            others.extend(fixture.receive(0, reply_without_mark(&command)));
        }
        fixture.now += Duration::from_millis(1);
        fixture.nodes.tick(fixture.now);
    }
    assert!(marks >= 5 && marks <= 5 + 2_000 / REFUSED_PAUSE.as_millis() as usize, "{marks}");
    assert_eq!(others, [(A, grant(1, 1))], "its own mark was put beside it");
    assert_eq!((fixture.place(A), fixture.place(B)), (0, 0));
    assert_eq!(fixture.nodes.of(B).last_error(B), StoreError::Cluster);
    assert!(fixture.nodes.of(A).is_ready(A));
    // The counter follows its mark.
    fixture.now += REFUSED_PAUSE;
    fixture.nodes.tick(fixture.now);
    fixture.receive(0, "-ASK 99 n2:2\r\n-ASK 99 n2:2\r\n");
    assert_eq!(fixture.place(B), 1);
    fixture.connect(1, "n2:2");
    fixture.nodes.finish_requests();
    let hello = format!("%1\r\n+mode\r\n+cluster\r\n+x\r\n+x\r\n{ONE}+OK\r\n");
    fixture.receive(1, &hello);
    fixture.now += REFUSED_PAUSE;
    fixture.nodes.tick(fixture.now);
    fixture.nodes.finish_requests();
    let asked = fixture.sent(1);
    let asked: Vec<&str> = asked.lines().filter(|line| *line == "ASKING").collect();
    assert_eq!(asked.len(), 3, "the script, the read and the mark");
}

/// It ran, but nobody knows whether the replicas have what was written before.
#[test]
fn a_tried_write_whose_mark_is_elsewhere_says_nothing() {
    let mut fixture = waiting();
    fixture.now += crate::limits::WRITE_CHECK_INTERVAL;
    assert_eq!(fixture.nodes.check_writes(fixture.now), None);
    fixture.nodes.finish_requests();
    fixture.sent(0);
    fixture.nodes.connections[0]
        .received(b"-WRONGTYPE a hash\r\n-ASK 99 n2:2\r\n:1\r\n", fixture.now);
    let events: Vec<_> = std::iter::from_fn(|| fixture.nodes.poll()).collect();
    assert!(!events.iter().any(|it| matches!(it, StoreEvent::Written(_))), "{events:?}");
    assert_eq!(fixture.nodes.check_writes(fixture.now), None);
    let sent = fixture.sent(0);
    assert!(sent.contains("SETRANGE"), "it is tried anew: {sent}");
}

/// Where the next tries to connect lead to, which all fail.
fn tries(fixture: &mut Fixture, count: usize) -> Vec<String> {
    let mut tries = Vec::new();
    while tries.len() < count {
        fixture.replies();
        fixture.now = fixture.nodes.deadline().expect("a try is due").max(fixture.now);
        fixture.nodes.tick(fixture.now);
        for place in 0..fixture.nodes.connections.len() {
            let connection = &mut fixture.nodes.connections[place];
            let commands: Vec<_> = std::iter::from_fn(|| connection.command()).collect();
            if let Some(Command::Connect(endpoint)) = commands.last() {
                tries.push(endpoint.to_string());
                fixture.lose(place);
            }
        }
    }
    tries
}

fn shards(hosts: impl ExactSizeIterator<Item = String>) -> String {
    let head = format!("*{}\r\n", hosts.len());
    hosts.fold(head, |text, host| text + &Fixture::shard(&host, "1"))
}

#[test]
fn a_seed_is_never_forgotten_and_is_tried_at_every_second_turn() {
    for stale in [6, 60, NODES_MAX - 1, NODES_MAX, 2 * NODES_MAX] {
        let mut fixture = Fixture::new("redis://seed:1");
        fixture.connect(0, "seed:1");
        fixture.receive(0, &format!("{FIRST_HELLO}{CONFIRMED}{CONFIRMED}"));
        fixture.receive(0, &shards((0..stale).map(|n| format!("10.0.0.{n}"))));
        assert!(fixture.nodes.known.len() <= NODES_MAX);
        fixture.lose(0);
        let tries = tries(&mut fixture, 40);
        assert!(tries.chunks(2).all(|two| two.contains(&"seed:1".to_owned())), "{tries:?}");
    }
}

#[test]
fn when_all_seeds_are_dead_every_other_node_is_tried_in_turn() {
    let mut fixture = Fixture::new("redis://s1:1,s2:1");
    fixture.connect(0, "s1:1");
    fixture.receive(0, FIRST_HELLO);
    fixture.receive(0, &shards(["n3", "n4", "n5", "n6"].map(str::to_owned).into_iter()));
    fixture.lose(0);
    let tries = tries(&mut fixture, 24);
    for node in ["s1:1", "s2:1", "n3:1", "n4:1", "n5:1", "n6:1"] {
        assert!(tries.contains(&node.to_owned()), "{node}: {tries:?}");
    }
}

#[test]
fn a_fresh_list_of_nodes_takes_the_place_of_the_old_one() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.receive(0, "-MOVED 99 n3:3\r\n");
    fixture.connect(2 - 1, "n3:3");
    fixture.receive(1, &format!("{HELLO}{CONFIRMED}"));
    fixture.receive(1, &shards(["n4", "n5"].map(str::to_owned).into_iter()));
    let known: Vec<_> = fixture.nodes.known.iter().map(ToString::to_string).collect();
    assert_eq!(known, ["n1:1", "n3:3", "n4:1", "n5:1"], "the seed, one that serves, and the list");
}

/// The password is wrong, and the server says so in the wake in which the handshake was written.
#[test]
fn nothing_is_written_before_hello_on_the_next_connection() {
    let mut fixture = Fixture::new("redis://n1:1?wait=1");
    fixture.connect(0, "n1:1");
    fixture.receive(0, "-WRONGPASS no\r\n");
    fixture.nodes.finish_requests();
    assert_eq!(fixture.sent(0), "");
    fixture.now += BACKOFF_MAX;
    fixture.connect(0, "n1:1");
    let sent = fixture.sent(0);
    assert_eq!(commands(&sent)[0][0], "HELLO", "{sent}");
}

#[test]
fn a_node_that_cannot_serve_a_counter_is_an_error_and_one_that_names_another_is_none() {
    let rows = [
        ("CLUSTERDOWN Hash slot not served", StoreError::Cluster),
        ("LOADING reading", StoreError::Loading),
        ("READONLY a replica", StoreError::ReadOnly),
        ("MASTERDOWN Link with MASTER is down", StoreError::ReadOnly),
        ("MOVED 99 a host:2", StoreError::Cluster),
    ];
    for (reply, error) in rows {
        let mut fixture = Fixture::ready();
        fixture.send(B, 1);
        fixture.receive(0, &format!("-{reply}\r\n"));
        assert_eq!(fixture.nodes.of(B).last_error(B), error, "{reply}");
        assert_eq!(fixture.errors(error), 1, "{reply}");
    }
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.receive(0, MOVED);
    assert_eq!(fixture.errors(StoreError::Cluster), 0);
    for (place, other) in [(1, "n1:1"), (0, "n2:2")] {
        if place == 1 {
            fixture.connect(1, "n2:2");
            fixture.receive(1, HELLO);
        }
        fixture.receive(place, &format!("-MOVED 99 {other}\r\n-x\r\n"));
    }
    assert_eq!(fixture.errors(StoreError::Cluster), 1, "they disagree");
}

/// The nodes are of one mind: the one that they name cannot be reached.
#[test]
fn a_counter_whose_node_fails_is_refused_for_the_reason_of_that_node() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.receive(0, MOVED);
    for _ in 0..HOPS_AT_ONCE_MAX {
        fixture.connect(1, "n2:2");
        fixture.nodes.connections[1].lost(StoreError::Tls, "not its name", fixture.now);
        assert_eq!(fixture.nodes.connections[1].last_fault().detail, "n2:2: not its name");
        fixture.replies();
        assert_eq!((fixture.place(A), fixture.place(B)), (0, 0), "another node is asked");
        assert_eq!(fixture.nodes.of(B).last_error(B), StoreError::Tls);
        fixture.now += REFUSED_PAUSE;
        fixture.nodes.tick(fixture.now);
        fixture.receive(0, "-MOVED 99 n2:2\r\n-x\r\n");
        assert_eq!((fixture.place(A), fixture.place(B)), (0, 1));
        assert_eq!(fixture.nodes.refusal(B), Some(StoreError::Tls));
        fixture.now += 2 * REFUSED_PAUSE; // Longer than the first pauses between tries.
    }
    assert_eq!(fixture.errors(StoreError::Cluster), 0, "they do agree");
    let lost = u64::from(HOPS_AT_ONCE_MAX);
    assert_eq!(fixture.errors(StoreError::Tls), lost + 1, "and the counter has a line of its own");
}

/// Its script was refused, and then the slot moved before its read.
#[test]
fn what_refused_a_counter_that_has_left_is_not_said_of_the_next() {
    let mut fixture = Fixture::new("redis://n1:1");
    fixture.connect(0, "n1:1");
    fixture.receive(0, &format!("{FIRST_HELLO}-OOM no\r\n{MOVED}{CONFIRMED}"));
    assert_eq!((fixture.place(A), fixture.place(B)), (1, 0));
    assert!(fixture.nodes.of(B).is_ready(B));
}

#[test]
fn a_list_of_nodes_that_is_too_long_is_not_asked_for_again() {
    let mut fixture = Fixture::new("redis://n1:1");
    fixture.connect(0, "n1:1");
    fixture.receive(0, &format!("{FIRST_HELLO}{CONFIRMED}{CONFIRMED}"));
    assert!(fixture.sent(0).contains("SHARDS"));
    fixture.receive(0, &"*9\r\n".repeat(REPLY_BYTES_MAX / 4 + 1));
    assert!(!fixture.nodes.connections[0].is_serving());
    fixture.now += BACKOFF_MAX;
    fixture.connect(0, "n1:1");
    fixture.receive(0, &format!("{HELLO}{CONFIRMED}{CONFIRMED}"));
    assert!(!fixture.sent(0).contains("SHARDS"));
    assert!(fixture.nodes.of(A).is_ready(A) && fixture.nodes.of(B).is_ready(B));
}

/// The node has sent a counter on, and was lost in the same wake: the counter is still with it.
#[test]
fn a_connection_that_has_something_to_tell_keeps_its_place() {
    let mut fixture = Fixture::ready();
    fixture.send(B, 1);
    fixture.send(A, 1);
    for place in 1..NODES_MAX {
        fixture.receive(place - 1, &format!("-MOVED 99 h{place}:1\r\n"));
        fixture.connect(place, &format!("h{place}:1"));
        fixture.receive(place, HELLO);
    }
    let last = NODES_MAX - 1;
    fixture.nodes.connections[last].received(b"-MOVED 99 n8:8\r\n?\r\n", fixture.now);
    assert!(fixture.nodes.connections[last].is_resting());
    fixture.receive(0, "-MOVED 99 n9:9\r\n");
    assert!(fixture.nodes.of(A).has(A) && fixture.nodes.of(B).has(B));
}
