//! What each command takes, and what it refuses.

use super::*;

fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    match parse(arguments, variables) {
        Ok(Invocation::Command(command)) => command,
        other => panic!("{arguments:?} {variables:?} gave {other:?}"),
    }
}

fn action(arguments: &[&str]) -> Action {
    command(arguments, &[]).action
}

fn shoes() -> String {
    "shoes".to_owned()
}

fn reset(limit: Option<u64>, yes: bool) -> Action {
    Action::Reset { name: shoes(), limit, yes }
}

#[test]
fn each_command_becomes_its_action() {
    let set_taken = |taken, limit| Action::SetTaken { name: shoes(), taken, limit };
    let status = |name: Option<&str>, json| Action::Status { name: name.map(Into::into), json };
    let table: &[(&[&str], Action)] = &[
        (&["create", "shoes", "--limit", "5"], Action::Create(counter("shoes", 5))),
        (&["create", "--limit=0", "shoes"], Action::Create(counter("shoes", 0))),
        (&["--limit", "5", "create", "shoes"], Action::Create(counter("shoes", 5))),
        (&["set", "shoes", "--limit", "5"], Action::SetLimit { name: shoes(), limit: 5 }),
        (&["set", "shoes", "--taken", "3"], set_taken(3, None)),
        (&["set", "shoes", "--taken", "0", "--limit", "5"], set_taken(0, Some(5))),
        (&["set", "--taken", "9007199254740991", "shoes"], set_taken((1 << 53) - 1, None)),
        (&["reset", "shoes"], reset(None, false)),
        (&["reset", "shoes", "--yes"], reset(None, true)),
        (&["reset", "--yes", "shoes", "--limit", "7"], reset(Some(7), true)),
        (&["reset", "--", "-x"], Action::Reset { name: "-x".into(), limit: None, yes: false }),
        (&["status"], status(None, false)),
        (&["status", "--json"], status(None, true)),
        (&["status", "shoes"], status(Some("shoes"), false)),
        (&["status", "reset", "--json"], status(Some("reset"), true)),
    ];
    for (arguments, expected) in table {
        assert_eq!(action(arguments), *expected, "{arguments:?}");
    }
}

/// A variable is the setting of a process that serves, and no wish to change a counter.
#[test]
fn the_limit_of_a_command_is_taken_from_its_arguments_alone() {
    let variables = [("HEADCOUNT_LIMIT", "7"), ("HEADCOUNT_COUNTER", "hats")];
    assert_eq!(command(&["reset", "shoes"], &variables).action, reset(None, false));
    let create = error(&["create", "shoes"], &variables);
    assert_eq!(create, "create: missing --limit N; see headcount create --help");
    let set = error(&["set", "shoes"], &variables);
    assert_eq!(set, "set: missing --limit N or --taken N; see headcount set --help");
}

#[test]
fn a_command_takes_the_store_and_its_variables_and_looks_at_no_others() {
    let redis = StoreUrl::parse("redis://h").unwrap();
    let second = Duration::from_secs(1);
    let flags = ["status", "--store", "redis://h", "--store-timeout", "1s"];
    let variables = [
        ("HEADCOUNT_STORE", "redis://h"),
        ("HEADCOUNT_STORE_TIMEOUT", "1000"),
        ("HEADCOUNT_LISTEN", "wrong"),
        ("HEADCOUNT_LIMIT", "wrong"),
        ("HEADCOUNT_THREADS", "wrong"),
    ];
    for command in [command(&flags, &[]), command(&["status"], &variables)] {
        assert_eq!((command.store, command.store_timeout), (redis.clone(), second));
    }
    let defaults = command(&["reset", "shoes"], &[]);
    assert_eq!(defaults.store, StoreUrl::Memory);
    assert_eq!(defaults.store_timeout, Duration::from_millis(500));
    assert!(!defaults.has_password_on_command_line);
    assert!(command(&["status", "--store", "redis://:p@h"], &[]).has_password_on_command_line);
}

