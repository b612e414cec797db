//! `rediss://` to a Redis Cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::redis_cluster::{assert_commands, start, take};
use crate::support::certificates::{Authority, Certificate};
use crate::support::daemon::{Daemon, run};
use crate::support::path_load::{PathLoad, PathPlan};
use crate::support::process::free_port;
use crate::support::redis_cluster::{Cluster, ClusterTls, NODES, TLS_ALONE};
use crate::support::wait::{wait_for, wait_until};

/// Nodes that all have this certificate.
fn start_cluster(authority: &Authority, certificate: &Certificate, options: &[&str]) -> Cluster {
    Cluster::start_encrypted(&ClusterTls { authority, certificates: [certificate; NODES], options })
}

/// Nodes without a port for plain connections, which name each other by their addresses, and the
/// parameter with their authority.
fn start_encrypted_alone() -> (Authority, Cluster, String) {
    let authority = Authority::create();
    let certificate = authority.issue("server", "IP:127.0.0.1", 1);
    let cluster = start_cluster(&authority, &certificate, TLS_ALONE);
    let query = format!("?ca={}", authority.file());
    (authority, cluster, query)
}

fn start_load(daemon: &Daemon, names: &[String]) -> PathLoad {
    PathLoad::start(&PathPlan {
        addresses: &[daemon.address()],
        names,
        connections: 6,
        depth: 1,
        requests: u64::MAX,
        pause: Duration::from_millis(1),
    })
}

#[test]
fn counters_on_several_nodes_are_served_and_commands_find_them() {
    let (_authority, cluster, query) = start_encrypted_alone();
    let names = cluster.names();
    let alive = cluster.url(&[4]);
    let seeds = alive.replace("rediss://", &format!("rediss://127.0.0.1:{},", free_port()));
    let url = format!("{seeds}{query}");
    let daemon = start(&url, &names, &[]);
    for number in 1..=3 {
        for name in &names {
            assert_eq!(wait_for("a number", || take(&daemon, name)), number);
        }
    }
    for (name, server) in names.iter().zip(&cluster.servers) {
        assert_eq!(server.counter(name), Some((3, 1_000_000)), "{name}");
    }
    let line = daemon.wait_for_log("that the store is ready", |line| line["msg"] == "store ready");
    let tls = line["tls"].as_str().unwrap_or_default();
    assert!(tls.ends_with("the server's certificate is verified"), "{line}");
    assert_commands(&url, &names);
}

#[test]
fn a_slot_that_moves_and_a_primary_that_dies_cost_no_number_and_repeat_none() {
    let (_authority, mut cluster, query) = start_encrypted_alone();
    let names = cluster.names();
    let url = format!("{}{query}", cluster.url(&[1, 5]));
    let daemon = start(&url, &names, &["--store-timeout", "5s"]);
    let load = start_load(&daemon, &names);
    load.wait_for_numbers(50);
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        // The counter is served while its key is on its way, and after that.
        cluster.give(&names[0], from, to, || load.wait_for_numbers(50));
        load.wait_for_numbers(50);
    }
    for (tally, (name, server)) in load.stop().iter().zip(names.iter().zip(&cluster.servers)) {
        tally.assert_sound(1_000_000);
        let taken = tally.numbers.len() as u64;
        assert_eq!(tally.numbers.iter().max(), Some(&taken), "{name}: no gap");
        assert_eq!(server.counter(name), Some((taken, 1_000_000)), "{name}");
    }
    let (taken, _) = cluster.servers[0].counter(&names[0]).expect("its slot is there again");
    // What the replica does not have is lost with the primary.
    cluster.wait_for_replica(0);
    let others = start_load(&daemon, &names[1..]);
    others.wait_for_numbers(20);
    cluster.servers[0].kill();
    cluster.wait_for_failover(0);
    for number in taken + 1..=taken + 20 {
        assert_eq!(wait_for("a number", || take(&daemon, &names[0])), number);
    }
    others.wait_for_numbers(20);
    for tally in others.stop() {
        assert_eq!(tally.unavailable, 0, "the other counters were served throughout");
    }
}

/// The ports at which a node has connections of the program.
fn ports_in_use(cluster: &Cluster, place: usize) -> BTreeSet<u16> {
    let clients: String = cluster.servers[place].command(&["CLIENT", "LIST"]);
    let ours = clients.lines().filter(|line| line.contains(" name=headcount "));
    let port = |line: &str| {
        let (_, rest) = line.split_once(" laddr=127.0.0.1:")?;
        rest.split(' ').next()?.parse().ok()
    };
    ours.filter_map(port).collect()
}

