//! Who may take a number: what browsers say of themselves, `--take-methods` and `--allow-origin`.

mod browsers;
mod cors;
mod hostile;

use crate::support::daemon::Daemon;
use crate::support::http_client::{Answer, HttpClient};

/// What a take from a page of another origin is answered.
const OTHER_ORIGIN: &str =
    r#"{"error":"sent by a page of another origin: nothing was taken; see --allow-origin"}"#;

/// What a prefetch is answered.
const PREFETCH: &str = r#"{"error":"prefetch: nothing was taken"}"#;

/// The head of a request with these fields, a Host among them. A `|` is the end of a field.
fn head(method: &str, target: &str, fields: &str) -> String {
    let fields = fields.replace('|', "\r\n");
    format!("{method} {target} HTTP/1.1\r\n{fields}\r\n\r\n")
}

/// Sends such a request and reads its answer.
fn ask(client: &mut HttpClient, method: &str, target: &str, fields: &str) -> Answer {
    client.send(head(method, target, fields).as_bytes());
    client.receive_to(method)
}

/// Asserts the statuses of takes on one connection, and that no other number was taken.
fn assert_statuses(daemon: &Daemon, rows: &[(&str, &str, u16)]) {
    let mut client = daemon.client();
    for (method, fields, status) in rows {
        let before = daemon.taken();
        let answer = ask(&mut client, method, "/", fields);
        assert_eq!(answer.status, *status, "{method} {fields}: {answer:?}");
        let taken = daemon.taken() - before;
        assert_eq!(taken, u64::from(*status == 200), "{method} {fields}");
    }
}