#[test]
fn a_wrong_command_is_refused_in_one_line() {
    let name = "NAME: invalid value";
    let allowed = "expected 1 to 64 of A-Z a-z 0-9 . _ -, not . or ..";
    let hidden = "(not shown: it may hold a password)";
    let limit = "expected an integer from 0 to 9007199254740991";
    let table: &[(&[&str], String)] = &[
        (&["create"], "create: missing NAME of a counter; see headcount create --help".into()),
        (
            &["reset", "--yes"],
            "reset: missing NAME of a counter; see headcount reset --help".into(),
        ),
        (
            &["set", "--limit", "5"],
            "set: missing NAME of a counter; see headcount set --help".into(),
        ),
        (&["reset", "a b"], format!("{name} \"a b\": {allowed}")),
        (&["reset", ""], format!("{name} \"\": {allowed}")),
        (&["status", ".."], format!("{name} \"..\": {allowed}")),
        (&["status", "a=5"], format!("{name} \"a=5\": {allowed}")),
        (&["reset", "redis://:s3cret@h"], format!("{name} {hidden}: {allowed}")),
        (&["reset", "a", "b"], "unexpected argument \"b\"; see headcount reset --help".into()),
        (
            &["reset", "a", "p@ss"],
            format!("unexpected argument {hidden}; see headcount reset --help"),
        ),
        (&["probe", "a"], "unexpected argument \"a\"; see headcount probe --help".into()),
        (&["create", "a", "--limit", "x"], format!("--limit: invalid value \"x\": {limit}")),
        (&["create", "a", "--limit"], format!("--limit: missing value: {limit}")),
        (&["set", "a", "--taken", "-1"], format!("--taken: invalid value \"-1\": {limit}")),
        (&["set", "a", "--taken=1", "--taken=1"], "--taken: given twice".into()),
        (&["reset", "a", "--yes", "--yes"], "--yes: given twice".into()),
        (&["reset", "a", "--yes=1"], "--yes: takes no value".into()),
        (&["reset", "a", "--yes=s3cret"], "--yes: takes no value".into()),
        (
            &["create", "a", "--limit=5", "--threads", "2"],
            "--threads: no flag of create, but of serve; see headcount create --help".into(),
        ),
        (
            &["reset", "a", "--taken", "2"],
            "--taken: no flag of reset, but of set; see headcount reset --help".into(),
        ),
        (
            &["probe", "--store", "redis://h"],
            "--store: no flag of probe, but of serve, create, set, reset, status; \
             see headcount probe --help"
                .into(),
        ),
        (&["create", "a", "--limt=5"], "unknown flag --limt; did you mean --limit?".into()),
    ];
    for (arguments, expected) in table {
        assert_eq!(error(arguments, &[]), *expected, "{arguments:?}");
    }
}

#[test]
fn a_probe_asks_where_the_process_listens_and_all_addresses_on_loopback() {
    let table = [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("0.0.0.0:8080", "127.0.0.1:8080"),
        ("[::]:81", "[::1]:81"),
        ("[::ffff:0.0.0.0]:81", "127.0.0.1:81"),
        ("10.1.2.3:80", "10.1.2.3:80"),
        ("[fe80::1]:80", "[fe80::1]:80"),
    ];
    for (listen, asked) in table {
        let address = asked.parse().unwrap();
        let live = Ok(Invocation::Probe(Probe { address, check: HealthCheck::Live }));
        let ready = Ok(Invocation::Probe(Probe { address, check: HealthCheck::Ready }));
        assert_eq!(parse(&["probe", "--listen", listen], &[]), live, "{listen}");
        assert_eq!(parse(&["probe"], &[("HEADCOUNT_LISTEN", listen)]), live, "{listen}");
        assert_eq!(parse(&["probe", "--ready", "--listen", listen], &[]), ready, "{listen}");
    }
    let address = SocketAddr::from(([127, 0, 0, 1], 8080));
    // It asks the process and not the store: how that is reached does not matter.
    let variables = [("HEADCOUNT_STORE", "wrong"), ("HEADCOUNT_STORE_URL_FILE", "/absent")];
    let expected = Ok(Invocation::Probe(Probe { address, check: HealthCheck::Live }));
    assert_eq!(parse(&["probe"], &variables), expected);
    let expected = "--listen: port 0 is any free port: expected the port that the process \
        listens on";
    assert_eq!(error(&["probe", "--listen", "127.0.0.1:0"], &[]), expected);
}
