//! Commands, flags, environment variables and exit codes.

mod errors;

use std::fs;
use std::net::{SocketAddr, TcpListener};

use crate::support::daemon::{Daemon, run};
use crate::support::http_client::HttpClient;
use crate::support::process::{Folder, free_port};
use crate::support::redis_server::RedisServer;
use crate::support::store_server::KINDS;
use crate::support::wait::wait_for;

const FLAGS: [&str; 12] = [
    "--listen",
    "--store",
    "--store-url-file",
    "--limit",
    "--counter",
    "--create",
    "--threads",
    "--halted-status",
    "--store-timeout",
    "--max-clients",
    "--version",
    "--help",
];

#[test]
fn the_service_links_of_kubernetes_are_ignored() {
    let links = [
        ("HEADCOUNT_SERVICE_HOST", "10.0.0.1"),
        ("HEADCOUNT_PORT", "tcp://10.0.0.1:8080"),
        ("HEADCOUNT_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("HEADCOUNT_REDIS_SERVICE_PORT", "6379"),
    ];
    let daemon = Daemon::start_with(&[], &links);
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn the_store_s_url_may_be_in_a_file() {
    let folder = Folder::create();
    let path = folder.path().join("store");
    let name = path.to_str().expect("the folder's name is ASCII");
    fs::write(&path, "memory:\n").expect("the folder is writable");
    let daemon = Daemon::start(&["--store-url-file", name]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
    let wrong: [&[u8]; 4] = [b"", b"\n", b"redis://me:hunter2@", &[b'x'; 70_000]];
    for contents in wrong {
        fs::write(&path, contents).expect("the folder is writable");
        let finished = run(&[], &[("HEADCOUNT_STORE_URL_FILE", name)]);
        assert_eq!((finished.code, finished.stderr.len()), (Some(2), 1), "{finished:?}");
        assert!(finished.stderr[0].contains("HEADCOUNT_STORE_URL_FILE: "), "{finished:?}");
        assert!(!finished.stderr[0].contains("hunter2"), "{finished:?}");
    }
    let folder = folder.path().to_str().expect("the folder's name is ASCII");
    let finished = run(&["--store-url-file", folder], &[]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(2), 1), "a folder: {finished:?}");
}

#[test]
fn a_password_on_the_command_line_is_warned_of_and_not_shown() {
    let url = format!("redis://:hunter2@127.0.0.1:{}", free_port());
    let words = "password on the command line: others can see it in the process list";
    let daemon = Daemon::start(&["--store", &url]);
    let line = daemon.wait_for_log("the warning", |line| line["msg"] == words);
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["hint"], "use --store-url-file or HEADCOUNT_STORE");
    assert!(!daemon.output().contains("hunter2"), "{}", daemon.output());

    let mut quiet = Daemon::start_with(&[], &[("HEADCOUNT_STORE", &url)]);
    quiet.stop();
    let lines = quiet.log_to_the_end();
    assert!(!lines.iter().any(|line| line["msg"] == words), "{lines:?}");
}

#[test]
fn a_wrong_rust_log_is_warned_of_and_the_rest_of_it_holds() {
    let rust_log = "headcount=loud,headcount::reactor=debug,a=b=c,wran";
    let mut daemon = Daemon::start_with(&[], &[("RUST_LOG", rust_log)]);
    let wrong = ["headcount=loud", "a=b=c", "wran"];
    for directive in wrong {
        let line = daemon.wait_for_log("a warning", |line| line["directive"] == directive);
        assert_eq!(
            (&line["level"], &line["target"]),
            (&"WARN".into(), &"headcount::logging".into())
        );
    }
    daemon.stop();
    assert!(!daemon.output().contains("warning:"), "nothing on stderr: {}", daemon.output());
}

#[test]
fn help_and_version_go_to_stdout_and_exit_with_0() {
    let help = run(&["--help"], &[("HEADCOUNT_STORE", "redis://me:hunter2@localhost")]);
    assert_eq!((help.code, help.stderr.len()), (Some(0), 0), "{help:?}");
    let text = help.stdout.join("\n");
    for flag in FLAGS {
        assert!(text.contains(flag), "--help does not name {flag}");
    }
    assert!(text.contains("HEADCOUNT_") && !text.contains("hunter2"), "{text}");

    for command in ["serve", "create", "set", "reset", "status", "probe"] {
        assert!(text.contains(&format!("\n  {command}")), "--help does not name {command}");
        let help = run(&[command, "--help"], &[]);
        assert_eq!((help.code, help.stderr.len()), (Some(0), 0), "{help:?}");
        let text = help.stdout.join("\n");
        assert!(text.contains(&format!("headcount {command}")) || command == "serve", "{text}");
        for words in ["Usage: ", "Exit codes:", "Example:"] {
            assert!(text.contains(words), "{words} is missing in {text}");
        }
    }

    let version = run(&["--version"], &[]);
    assert_eq!((version.code, version.stderr.len()), (Some(0), 0), "{version:?}");
    assert_eq!(version.stdout, [format!("headcount {}", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn a_port_in_use_is_one_clear_line_and_exit_code_1() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = holder.local_addr().expect("a listener has an address").to_string();
    let finished = run(&["--listen", &address], &[("RUST_LOG", "off")]);
    assert_eq!((finished.code, finished.stderr.len()), (Some(1), 1), "{finished:?}");
    assert!(finished.stderr[0].contains(&address), "{finished:?}");
}

#[test]
fn environment_variables_set_what_flags_set() {
    let environment = [
        ("HEADCOUNT_LIMIT", "2"),
        ("HEADCOUNT_HALTED_STATUS", "410"),
        ("HEADCOUNT_THREADS", "1"),
        ("HEADCOUNT_COUNTER", "tickets"),
        ("HEADCOUNT_CREATE", "missing"),
        ("HEADCOUNT_STORE", "memory:"),
        ("HEADCOUNT_STORE_TIMEOUT", "1s"),
        ("HEADCOUNT_MAX_CLIENTS", "100"),
    ];
    let daemon = Daemon::start_with(&[], &environment);
    let mut client = daemon.client();
    assert_eq!((client.get("/").number(), client.get("/").number()), (Some(1), Some(2)));
    assert_eq!(client.get("/").status, 410);
}

#[test]
fn a_flag_wins_over_its_environment_variable() {
    let environment = [("HEADCOUNT_LIMIT", "2"), ("HEADCOUNT_LISTEN", "nowhere.invalid:1")];
    let daemon = Daemon::start_with(&["--limit=7"], &environment);
    assert_eq!(daemon.client().get("/status").json()["limit"], 7);
}

#[test]
fn a_counter_s_own_limit_wins_over_the_common_one() {
    let daemon = Daemon::start(&["--counter", "shoes=3", "--limit", "7"]);
    assert_eq!(daemon.client().get("/status").json()["limit"], 3);
}

#[test]
fn a_limit_of_0_is_closed() {
    let closed = |daemon: &Daemon| {
        let answer = daemon.client().get("/");
        assert!(answer.is_halted(), "{answer:?}");
        assert_eq!(daemon.client().get("/status").json()["limit"], 0);
    };
    closed(&Daemon::start(&["--limit", "0"]));
    for server in KINDS.map(|kind| kind.start()) {
        closed(&Daemon::start_with_store(&server.url(), &["--limit", "0"]));
    }
}

#[test]
fn a_set_and_a_reset_say_what_is_now_and_warn_of_a_password() {
    let redis = RedisServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let set = run(&["set", "shoes", "--taken", "5", "--limit", "9", "--store", &url], &[]);
    assert_eq!((set.code, set.stderr.len()), (Some(0), 0), "{set:?}");
    assert!(set.stdout.concat().contains("shoes set: no count before, 5 of 9 now"), "{set:?}");
    let variables = [("HEADCOUNT_STORE", url.as_str()), ("HEADCOUNT_LIMIT", "3")];
    let reset = run(&["reset", "shoes", "--yes"], &variables);
    assert_eq!((reset.code, reset.stderr.len()), (Some(0), 0), "{reset:?}");
    assert!(
        reset.stdout.concat().contains("shoes reset: 5 of 9 taken before, 0 of 9 now"),
        "{reset:?}"
    );

    let () = redis.command(&["ACL", "SETUSER", "shop", "on", ">hunter2", "~*", "+@all"]);
    let url = format!("redis://shop:hunter2@127.0.0.1:{}", redis.port());
    let warned = run(&["reset", "shoes", "--yes", "--store", &url], &[]);
    assert_eq!((warned.code, warned.stderr.len()), (Some(0), 1), "{warned:?}");
    assert!(warned.stderr[0].contains("password on the command line"), "{warned:?}");
    assert!(!format!("{warned:?}").contains("hunter2"), "{warned:?}");
}

#[test]
fn the_listener_comes_from_the_environment_too() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = address.to_string();
    let daemon = Daemon::start_at(address, &[], &[("HEADCOUNT_LISTEN", &listen)]);
    assert_eq!(daemon.client().get("/").number(), Some(1));
}

#[test]
fn clients_past_the_maximum_wait_or_are_closed_and_the_others_are_served() {
    let daemon = Daemon::start(&["--max-clients", "2", "--threads", "1"]);
    let mut served: Vec<_> = (0..2).map(|_| daemon.client()).collect();
    for client in &mut served {
        assert_eq!(client.get("/livez").status, 200);
    }
    let mut third = daemon.client();
    // It may be closed at once, so the sending may fail.
    let _ = third.try_send(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for client in &mut served {
        assert_eq!(client.get("/livez").status, 200);
    }
    drop(served);
    wait_for("room for another client", || {
        let mut client = HttpClient::try_connect(daemon.address()).ok()?;
        client.try_send(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").ok()?;
        client.try_receive().ok().filter(|answer| answer.status == 200)
    });
}