#[test]
fn where_nodes_have_ports_of_both_kinds_each_scheme_has_its_own() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "IP:127.0.0.1", 1);
    let cluster = start_cluster(&authority, &certificate, &[]);
    let names = cluster.names();
    let encrypted = format!("{}?ca={}", cluster.url(&[0]), authority.file());
    let plain = cluster.plain_url(&[0]);
    for (url, number) in [(&encrypted, 1), (&plain, 2)] {
        let daemon = start(url, &names, &["--threads=1"]);
        for name in &names {
            assert_eq!(wait_for("a number", || take(&daemon, name)), number, "{name} of {url}");
        }
        for place in 0..3 {
            let port = match url.starts_with("rediss") {
                true => cluster.announced_port(place),
                false => cluster.servers[place].port(),
            };
            let expected = BTreeSet::from([port]);
            wait_until("connections to the port of its kind alone", || {
                ports_in_use(&cluster, place) == expected
            });
        }
        // This goes round the list of nodes, which has both ports of each.
        let status = run(&["status", "--store", url], &[]);
        assert_eq!((status.code, status.stdout.len()), (Some(0), 1 + names.len()), "{status:?}");
    }
}

/// Who wants a certificate of the program gets it from the connection to each node.
#[test]
fn a_client_certificate_is_given_to_each_node() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "IP:127.0.0.1", 1);
    let client = authority.issue("client", "DNS:client", 1);
    let options = [TLS_ALONE, &["--tls-auth-clients", "yes"]].concat();
    let cluster = start_cluster(&authority, &certificate, &options);
    let names = cluster.names();
    let url = format!("{}?ca={}", cluster.url(&[0]), authority.file());
    let with = format!("{url}&cert={}&key={}", client.certificate, client.key);
    let daemon = start(&with, &names, &[]);
    for name in &names {
        assert_eq!(wait_for("a number", || take(&daemon, name)), 1, "{name}");
    }
    let line = Daemon::start(&["--store", &url]).last_error(&["tls", "unreachable"]);
    let detail = line["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("cert=FILE and key=FILE"), "{line}");
}

#[test]
fn a_node_whose_certificate_does_not_fit_is_refused_and_the_others_are_served() {
    let authority = Authority::create();
    let good = authority.issue("server", "IP:127.0.0.1", 1);
    let wrong = authority.issue("wrong", "DNS:other.example", 1);
    let certificates = [&good, &wrong, &good, &good, &good, &good];
    let tls = ClusterTls { authority: &authority, certificates, options: TLS_ALONE };
    let cluster = Cluster::start_encrypted(&tls);
    let names = cluster.names();
    let url = format!("{}?ca={}", cluster.url(&[0]), authority.file());
    let daemon = start(&url, &names, &["--threads=1"]);
    let line = daemon.last_error(&["tls"]);
    let detail = line["detail"].as_str().unwrap_or_default();
    let node = format!("127.0.0.1:{}: ", cluster.announced_port(1));
    assert!(detail.starts_with(&node), "{line}");
    assert!(detail.contains("is not for 127.0.0.1, but for other.example"), "{line}");
    for number in 1..=3 {
        for name in [&names[0], &names[2]] {
            assert_eq!(wait_for("a number", || take(&daemon, name)), number, "{name}");
        }
    }
    assert_eq!(daemon.client().get(&format!("/take/{}", names[1])).status, 503);
    wait_until("/readyz/NAME to say why", || {
        let answer = daemon.client().get(&format!("/readyz/{}", names[1]));
        answer.body == r#"{"error":"tls"}"#
    });
    // It says nothing of CLUSTER INFO: there all is well.
    let its = daemon.wait_for_log("a line of the counter", |line| line["counter"] == *names[1]);
    assert_eq!(its["reason"], "tls", "{its}");
}

/// The certificate is for the name of the hosts alone.
#[test]
fn the_name_is_the_one_that_the_nodes_give_each_other() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "DNS:localhost", 1);
    let options = [TLS_ALONE, &["--cluster-announce-hostname", "localhost"]].concat();
    let cluster = start_cluster(&authority, &certificate, &options);
    let names = cluster.names();
    let seed = cluster.url(&[0]).replace("127.0.0.1", "localhost");
    let url = format!("{seed}?ca={}", authority.file());
    // The hostname, or none at all, which means that of the connection.
    for (number, kind) in [(1, "hostname"), (2, "unknown-endpoint")] {
        prefer(&cluster, kind);
        let daemon = start(&url, &names, &["--threads=1"]);
        for name in &names {
            assert_eq!(wait_for("a number", || take(&daemon, name)), number, "{name}, {kind}");
        }
    }
    prefer(&cluster, "ip");
    let daemon = start(&url, &names, &["--threads=1"]);
    assert_eq!(wait_for("a number", || take(&daemon, &names[0])), 3);
    let line = daemon.wait_for_log("that a node is refused", |line| line["reason"] == "tls");
    let detail = line["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("is not for 127.0.0.1, but for localhost"), "{line}");
}

/// How the nodes name each other to clients.
fn prefer(cluster: &Cluster, kind: &str) {
    for server in &cluster.servers {
        let words = ["CONFIG", "SET", "cluster-preferred-endpoint-type", kind];
        let _: String = server.command(&words);
    }
}
