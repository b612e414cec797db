//! A Redis behind Sentinel: the primary is found, and found again after a failover.

use std::collections::BTreeSet;
use std::fs;

use crate::support::certificates::Authority;
use crate::support::daemon::{Daemon, run};
use crate::support::process::{Folder, free_port};
use crate::support::sentinels::{MASTER, SENTINEL_USER, Sentinels};
use crate::support::wait::{wait_for, wait_until};

/// Takes so many numbers, none of which came before.
fn take(daemon: &Daemon, numbers: &mut BTreeSet<u64>, count: usize) {
    for _ in 0..count {
        let number = wait_for("a number", || daemon.client().get("/").number());
        assert!(numbers.insert(number), "{number} came twice");
    }
}

#[test]
fn the_primary_is_found_and_found_again_when_it_dies_twice() {
    let mut set = Sentinels::start();
    let arguments = ["--limit", "1000", "--store-timeout", "5s"];
    let daemon = Daemon::start_with_store(&set.url(Some(free_port())), &arguments);
    let mut numbers = BTreeSet::new();
    let mut primary = 0;
    for replicas in [2, 1] {
        take(&daemon, &mut numbers, 20);
        let taken = numbers.len() as u64;
        assert_eq!(set.servers[primary].counter("default"), Some((taken, 1000)));
        // What no replica has is lost with the primary.
        set.wait_for_replicas(replicas);
        set.servers[primary].kill();
        let dead = primary;
        primary = wait_for("another primary", || Some(set.primary()).filter(|it| *it != dead));
    }
    take(&daemon, &mut numbers, 20);
    assert_eq!(set.servers[primary].counter("default"), Some((60, 1000)));
    assert_eq!(numbers, (1..=60).collect(), "no gap, and none twice");
}

#[test]
fn the_commands_find_it_too_and_a_name_that_no_sentinel_knows_is_said() {
    let set = Sentinels::start();
    let url = set.url(None);
    let made = run(&["create", "sale", "--limit", "5", "--store", &url], &[]);
    assert_eq!(made.stdout, ["counter sale created: 0 of 5 taken"], "{made:?}");
    assert_eq!(set.servers[0].counter("sale"), Some((0, 5)));
    let wrong = url.replace(&format!("/{MASTER}"), "/nobody");
    let daemon = Daemon::start(&["--store", &wrong]);
    let line = daemon.last_error(&["unresolved"]);
    let detail = line["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("the sentinel knows no primary of this name"), "{line}");
    assert!(daemon.client().get("/").is_unavailable());
}

#[test]
fn over_tls_and_with_a_login_of_their_own_the_sentinels_name_the_next_primary() {
    let authority = Authority::create();
    // A sentinel names an address.
    let certificate = authority.issue("server", "IP:127.0.0.1", 1);
    let mut set = Sentinels::start_encrypted(&authority, &certificate);
    let (folder, (user, password)) = (Folder::create(), SENTINEL_USER);
    let file = folder.path().join("password");
    fs::write(&file, format!("{password}\n")).expect("the folder is ours");
    let login = format!("sentinel_user={user}&sentinel_password_file={}", file.display());
    let url = format!("{}?ca={}&{login}", set.url(None), authority.file());
    let daemon = Daemon::start_with_store(&url, &["--store-timeout", "5s", "--threads=1"]);
    let mut numbers = BTreeSet::new();
    take(&daemon, &mut numbers, 5);
    let line = daemon.wait_for_log("that the store is ready", |line| line["msg"] == "store ready");
    let tls = line["tls"].as_str().unwrap_or_default();
    assert!(tls.ends_with("the server's certificate is verified"), "{line}");
    set.wait_for_replicas(2);
    let old = set.fail_over(true);
    let new = wait_for("another primary", || Some(set.primary()).filter(|it| *it != old));
    take(&daemon, &mut numbers, 5);
    assert_eq!(set.servers[new].counter("default"), Some((10, 100)));
    assert_eq!(numbers, (1..=10).collect(), "no gap, and none twice");
    // The login is the sentinels', and it is verified that the certificate is theirs.
    fs::write(&file, "wrong").expect("the folder is ours");
    assert!(Daemon::start(&["--store", &url]).last_error(&["authentication"]).is_object());
    let stranger = Authority::create();
    let other = url.replace(&authority.file(), &stranger.file());
    assert!(Daemon::start(&["--store", &other]).last_error(&["tls"]).is_object());
}

#[test]
fn sentinels_and_servers_that_want_a_client_certificate_get_it() {
    let authority = Authority::create();
    let certificate = authority.issue("server", "IP:127.0.0.1", 1);
    let client = authority.issue("client", "DNS:client", 1);
    let mut set = Sentinels::start_wanting_certificates(&authority, &certificate);
    let without = format!("{}?ca={}", set.url(None), authority.file());
    let url = format!("{without}&cert={}&key={}", client.certificate, client.key);
    let daemon = Daemon::start_with_store(&url, &["--store-timeout", "5s", "--threads=1"]);
    let mut numbers = BTreeSet::new();
    take(&daemon, &mut numbers, 5);
    set.wait_for_replicas(2);
    let old = set.fail_over(true);
    let new = wait_for("another primary", || Some(set.primary()).filter(|it| *it != old));
    take(&daemon, &mut numbers, 5);
    assert_eq!(set.servers[new].counter("default"), Some((10, 100)));
    assert_eq!(numbers, (1..=10).collect(), "no gap, and none twice");
    let status = run(&["status", "default", "--store", &url], &[]);
    assert_eq!(status.code, Some(0), "{status:?}");
    // The alert that says so may be lost when the server closes behind it.
    let line = Daemon::start(&["--store", &without]).last_error(&["tls", "unreachable"]);
    let detail = line["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("cert=FILE and key=FILE"), "{line}");
}

#[test]
fn a_process_without_takes_leaves_a_primary_that_was_demoted() {
    let mut set = Sentinels::start();
    let daemon = Daemon::start_with_store(&set.url(None), &["--threads=1"]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    set.wait_for_replicas(2);
    let old = set.fail_over(false);
    let new = wait_for("another primary", || Some(set.primary()).filter(|it| *it != old));
    wait_until("the process to be connected to it, and to no other", || {
        let is_connected = |place: usize| {
            let clients: String = set.servers[place].command(&["CLIENT", "LIST"]);
            clients.contains(" name=headcount ")
        };
        is_connected(new) && !is_connected(old)
    });
    assert_eq!(daemon.client().get("/").number(), Some(2));
}
