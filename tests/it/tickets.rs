//! Tickets, as a buyer gets them: who has one, what is in it, and how the flags are refused.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::daemon::{Daemon, run};
use crate::support::http_client::{Answer, HttpClient};
use crate::support::process::Folder;
use crate::support::store_server::KINDS;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The first 72 bits of its SHA-256.
const KID: &str = "PrG9Q5lH63Yp";

/// A folder with the secret in it, and the path of its file.
fn secret_file(text: &[u8]) -> (Folder, String) {
    let folder = Folder::create();
    let path = folder.path().join("secret");
    fs::write(&path, text).expect("the folder is writable");
    let name = path.to_str().expect("the folder's name is ASCII").to_owned();
    (folder, name)
}

/// A program with tickets: in memory, or with a store.
fn start(store: Option<&str>, arguments: &[&str]) -> Daemon {
    let (_folder, file) = secret_file(format!("{SECRET}\n").as_bytes());
    let arguments = [&["--ticket-secret-file", &file], arguments].concat();
    match store {
        Some(url) => Daemon::start_with_store(url, &arguments),
        None => Daemon::start(&arguments),
    }
}

/// The claims of the ticket in an answer whose signature and header are right.
fn claims(answer: &Answer) -> Value {
    let json = answer.json();
    let ticket = json["ticket"].as_str().unwrap_or_else(|| panic!("no ticket: {answer:?}"));
    let number = answer.number().expect("it has a number");
    let expected = format!(r#"{{"hello":"world","request_num":{number},"ticket":"{ticket}"}}"#);
    assert_eq!((answer.status, &answer.body), (200, &expected));
    let (text, signature) = ticket.rsplit_once('.').expect("a ticket has a signature");
    let mut hash = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("it is a key");
    hash.update(text.as_bytes());
    assert_eq!(signature, URL_SAFE_NO_PAD.encode(hash.finalize().into_bytes()), "{ticket}");
    let (header, claims) = text.split_once('.').expect("a ticket has claims");
    assert_eq!(decoded(header), json!({"alg": "HS256", "typ": "JWT", "kid": KID}));
    decoded(claims)
}

pub fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("a part is base64url");
    serde_json::from_slice(&bytes).expect("a part is JSON")
}

