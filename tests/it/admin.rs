//! The admin listener, asked as an operator, a monitor and a browser ask it.

mod changes;
mod defences;
mod reading;

use std::fs;
use std::net::SocketAddr;

use crate::support::daemon::Daemon;
use crate::support::http_client::{Answer, HttpClient};
use crate::support::process::Folder;

const TOKEN: &str = "0123456789abcdef";
const JSON: &str = "Content-Type: application/json\r\n";

/// A program with an admin listener.
pub struct Admin {
    /// The program.
    pub daemon: Daemon,
    /// Where that listener is.
    pub address: SocketAddr,
    /// Where the token's file is.
    _folder: Folder,
}

impl Admin {
    /// Starts it with a token, on a store or in memory.
    fn start(store: &str, arguments: &[&str]) -> Admin {
        let folder = Folder::create();
        let file = folder.path().join("token");
        fs::write(&file, format!("{TOKEN}\n")).expect("the folder can be written");
        let file = file.to_str().expect("its name is text");
        Admin::start_in(folder, store, &[arguments, &["--admin-token-file", file]].concat())
    }

    /// Starts it without a token.
    pub fn start_to_read(store: &str, arguments: &[&str]) -> Admin {
        Admin::start_in(Folder::create(), store, arguments)
    }

    fn start_in(folder: Folder, store: &str, arguments: &[&str]) -> Admin {
        let arguments = [&["--admin-listen", "127.0.0.1:0"], arguments].concat();
        let daemon = match store {
            "memory:" => Daemon::start(&arguments),
            store => Daemon::start_with_any_store(store, &arguments),
        };
        let line = daemon.wait_for_log("the admin listener", |line| line["msg"] == LISTENING);
        let address = line["address"].as_str().and_then(|address| address.parse().ok());
        let address = address.expect("the log says where it listens");
        Admin { daemon, address, _folder: folder }
    }

    /// Sends a request with these field lines beside `Host`, and reads its answer.
    fn ask(&self, line: &str, fields: &str, body: &str) -> Answer {
        let method = line.split(' ').next().unwrap_or_default();
        self.send_with(line, fields, body).receive_to(method)
    }

    /// Sends a change as one who knows the token, on a connection of its own.
    fn send(&self, line: &str, body: &str) -> HttpClient {
        self.send_with(line, &format!("{JSON}Authorization: Bearer {TOKEN}\r\n"), body)
    }

    fn send_with(&self, line: &str, fields: &str, body: &str) -> HttpClient {
        let mut client = HttpClient::connect(self.address);
        let length = body.len();
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{fields}");
        client.send(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes());
        client
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "", "")
    }

    /// Asks for a change as one who knows the token.
    fn change(&self, line: &str, body: &str) -> Answer {
        self.send(line, body).receive()
    }

    fn epoch(&self, name: &str) -> u64 {
        let report = self.get(&format!("/counters/{name}")).json();
        report["epoch"].as_u64().unwrap_or_else(|| panic!("no epoch: {report}"))
    }
}

const LISTENING: &str = "admin listening";
