//! The command line and the environment of a process that serves, as tables.

mod commands;
mod counters;
mod origins;
mod stores;
mod tickets;
mod variables;

use super::*;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;

const CORES: usize = 3;

fn no_file(_: &Path) -> io::Result<Vec<u8>> {
    Err(ErrorKind::NotFound.into())
}

fn parse(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Invocation, ConfigError> {
    let arguments = arguments.iter().map(OsString::from);
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Config::parse(arguments, variables, no_file, CORES)
}

fn config(arguments: &[&str], variables: &[(&str, &str)]) -> Config {
    match parse(arguments, variables) {
        Ok(Invocation::Serve(config)) => config,
        other => panic!("{arguments:?} {variables:?} gave {other:?}"),
    }
}

fn error(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    match parse(arguments, variables) {
        Err(error) => error.to_string(),
        other => panic!("{arguments:?} {variables:?} gave {other:?}"),
    }
}

fn variable(flag: &str) -> String {
    format!("HEADCOUNT_{}", flag[2..].replace('-', "_").to_uppercase())
}

fn counter(name: &str, limit: u64) -> CounterSpec {
    CounterSpec { name: name.to_owned(), limit }
}

fn defaults() -> Config {
    Config {
        admin: None,
        listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        store: StoreUrl::Memory,
        has_password_on_command_line: false,
        counters: vec![counter("default", 100)],
        create: CreatePolicy::Missing,
        take_methods: TakeMethods { get: true, post: true },
        allow_origins: Vec::new(),
        key_header: "Idempotency-Key".to_owned(),
        is_key_required: false,
        tickets: None,
        halted_status: 200,
        store_timeout: Duration::from_millis(500),
        threads: CORES,
        clients_max: 16_384,
        drain_delay: Duration::ZERO,
        is_audited: false,
    }
}

#[test]
fn without_arguments_every_setting_has_its_default() {
    assert_eq!(config(&[], &[]), defaults());
    assert_eq!(config(&["serve"], &[]), defaults());
}

#[test]
fn threads_default_to_the_cores_within_the_bounds() {
    for (cores, threads) in [(0, 1), (1, 1), (64, 64), (1_000, 256)] {
        let parsed = Config::parse([], [], no_file, cores).unwrap();
        let expected = Config { threads, ..defaults() };
        assert_eq!(parsed, Invocation::Serve(expected), "{cores} cores");
    }
}

#[test]
fn a_flag_and_its_variable_take_the_same_values() {
    let name = "a".repeat(64);
    type Change = fn(&mut Config);
    let table: &[(&str, &str, Change)] = &[
        ("--listen", "[::1]:0", |config| config.listen = "[::1]:0".parse().unwrap()),
        ("--listen", "0.0.0.0:80", |config| config.listen = ([0, 0, 0, 0], 80).into()),
        ("--store", "redis://h", |config| {
            config.store = StoreUrl::parse("redis://h").unwrap();
        }),
        ("--limit", "0", |config| config.counters[0].limit = 0),
        ("--limit", "1", |config| config.counters[0].limit = 1),
        ("--limit", "9007199254740991", |config| config.counters[0].limit = (1 << 53) - 1),
        ("--counter", "-Sale_7.a", |config| config.counters = vec![counter("-Sale_7.a", 100)]),
        ("--counter", &name, |config| config.counters = vec![counter(&"a".repeat(64), 100)]),
        ("--counter", "shoes=7", |config| config.counters = vec![counter("shoes", 7)]),
        ("--create", "missing", |config| config.create = CreatePolicy::Missing),
        ("--create", "never", |config| config.create = CreatePolicy::Never),
        ("--take-methods", "POST,GET", |_| ()),
        ("--take-methods", "GET", |config| config.take_methods.post = false),
        ("--take-methods", "POST", |config| config.take_methods.get = false),
        ("--allow-origin", "*", |config| config.allow_origins = vec!["*".to_owned()]),
        ("--allow-origin", "https://a:1", |config| {
            config.allow_origins = vec!["https://a:1".to_owned()];
        }),
        ("--threads", "1", |config| config.threads = 1),
        ("--threads", "256", |config| config.threads = 256),
        ("--halted-status", "200", |config| config.halted_status = 200),
        ("--halted-status", "403", |config| config.halted_status = 403),
        ("--halted-status", "409", |config| config.halted_status = 409),
        ("--halted-status", "410", |config| config.halted_status = 410),
        ("--halted-status", "429", |config| config.halted_status = 429),
        ("--store-timeout", "10", |config| config.store_timeout = Duration::from_millis(10)),
        ("--store-timeout", "10ms", |config| config.store_timeout = Duration::from_millis(10)),
        ("--store-timeout", "5s", |config| config.store_timeout = Duration::from_secs(5)),
        ("--store-timeout", "1m", |config| config.store_timeout = Duration::from_secs(60)),
        ("--store-timeout", "60000", |config| config.store_timeout = Duration::from_secs(60)),
        ("--drain-delay", "0", |config| config.drain_delay = Duration::ZERO),
        ("--drain-delay", "500ms", |config| config.drain_delay = Duration::from_millis(500)),
        ("--drain-delay", "10m", |config| config.drain_delay = Duration::from_secs(600)),
        ("--max-clients", "1", |config| config.clients_max = 1),
        ("--max-clients", "1000000", |config| config.clients_max = 1_000_000),
    ];
    for (flag, value, change) in table {
        let mut expected = defaults();
        change(&mut expected);
        assert_eq!(config(&[flag, value], &[]), expected, "{flag} {value}");
        assert_eq!(config(&["serve", flag, value], &[]), expected, "serve {flag} {value}");
        assert_eq!(config(&[&format!("{flag}={value}")], &[]), expected, "{flag}={value}");
        let variable = variable(flag);
        assert_eq!(config(&[], &[(&variable, value)]), expected, "{variable}={value}");
    }
}

#[test]
fn a_flag_wins_over_its_variable_even_over_a_wrong_one() {
    for value in ["7", "wrong"] {
        let config = config(&["--limit", "5"], &[("HEADCOUNT_LIMIT", value)]);
        assert_eq!(config.counters[0].limit, 5, "{value}");
    }
}

#[test]
fn an_empty_variable_counts_as_unset_and_an_empty_flag_does_not() {
    let variables = [("HEADCOUNT_LIMIT", ""), ("HEADCOUNT_STORE", ""), ("HEADCOUNT_LIMT", "")];
    assert_eq!(config(&[], &variables), defaults());
    let expected = "--limit: invalid value \"\": expected an integer from 0 to 9007199254740991";
    assert_eq!(error(&["--limit="], &[]), expected);
}

#[test]
fn a_wrong_value_says_what_is_expected() {
    let limit = "an integer from 0 to 9007199254740991";
    let listen = "IP:port or [IPv6]:port";
    let counter = "NAME or NAME=LIMIT; NAME 1 to 64 of A-Z a-z 0-9 . _ -, not . or ..; \
        LIMIT an integer from 0 to 9007199254740991";
    let status = "one of 200, 403, 409, 410, 429";
    let timeout = "a duration from 10ms to 60s, such as 500ms or 5s";
    let origin = "* or an origin as browsers write it, in small letters, without a path or a last \
        slash, such as https://shop.example or http://localhost:3000";
    let hidden = "(not shown: it may hold a password)";
    let long = "a".repeat(65);
    let cut = format!("\"{}\"...", "a".repeat(40));
    let table: &[(&str, &str, &str, &str)] = &[
        ("--limit", "x", "\"x\"", limit),
        ("--limit", "9007199254740992", "\"9007199254740992\"", limit),
        ("--limit", "18446744073709551616", "\"18446744073709551616\"", limit),
        ("--limit", "1_000", "\"1_000\"", limit),
        ("--limit", "+1", "\"+1\"", limit),
        ("--limit", "-1", "\"-1\"", limit),
        ("--limit", "ten\n\x1b[2J", "\"ten\\n\\u{1b}[2J\"", limit),
        ("--limit", "--store", "\"--store\"", limit),
        ("--listen", "localhost:80", "\"localhost:80\"", listen),
        ("--listen", "127.0.0.1", "\"127.0.0.1\"", listen),
        ("--listen", ":8080", "\":8080\"", listen),
        ("--listen", "127.0.0.1:65536", "\"127.0.0.1:65536\"", listen),
        ("--listen", "redis://:s3cret@h", hidden, listen),
        ("--counter", "a b", "\"a b\"", counter),
        ("--counter", "a:b", "\"a:b\"", counter),
        ("--counter", "é", "\"é\"", counter),
        ("--counter", ".", "\".\"", counter),
        ("--counter", "..", "\"..\"", counter),
        ("--counter", "a=", "\"a=\"", counter),
        ("--counter", "a=b", "\"a=b\"", counter),
        ("--counter", "a=9007199254740992", "\"a=9007199254740992\"", counter),
        ("--counter", "redis://:s3cret@h", hidden, counter),
        ("--counter", &long, &cut, counter),
        ("--create", "always", "\"always\"", "missing or never"),
        ("--create", "Never", "\"Never\"", "missing or never"),
        ("--take-methods", "GET;POST", "\"GET;POST\"", "GET,POST or one of them"),
        ("--take-methods", "HEAD", "\"HEAD\"", "GET,POST or one of them"),
        ("--allow-origin", "shop.example", "\"shop.example\"", origin),
        ("--allow-origin", "null", "\"null\"", origin),
        ("--allow-origin", "https://shop.example/", hidden, origin),
        ("--threads", "0", "\"0\"", "an integer from 1 to 256"),
        ("--threads", "257", "\"257\"", "an integer from 1 to 256"),
        ("--halted-status", "201", "\"201\"", status),
        ("--halted-status", "503", "\"503\"", status),
        ("--halted-status", "65736", "\"65736\"", status),
        ("--store-timeout", "9", "\"9\"", timeout),
        ("--store-timeout", "9ms", "\"9ms\"", timeout),
        ("--store-timeout", "60001", "\"60001\"", timeout),
        ("--store-timeout", "61s", "\"61s\"", timeout),
        ("--store-timeout", "1h", "\"1h\"", timeout),
        ("--store-timeout", "5 s", "\"5 s\"", timeout),
        ("--store-timeout", "18446744073709551615s", "\"18446744073709551615s\"", timeout),
        ("--max-clients", "0", "\"0\"", "an integer from 1 to 1000000"),
        ("--max-clients", "1000001", "\"1000001\"", "an integer from 1 to 1000000"),
    ];
    for (flag, value, shown, expected) in table {
        let ending = format!("invalid value {shown}: expected {expected}");
        assert_eq!(error(&[flag, value], &[]), format!("{flag}: {ending}"));
        let variable = variable(flag);
        assert_eq!(error(&[], &[(&variable, value)]), format!("{variable}: {ending}"));
    }
}

#[test]
fn wrong_arguments_are_refused_in_one_line() {
    let hidden_flag = "unknown flag (not shown: it may hold a password); see --help";
    let hidden_command = "unknown command (not shown: it may hold a password); see --help";
    let table: &[(&[&str], &str)] = &[
        (&["--limit", "5", "--limit", "5"], "--limit: given twice"),
        (&["--limit=5", "--limit"], "--limit: given twice"),
        (&["--limit"], "--limit: missing value: expected an integer from 0 to 9007199254740991"),
        (&["--limt", "5"], "unknown flag --limt; did you mean --limit?"),
        (&["--limt=5"], "unknown flag --limt; did you mean --limit?"),
        (&["--client-max=5"], "unknown flag --client-max; see --help"),
        (&["--Version"], "unknown flag --Version; did you mean --version?"),
        (&["--max_clients=5"], "unknown flag --max_clients; did you mean --max-clients?"),
        (&["--verbose"], "unknown flag --verbose; see --help"),
        (&["--ver"], "unknown flag --ver; did you mean --version?"),
        (&["--halted", "410"], "unknown flag --halted; did you mean --halted-status?"),
        (&["--log"], "unknown flag --log; see --help"),
        (&["--foo"], "unknown flag --foo; see --help"),
        (&["--reset"], "unknown flag --reset; use the command: headcount reset NAME"),
        (
            &["--reset", "--taken", "5"],
            "unknown flag --reset; use the command: headcount reset NAME",
        ),
        (&["--status"], "unknown flag --status; use the command: headcount status [NAME]"),
        (&["--resett"], "unknown flag --resett; did you mean the command: headcount reset NAME?"),
        (&["--crate", "never"], "unknown flag --crate; did you mean --create?"),
        (&["--taken", "5"], "--taken: no flag of serve, but of set; see --help"),
        (&["--yes"], "--yes: no flag of serve, but of reset; see --help"),
        (&["--redis://:s3cret@h"], hidden_flag),
        (&["--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], hidden_flag),
        (&["--\u{1b}[31m"], hidden_flag),
        (&["-x"], "unknown flag -x; see --help"),
        (&["-é"], hidden_flag),
        (&["-"], "unknown command \"-\"; see --help"),
        (&["--"], ""),
        (&["--", "--limit"], "unknown command \"--limit\"; see --help"),
        (&["redis://:s3cret@h"], hidden_command),
        (&["two words"], hidden_command),
        (&["--limit", "5", "serve"], ""),
        (&["--limit", "5", "serv"], "unknown command \"serv\"; did you mean serve?"),
        (&["statsu"], "unknown command \"statsu\"; did you mean status?"),
        (&["help"], "unknown command \"help\"; did you mean --help?"),
        (&["surplus"], "unknown command \"surplus\"; see --help"),
        (&["serve", "foo"], "unexpected argument \"foo\"; see --help"),
        (
            &["serve", "redis://:s3cret@h"],
            "unexpected argument (not shown: it may hold a password); see --help",
        ),
        (&[""], "unknown command \"\"; see --help"),
    ];
    for (arguments, expected) in table {
        match *expected {
            "" => assert!(parse(arguments, &[]).is_ok(), "{arguments:?}"),
            expected => assert_eq!(error(arguments, &[]), expected, "{arguments:?}"),
        }
    }
}

#[test]
fn what_is_not_utf8_is_refused() {
    let bytes = || OsString::from_vec(b"a\xff".to_vec());
    let parse = |arguments: Vec<OsString>, variables: Vec<(OsString, OsString)>| {
        Config::parse(arguments, variables, no_file, CORES).unwrap_err().to_string()
    };
    let ending = "invalid value (not UTF-8): expected an integer from 1 to 256";
    let flag = parse(vec!["--threads".into(), bytes()], vec![]);
    assert_eq!(flag, format!("--threads: {ending}"));
    let variable = parse(vec![], vec![("HEADCOUNT_THREADS".into(), bytes())]);
    assert_eq!(variable, format!("HEADCOUNT_THREADS: {ending}"));
    let name = parse(vec!["reset".into(), bytes()], vec![]);
    assert!(name.starts_with("NAME: invalid value (not UTF-8): expected 1 to 64"), "{name}");
    assert!(parse(vec!["--store".into(), bytes()], vec![]).starts_with("--store: invalid value"));
    for argument in [&b"--lim\xff=5"[..], b"a\xff", b"-\xff"] {
        let error = parse(vec![OsString::from_vec(argument.to_vec())], vec![]);
        assert!(error.contains("(not shown: it may hold a password); see --help"), "{error}");
    }
}

#[test]
fn help_and_version_are_printed_whatever_follows_and_whatever_the_environment() {
    let variables = [("HEADCOUNT_LIMIT", "wrong"), ("HEADCOUNT_NONSENSE", "1")];
    let version = Invocation::Print(format!("headcount {}\n", env!("CARGO_PKG_VERSION")));
    for arguments in
        [&["--version"][..], &["-V"], &["--limit=0", "-V", "--wrong"], &["reset", "-V"]]
    {
        assert_eq!(parse(arguments, &variables), Ok(version.clone()), "{arguments:?}");
    }
    for (arguments, usage) in [
        (&["--help"][..], "headcount [serve] [FLAG]..."),
        (&["-h"], "headcount [serve] [FLAG]..."),
        (&["--help", "--wrong"], "headcount [serve] [FLAG]..."),
        (&["serve", "--help"], "headcount [serve] [FLAG]..."),
        (&["create", "--help"], "headcount create NAME --limit N [FLAG]..."),
        (&["set", "-h"], "headcount set NAME [--limit N] [--taken N] [FLAG]..."),
        (&["reset", "shoes", "--help"], "headcount reset NAME [--limit N] [--yes] [FLAG]..."),
        (&["status", "--help"], "headcount status [NAME] [--json] [FLAG]..."),
        (&["probe", "--help"], "headcount probe [--ready] [FLAG]..."),
    ] {
        let parsed = parse(arguments, &variables);
        let Ok(Invocation::Print(text)) = parsed else { panic!("{arguments:?}: {parsed:?}") };
        assert!(text.contains(&format!("\nUsage: {usage}\n")), "{arguments:?}: {text}");
    }
}