/// What the admin listener says of a counter's epoch.
fn epoch(daemon: &Daemon, counter: &str) -> u64 {
    let line = daemon.wait_for_log("the listener", |line| line["msg"] == "admin listening");
    let address = line["address"].as_str().and_then(|address| address.parse().ok());
    let mut client = HttpClient::connect(address.expect("the log has the address"));
    client.send(format!("GET /counters/{counter} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let answer = client.receive().json();
    answer["epoch"].as_u64().expect("a counter has an epoch")
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

#[test]
fn a_number_has_a_ticket_and_a_halt_has_none() {
    let before_s = now_s();
    let flags = ["--admin-listen", "127.0.0.1:0", "--counter", "shoes=2", "--counter", "hats"];
    let daemon = start(None, &flags);
    let mut client = daemon.client();
    for (method, target, counter, number) in
        [("GET", "/", "shoes", 1), ("POST", "/take/hats", "hats", 1), ("POST", "/", "shoes", 2)]
    {
        let claims = claims(&client.request(method, target));
        let (epoch, iat) = (epoch(&daemon, counter), claims["iat"].as_u64().unwrap_or_default());
        assert!((before_s..=now_s()).contains(&iat), "{claims}");
        let expected = json!({
            "iss": "headcount", "sub": counter, "request_num": number, "epoch": epoch,
            "iat": iat, "exp": iat + 3_600, "jti": format!("{counter}/{epoch}/{number}"),
        });
        assert_eq!(claims, expected);
    }
    assert_eq!(client.get("/").body, r#"{"Go":"away!","request_num":2}"#);
    let status = r#"{"taken":2,"limit":2,"remaining":0,"halted":true}"#;
    assert_eq!(client.get("/status").body, status);
}

#[test]
fn each_store_names_the_epoch_and_pipelined_takes_have_a_ticket_each() {
    for kind in KINDS {
        let server = kind.start();
        let flags = ["--admin-listen", "127.0.0.1:0", "--counter", "shoes", "--ticket-ttl", "0"];
        let daemon = start(Some(&server.url()), &flags);
        let mut client = daemon.client();
        client.send(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
        let epoch = epoch(&daemon, "shoes");
        for number in 1..=3 {
            let claims = claims(&client.receive());
            assert_eq!(claims["jti"], format!("shoes/{epoch}/{number}"), "{kind:?}");
            assert_eq!(claims.get("exp"), None, "{kind:?}");
        }
    }
}

#[test]
fn a_head_request_is_told_the_length_and_takes_nothing() {
    let daemon = start(None, &["--limit", "1", "--ticket-issuer", "https://shop.example"]);
    let mut client = daemon.client();
    let head = client.request("HEAD", "/");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let answer = client.get("/");
    assert_eq!(claims(&answer)["iss"], "https://shop.example");
    assert_eq!(head.field("Content-Length"), answer.field("Content-Length"));
    let head = client.request("HEAD", "/");
    assert_eq!(head.field("Content-Length"), Some("30"), "of the halt");
}

#[test]
fn without_the_flag_the_answer_is_what_it_was() {
    let daemon = Daemon::start(&[]);
    let answer = daemon.client().get("/");
    assert_eq!(answer.body, r#"{"hello":"world","request_num":1}"#);
}

#[test]
fn the_log_names_the_secret_and_does_not_show_it_nor_a_ticket() {
    let mut daemon = start(None, &["--audit"]);
    let ticket = daemon.client().get("/").json()["ticket"].as_str().map(str::to_owned);
    daemon.stop();
    let lines = daemon.log_to_the_end();
    let line = lines.iter().find(|line| line["msg"] == "numbers come with tickets");
    let line = line.expect("the log says that there are tickets");
    let expected = (&json!(KID), &json!("headcount"), &json!(3_600));
    assert_eq!((&line["kid"], &line["issuer"], &line["ttl_s"]), expected);
    assert!(lines.iter().any(|line| line["msg"] == "number taken"), "{lines:?}");
    let signature = ticket.expect("a ticket").rsplit('.').next().unwrap_or_default().to_owned();
    for text in [SECRET, &signature] {
        assert!(!daemon.output().contains(text), "{}", daemon.output());
    }
}

#[test]
fn a_wrong_secret_issuer_or_ttl_is_one_line_without_the_secret() {
    let (folder, short) = secret_file(&SECRET.as_bytes()[..31]);
    let (_kept, good) = secret_file(SECRET.as_bytes());
    let (_long, long) = secret_file(&SECRET.as_bytes().repeat(3_000));
    let folder = folder.path().to_str().expect("the folder's name is ASCII");
    for (arguments, words) in [
        (vec!["--ticket-secret-file", &short], "has 31 bytes: expected 32 or more"),
        (vec!["--ticket-secret-file", &long], "has more than 65536 bytes"),
        (vec!["--ticket-secret-file", folder], "cannot read"),
        (vec!["--ticket-secret-file", "/nowhere"], "cannot read \"/nowhere\""),
        (vec!["--ticket-secret-file", &good, "--ticket-ttl", "5"], "--ticket-ttl: invalid value"),
        (vec!["--ticket-secret-file", &good, "--ticket-issuer", "a b"], "--ticket-issuer: invalid"),
        (vec!["--ticket-ttl", "5s"], "--ticket-ttl: only together with --ticket-secret-file"),
        (vec!["--ticket-issuer", "a"], "--ticket-issuer: only together with --ticket-secret-file"),
    ] {
        let finished = run(&arguments, &[]);
        assert_eq!((finished.code, finished.stderr.len()), (Some(2), 1), "{finished:?}");
        assert!(finished.stderr[0].contains(words), "{finished:?}");
        assert!(!finished.stderr[0].contains(&SECRET[..8]), "{finished:?}");
    }
}

/// Takes with the key `k`; the claims of its ticket.
fn claims_of_key(client: &mut HttpClient, is_replay: bool) -> Value {
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\n\r\n");
    let answer = client.receive();
    assert_eq!(answer.field("Idempotent-Replayed").is_some(), is_replay);
    claims(&answer)
}

#[test]
fn a_replay_has_a_ticket_of_the_same_jti() {
    let daemon = start(None, &["--limit", "1"]);
    let mut client = daemon.client();
    for is_replay in [false, true] {
        let claims = claims_of_key(&mut client, is_replay);
        assert_eq!(claims["request_num"], 1);
        assert_eq!(claims["jti"], format!("default/{}/1", claims["epoch"]));
    }
}

/// Else a buyer could redeem two tickets for one number.
#[test]
fn a_replay_has_the_same_jti_after_a_set_has_begun_another_epoch() {
    for kind in KINDS {
        let server = kind.start();
        let daemon = start(Some(&server.url()), &[]);
        let mut client = daemon.client();
        let first = claims_of_key(&mut client, false);
        let url = server.url();
        let set = run(&["set", "default", "--taken", "7", "--store", &url], &[]);
        assert_eq!(set.code, Some(0), "{kind:?}");
        let next = claims(&client.get("/"));
        assert_eq!(next["request_num"], 8, "{kind:?}");
        assert_ne!(next["epoch"], first["epoch"], "{kind:?}");
        for _ in 0..2 {
            let again = claims_of_key(&mut client, true);
            let jti = format!("default/{}/1", first["epoch"]);
            assert_eq!(
                (&again["jti"], &again["epoch"]),
                (&json!(jti), &first["epoch"]),
                "{kind:?}"
            );
        }
    }
}
