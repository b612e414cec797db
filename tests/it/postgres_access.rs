//! The ways into PostgreSQL: TCP and Unix socket, passwords and rights, databases and counters.

use crate::support::daemon::{Daemon, is_warning};
use crate::support::postgres_server::PostgresServer;
use crate::support::wait::wait_until;

const PASSWORD: &str = "hunter2/@:%";
/// [`PASSWORD`] as it stands in a URL.
const PASSWORD_IN_URL: &str = "hunter2%2F%40%3A%25";

/// Each reactor finds the store again by itself: with one, ready means that every answer comes.
const ONE_THREAD: &str = "--threads=1";

#[test]
fn a_counter_is_a_row_with_taken_max_and_epoch() {
    let postgres = PostgresServer::start();
    let daemon = Daemon::start_with_store(&postgres.url(), &["--limit", "7"]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert_eq!(postgres.sql("select name, taken, max from headcount"), "default|1|7");
    let columns = "select string_agg(column_name || ' ' || data_type, ', ' order by \
        ordinal_position) from information_schema.columns where table_name = 'headcount'";
    let expected = "name text, taken bigint, max bigint, epoch bigint, made text, sale bigint, \
        floor_epoch bigint, floor_taken bigint, token text, version integer";
    assert_eq!(postgres.sql(columns), expected);
}

#[test]
fn a_unix_socket_will_do() {
    let postgres = PostgresServer::start();
    let folder = postgres.folder_path();
    let url = format!("postgres:///?host={}&port={}", folder.display(), postgres.port());
    let daemon = Daemon::start_with_store(&url, &[]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    assert_eq!(postgres.counter("default"), Some((1, 100)));
}

#[test]
fn a_database_is_chosen_by_name() {
    let postgres = PostgresServer::start();
    postgres.sql("create database \"a shop\"");
    let over_tcp = Daemon::start_with_store(&format!("{}/a%20shop", postgres.url()), &[]);
    assert_eq!(over_tcp.client().get("/").number(), Some(1));
    let (folder, port) = (postgres.folder_path(), postgres.port());
    let url = format!("postgres:///a%20shop?host={}&port={port}", folder.display());
    let over_socket = Daemon::start_with_store(&url, &[]);
    assert_eq!(over_socket.client().get("/").number(), Some(2));
    let url = format!("postgres://?host=127.0.0.1&port={port}&dbname=a%20shop&user=postgres");
    let by_parameters = Daemon::start_with_store(&url, &[]);
    assert_eq!(by_parameters.client().get("/").number(), Some(3));
    let taken = postgres.try_sql("a shop", "select taken from headcount");
    assert_eq!(taken.as_deref(), Ok("3"));
    assert_eq!(postgres.sql("select to_regclass('headcount') is null"), "t");
}

#[test]
fn a_database_that_does_not_exist_is_said_and_found_once_it_does() {
    let postgres = PostgresServer::start();
    let url = format!("{}/shop", postgres.url());
    let daemon = Daemon::start(&["--store", &url, ONE_THREAD]);
    assert!(daemon.client().get("/").is_unavailable());
    daemon.wait_for_trouble(&["database"]);
    postgres.sql("create database shop");
    daemon.wait_until_ready();
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn a_password_lets_it_in_and_is_never_shown() {
    for method in ["md5", "scram-sha-256"] {
        let postgres = PostgresServer::start_with(method, &[]);
        create_counter_role(&postgres, method, PASSWORD);
        let (folder, port) = (postgres.folder_path(), postgres.port());
        let urls = [
            postgres.url_of("counter", PASSWORD_IN_URL),
            format!(
                "postgres:///postgres?host={}&port={port}&user=counter&password={PASSWORD_IN_URL}",
                folder.display()
            ),
        ];
        for url in urls {
            let mut daemon = Daemon::start_with(&["--store", &url], &[("RUST_LOG", "trace")]);
            daemon.wait_until_ready();
            assert!(daemon.client().get("/").number().is_some());
            assert!(daemon.stop().success());
            daemon.log_to_the_end();
            assert_password_not_shown(&daemon);
        }
        assert_eq!(postgres.counter("default"), Some((2, 100)), "{method}");
    }
}

/// It is used as it is written, as PostgreSQL's own normalisation leaves it.
#[test]
fn a_password_beyond_ascii_lets_it_in() {
    for method in ["md5", "scram-sha-256"] {
        let postgres = PostgresServer::start_with(method, &[]);
        create_counter_role(&postgres, method, "Zürich 密");
        let url = postgres.url_of("counter", "Z%C3%BCrich%20%E5%AF%86");
        let daemon = Daemon::start_with_store(&url, &[]);
        assert_eq!(daemon.client().get("/").number(), Some(1), "{method}");
    }
}

#[test]
fn a_wrong_password_is_said_and_the_right_one_is_found_by_itself() {
    for method in ["md5", "scram-sha-256"] {
        let postgres = PostgresServer::start_with(method, &[]);
        create_counter_role(&postgres, method, "other");
        let url = postgres.url_of("counter", PASSWORD_IN_URL);
        let arguments = ["--store", &url, ONE_THREAD];
        let mut daemon = Daemon::start_with(&arguments, &[("RUST_LOG", "trace")]);
        assert!(daemon.client().get("/").is_unavailable());
        assert_eq!(daemon.client().get("/readyz").status, 503);
        daemon.wait_for_trouble(&["authentication"]);
        set_password(&postgres, method, PASSWORD);
        daemon.wait_until_ready();
        assert_eq!(daemon.client().get("/").number(), Some(1));
        assert!(daemon.stop().success());
        daemon.log_to_the_end();
        assert_password_not_shown(&daemon);
    }
}

#[test]
fn a_password_is_never_sent_in_clear_text() {
    let postgres = PostgresServer::start_with("password", &[]);
    create_counter_role(&postgres, "scram-sha-256", PASSWORD);
    let url = postgres.url_of("counter", PASSWORD_IN_URL);
    let daemon = Daemon::start(&["--store", &url]);
    assert!(daemon.client().get("/").is_unavailable());
    daemon.wait_for_trouble(&["authentication"]);
    daemon.wait_for_log("what pg_hba.conf should say", |line| {
        is_warning(line) && line.to_string().contains("scram-sha-256")
    });
    assert_password_not_shown(&daemon);
}

#[test]
fn who_is_not_let_in_at_all_is_told_so() {
    for (method, url) in [("scram-sha-256", "counter@"), ("reject", "counter:secret@"), ("md5", "")]
    {
        let postgres = PostgresServer::start_with(method, &[]);
        let url = format!("postgres://{url}127.0.0.1:{}", postgres.port());
        let daemon = Daemon::start(&["--store", &url]);
        assert!(daemon.client().get("/").is_unavailable(), "{method}");
        daemon.wait_for_trouble(&["authentication"]);
    }
}

#[test]
fn a_role_with_few_rights_is_enough() {
    let postgres = PostgresServer::start();
    // The one who creates the counter need not be the one who counts.
    drop(Daemon::start_with_store(&postgres.url(), &["--limit", "2"]));
    postgres.sql(
        "create role counter login; grant select, update on headcount to counter; \
         grant select, insert, update, delete on headcount_answer to counter",
    );
    let url = postgres.url_of("counter", "");
    let daemon = Daemon::start_with_store(&url, &["--limit", "2", ONE_THREAD]);
    let mut client = daemon.client();
    assert_eq!(client.get("/").number(), Some(1));
    assert_eq!(client.get("/status").json()["taken"], 1);
    postgres.cut_sessions();
    daemon.wait_for_trouble(&["unreachable"]);
    daemon.wait_until_ready();
    assert_eq!(client.get("/").number(), Some(2));
    assert!(client.get("/").is_halted());
}

#[test]
fn counters_of_different_names_do_not_touch() {
    let postgres = PostgresServer::start();
    let early = Daemon::start_with_store(&postgres.url(), &["--counter", "early", "--limit", "2"]);
    let late = Daemon::start_with_store(&postgres.url(), &["--counter", "late", "--limit", "3"]);
    let take = |daemon: &Daemon| daemon.client().get("/").number();
    assert_eq!([take(&early), take(&late), take(&early)], [Some(1), Some(1), Some(2)]);
    assert_eq!([take(&early), take(&late)], [None, Some(2)]);
    assert_eq!(postgres.counter("early"), Some((2, 2)));
    assert_eq!(postgres.counter("late"), Some((2, 3)));
    assert_eq!(postgres.counter("default"), None);
}

#[test]
fn programs_that_start_at_once_create_one_counter() {
    let postgres = PostgresServer::start();
    let daemons = [(); 6].map(|()| Daemon::start(&["--store", &postgres.url(), ONE_THREAD]));
    let mut numbers = daemons.each_ref().map(|daemon| {
        daemon.wait_until_ready();
        daemon.client().get("/").number()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6].map(Some));
    assert_eq!(postgres.sql("select name, taken, max from headcount"), "default|6|100");
}

#[test]
fn the_max_in_the_table_wins_over_another_limit_and_the_log_warns() {
    let postgres = PostgresServer::start();
    let first = Daemon::start_with_store(&postgres.url(), &["--limit", "2"]);
    assert_eq!(first.client().get("/").number(), Some(1));
    let second = Daemon::start_with_store(&postgres.url(), &["--limit", "5"]);
    second.wait_for_log("a warning with both limits", |line| {
        let text = line.to_string();
        is_warning(line) && text.contains('2') && text.contains('5') && text.contains("limit")
    });
    let mut client = second.client();
    assert_eq!(client.get("/").number(), Some(2));
    assert_eq!(client.get("/").body, r#"{"Go":"away!","request_num":2}"#);
    assert_eq!(client.get("/status").json()["limit"], 2);
    assert_eq!(postgres.counter("default"), Some((2, 2)));
    // Who raises it need restart nobody.
    postgres.sql("update headcount set max = 3");
    wait_until("the raised limit is seen", || client.get("/").number() == Some(3));
    assert!(first.client().get("/").is_halted());
}

#[test]
fn a_count_outlives_the_program() {
    let postgres = PostgresServer::start();
    for number in 1..=3 {
        let mut daemon = Daemon::start_with_store(&postgres.url(), &[]);
        assert_eq!(daemon.client().get("/").number(), Some(number));
        assert!(daemon.stop().success());
    }
}

/// A role that may create the table; its password is stored as `method` needs it.
fn create_counter_role(postgres: &PostgresServer, method: &str, password: &str) {
    postgres.sql("create role counter login; grant create on schema public to counter");
    set_password(postgres, method, password);
}

fn set_password(postgres: &PostgresServer, method: &str, password: &str) {
    postgres.sql(&format!(
        "set password_encryption = '{method}'; alter role counter password '{password}'"
    ));
}

fn assert_password_not_shown(daemon: &Daemon) {
    let output = daemon.output();
    for secret in [PASSWORD, PASSWORD_IN_URL, "hunter2"] {
        assert!(!output.contains(secret), "the password is in the output");
    }
}
