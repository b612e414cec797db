//! What is wrong with a command line or an environment is said in one line.

use crate::support::daemon::run;

/// One character more than a name may have.
const LONG_NAME: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

const WRONG: [&[&str]; 35] = [
    &["--limit", "x"],
    &["--limit", "many"],
    &["--limit", "-1"],
    &["--limit", "9007199254740992"],
    &["--limit", ""],
    &["--limit"],
    &["--halted-status", "418"],
    &["--halted-status", "503"],
    &["--halted-status", "no"],
    &["--threads", "0"],
    &["--threads", "257"],
    &["--store-timeout", "9"],
    &["--store-timeout", "60001"],
    &["--store-timeout", "9ms"],
    &["--store-timeout", "61s"],
    &["--max-clients", "0"],
    &["--max-clients", "1000001"],
    &["--counter", ""],
    &["--counter", LONG_NAME],
    &["--counter", ".."],
    &["--counter", "a=x"],
    &["--counter", "a", "--counter", "a"],
    &["--create", "always"],
    &["--store-url-file", "/nonexistent/store"],
    &["--listen", "nowhere"],
    &["--listen", "127.0.0.1:65536"],
    &["--store", "mysql://localhost/"],
    &["--store", "nonsense"],
    &["--store", "redis://"],
    &["--store", "redis://localhost/first"],
    &["--store", "postgres://"],
    &["--store", "postgres://localhost:port/"],
    &["--frobnicate", "1"],
    &["--reset"],
    &["--taken", "5"],
];

#[test]
fn a_wrong_command_line_is_one_clear_line_and_exit_code_2() {
    for arguments in WRONG {
        let finished = run(arguments, &[]);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert_eq!(finished.stdout, [""; 0], "{arguments:?}");
        assert_eq!(finished.stderr.len(), 1, "{arguments:?}: {finished:?}");
        assert!(finished.stderr[0].contains(arguments[0]), "{finished:?}");
    }
}

#[test]
fn a_wrong_command_is_one_clear_line_and_exit_code_2() {
    let wrong: [(&[&str], &str); 12] = [
        (&["statsu"], "unknown command \"statsu\"; did you mean status?"),
        (&["surplus"], "unknown command \"surplus\"; see --help"),
        (&["serve", "foo"], "unexpected argument \"foo\"; see --help"),
        (&["--reset"], "unknown flag --reset; use the command: headcount reset NAME"),
        (&["--limt", "5"], "unknown flag --limt; did you mean --limit?"),
        (&["create", "a"], "create: missing --limit N; see headcount create --help"),
        (&["set", "a"], "set: missing --limit N or --taken N; see headcount set --help"),
        (&["reset"], "reset: missing NAME of a counter; see headcount reset --help"),
        (&["reset", "a", "b"], "unexpected argument \"b\"; see headcount reset --help"),
        (
            &["status", "a b"],
            "NAME: invalid value \"a b\": expected 1 to 64 of A-Z a-z 0-9 . _ -, not . or ..",
        ),
        (
            &["reset", "a", "--listen", "[::]:80"],
            "--listen: no flag of reset, but of serve, probe; see headcount reset --help",
        ),
        (
            &["probe", "--listen", "nowhere"],
            "--listen: invalid value \"nowhere\": expected IP:port or [IPv6]:port",
        ),
    ];
    for (arguments, words) in wrong {
        let finished = run(arguments, &[]);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert_eq!(finished.stdout, [""; 0], "{arguments:?}");
        assert_eq!(finished.stderr, [format!("headcount: {words}")], "{arguments:?}");
    }
}

/// Of a value that may be a store's URL nothing is repeated.
#[test]
fn a_password_in_the_wrong_place_is_not_shown() {
    let url = "redis://me:hunter2@localhost";
    let wrong: [&[&str]; 8] = [
        &[url],
        &["serve", url],
        &["reset", url],
        &["reset", "a", url],
        &["--listen", url],
        &["--counter", url],
        &["--store-url-file", url],
        &["--redis://me:hunter2@localhost"],
    ];
    for arguments in wrong {
        let finished = run(arguments, &[]);
        assert_eq!((finished.code, finished.stderr.len()), (Some(2), 1), "{finished:?}");
        assert!(!finished.stderr.concat().contains("hunter2"), "{finished:?}");
    }
}

#[test]
fn a_wrong_environment_variable_is_one_clear_line_and_exit_code_2() {
    let finished = run(&[], &[("HEADCOUNT_LIMIT", "many")]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(2), 1), "{finished:?}");
    assert!(finished.stderr[0].contains("HEADCOUNT_LIMIT"), "{finished:?}");
    let finished = run(&[], &[("HEADCOUNT_LIMT", "5")]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    let words = "headcount: unknown variable HEADCOUNT_LIMT; did you mean HEADCOUNT_LIMIT?";
    assert_eq!(finished.stderr, [words]);
}

#[test]
fn hostile_bytes_in_an_argument_reach_no_terminal() {
    let finished = run(&["--limit", "1\x1b[31m\n2"], &[]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(2), 1), "{finished:?}");
    assert!(!finished.stderr[0].contains('\x1b'), "{finished:?}");
}

#[test]
fn a_password_in_a_wrong_store_url_is_not_shown() {
    let urls = [
        "redis://me:hunter2@localhost:port/",
        "redis://me:hunter2@localhost:1/first",
        "postgres://me:hunter2@localhost:port/shop",
        "postgres://me:hunter2@localhost/shop?sslmode=verify-full",
        "rediss://me:hunter2@localhost/?password=hunter2",
        "rediss://me:hunter2@localhost/?ca=/no/such/file",
        "postgres:///shop?user=me&password=hunter2",
        "mysql://me:hunter2@localhost/",
        "redis://:hunter2@",
        "me:hunter2@localhost",
    ];
    for url in urls {
        for finished in [run(&["--store", url], &[]), run(&[], &[("HEADCOUNT_STORE", url)])] {
            assert_eq!(finished.code, Some(2), "{url}: {finished:?}");
            assert!(!finished.stderr.concat().contains("hunter2"), "{url}: {finished:?}");
        }
    }
}
