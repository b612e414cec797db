//! Idempotency keys in a PostgreSQL: two processes at once, lost answers, ended sales.

use std::collections::BTreeMap;

use crate::support::daemon::{Daemon, run};
use crate::support::http_client::{Answer, HttpClient};
use crate::support::pgbouncer::Pgbouncer;
use crate::support::postgres_server::PostgresServer;
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::Kind;
use crate::support::wait::wait_until;

const ONE_THREAD: [&str; 2] = ["--threads", "1"];

fn ask(key: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\n\r\n")
}

fn take(client: &mut HttpClient, key: &str) -> (Option<u64>, bool) {
    client.send(ask(key).as_bytes());
    outcome(&client.receive())
}

/// Its number, and whether it is a replay.
fn outcome(answer: &Answer) -> (Option<u64>, bool) {
    (answer.number(), answer.field("Idempotent-Replayed") == Some("true"))
}

fn change(server: &PostgresServer, words: &[&str]) {
    let done = run(&[words, &["--store", &server.url()]].concat(), &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
}

/// Takes with the same ten keys from both processes at the same moment, again and again.
fn race(daemons: &[Daemon; 2], server: &PostgresServer) {
    let mut clients = daemons.each_ref().map(Daemon::client);
    let mut numbers = BTreeMap::new();
    for round in 0..40 {
        let keys: Vec<String> = (0..10).map(|number| format!("key-{round}-{number}")).collect();
        let requests: String = keys.iter().map(|key| ask(key)).collect();
        clients.iter_mut().for_each(|client| client.send(requests.as_bytes()));
        for client in &mut clients {
            for key in &keys {
                let (number, is_replay) = outcome(&client.receive());
                let number = number.expect("there are numbers left");
                let first = *numbers.entry(key.clone()).or_insert(number);
                assert_eq!(first, number, "{key}, a replay: {is_replay}");
            }
        }
    }
    let mut distinct: Vec<u64> = numbers.into_values().collect();
    distinct.sort_unstable();
    assert_eq!(distinct, (1..=400).collect::<Vec<u64>>());
    assert_eq!(server.counter("default"), Some((400, 1_000)));
}

/// The lock keeps them apart, and not the table's primary key, which would make them ask again.
#[test]
fn two_processes_with_the_same_keys_at_once_give_each_one_number() {
    let server = PostgresServer::start();
    let flags = ["--limit", "1000", ONE_THREAD[0], ONE_THREAD[1]];
    let mut daemons = [(); 2].map(|()| Daemon::start_with_store(&server.url(), &flags));
    race(&daemons, &server);
    for daemon in &mut daemons {
        assert!(daemon.stop().success());
        let lines = daemon.log_to_the_end();
        let delayed = lines.iter().find(|line| line["msg"].to_string().contains("delayed"));
        assert_eq!(delayed, None);
    }
}

#[test]
fn two_processes_behind_pgbouncer_give_each_key_one_number() {
    let server = PostgresServer::start();
    let pooler = Pgbouncer::start(&server, "transaction");
    let flags = ["--limit", "1000", ONE_THREAD[0], ONE_THREAD[1]];
    let daemons = [(); 2].map(|()| Daemon::start_with_store(&pooler.url(), &flags));
    race(&daemons, &server);
    drop(daemons);
    wait_until("the pool's sessions to be as they were", || {
        let left = pooler.sql("select current_setting('enable_seqscan')");
        assert!(left.is_empty() || left == "on", "{left}");
        left == "on"
    });
}

/// Sends these, loses the answer once the counter has come so far, and gives what came of it.
fn lose_answer(
    server: &std::sync::Arc<PostgresServer>,
    requests: &str,
    taken: u64,
) -> Vec<(Option<u64>, bool)> {
    let proxy = Proxy::start(Kind::Postgres, server.port(), Fault::None);
    let patience = ["--store-timeout", "10000"];
    let flags = [&ONE_THREAD[..], &patience, &["--limit", "5"]].concat();
    let daemon = Daemon::start_with_store(&proxy.url(), &flags);
    let watched = std::sync::Arc::clone(server);
    proxy.swallow_when(move || watched.counter("default").is_some_and(|(now, _)| now == taken));
    let mut client = daemon.client();
    client.send(requests.as_bytes());
    wait_until("the request to have run", || proxy.swallowed() > 0);
    proxy.pass_again();
    let count = requests.matches("POST").count();
    (0..count).map(|_| outcome(&client.receive())).collect()
}

#[test]
fn what_was_granted_to_keys_before_the_connection_broke_is_theirs_and_new() {
    let server = std::sync::Arc::new(PostgresServer::start());
    let anonymous = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    let requests = [&ask("a"), &ask("b"), &ask("a"), anonymous].concat();
    let answers = lose_answer(&server, &requests, 3);
    assert_eq!(answers, [(Some(1), false), (Some(2), false), (Some(1), true), (Some(3), false)]);
    // The last request of these had keys and others.
    let remembered = "select first, granted, keyed > 0 from headcount_answer where sequence > 0";
    assert_eq!(server.sql(remembered), "3|1|t");
    // Keys alone, one of them known, and one too many.
    let requests = [ask("b"), ask("c"), ask("d"), ask("e")].concat();
    let answers = lose_answer(&server, &requests, 5);
    let numbers: Vec<_> = answers[..3].to_vec();
    assert_eq!(numbers, [(Some(2), true), (Some(4), false), (Some(5), false)]);
    assert_eq!(answers[3], (None, false), "the last one came too late");
    assert_eq!(server.counter("default"), Some((5, 5)));
    assert_eq!(server.sql("select count(*) from headcount_key"), "4");
}

#[test]
fn a_set_keeps_the_keys_and_a_reset_begins_a_sale_without_any() {
    let server = PostgresServer::start();
    let daemon = Daemon::start_with_store(&server.url(), &ONE_THREAD);
    let mut client = daemon.client();
    assert_eq!(take(&mut client, "a"), (Some(1), false));
    change(&server, &["set", "default", "--taken", "7"]);
    assert_eq!(take(&mut client, "a"), (Some(1), true));
    assert_eq!(take(&mut client, "b"), (Some(8), false));
    change(&server, &["reset", "default", "--yes"]);
    assert_eq!(take(&mut client, "b"), (Some(1), false));
    assert_eq!(take(&mut client, "a"), (Some(2), false));
    // Those of the ended sale are removed, and no others.
    wait_until("the ended sale to be cleaned up", || {
        server.sql("select count(*) from headcount_key") == "2"
    });
    assert_eq!(take(&mut client, "a"), (Some(2), true));
}

/// As many as several steps remove, in two ended sales, while another counter's stay.
#[test]
fn ended_sales_are_removed_in_steps_by_two_processes() {
    let server = PostgresServer::start();
    let mut first = Daemon::start_with_store(&server.url(), &ONE_THREAD);
    let insert = "insert into headcount_key select 'default', sale, 'key' || number, number, sale \
        from generate_series(1, 2) as sale, generate_series(1, 3000) as number; \
        insert into headcount_key values ('other', 1, 'key', 1, 1)";
    server.sql(insert);
    let second = Daemon::start_with_store(&server.url(), &ONE_THREAD);
    assert_eq!(take(&mut first.client(), "key1"), (Some(1), false));
    assert_eq!(take(&mut second.client(), "key2"), (Some(2), false));
    wait_until("the ended sales to be cleaned up", || {
        server.sql("select count(*) from headcount_key where counter = 'default'") == "2"
    });
    assert_eq!(server.sql("select count(*) from headcount_key where counter = 'other'"), "1");
    assert!(first.stop().success());
    assert_eq!(take(&mut second.client(), "key1"), (Some(1), true));
}

/// A plan that was made while the table was empty would read all of it later on.
#[test]
fn a_key_is_looked_up_by_the_index_however_empty_the_table_was() {
    let server = PostgresServer::start();
    let flags = ["--limit", "1000000", ONE_THREAD[0], ONE_THREAD[1]];
    let daemon = Daemon::start_with_store(&server.url(), &flags);
    server.sql("analyze");
    let mut client = daemon.client();
    (0..8).for_each(|number| assert!(take(&mut client, &format!("first{number}")).0.is_some()));
    let sale = "(select sale from headcount)";
    server.sql(&format!(
        "insert into headcount_key select 'default', {sale}, 'key' || number, number, {sale} \
         from generate_series(1, 20000) as number"
    ));
    (0..8).for_each(|number| assert!(take(&mut client, &format!("key{}", number + 1)).1));
    drop(daemon);
    // The session tells of its scans when it ends.
    wait_until("the session to have ended", || server.cut_sessions() == 0);
    let read = "select seq_tup_read from pg_stat_user_tables where relname = 'headcount_key'";
    let read: u64 = server.sql(read).parse().expect("a count is a number");
    assert!(read < 100, "{read} rows were read by scans of the table");
}
