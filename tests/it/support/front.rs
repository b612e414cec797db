//! A proxy of a test's own in front of two programs, configured as `docs/operating.md` says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::{env, fs, thread};

use super::http_client::HttpClient;
use super::process::{Folder, free_port};
use super::wait::wait_for;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md");

/// The addresses of its blocks.
const LISTEN_DOCUMENTED: &str = "8000";
const UPSTREAMS_DOCUMENTED: [&str; 2] = ["10.0.0.1:8080", "10.0.0.2:8080"];

/// The proxies of the document; each block has this behind its fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontKind {
    Nginx,
    Haproxy,
    Caddy,
}

/// One process in the foreground. Killed, and its folder removed, when it is dropped.
pub struct Front {
    kind: FrontKind,
    child: Child,
    address: SocketAddr,
    statistics: SocketAddr,
    folder: Folder,
}

impl Front {
    /// Starts it in front of `upstreams`, and waits until it listens.
    pub fn start(kind: FrontKind, upstreams: [SocketAddr; 2]) -> Self {
        let folder = Folder::create();
        let [address, statistics] =
            [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let text = kind.configuration(upstreams, address, statistics);
        fs::write(folder.path().join("configuration"), text).expect("the folder is ours");
        let log = fs::File::create(folder.path().join("said")).expect("the folder is ours");
        let mut command = kind.command();
        // Debian has some where only root's PATH leads. Caddy keeps its state below HOME.
        let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        command.env("PATH", path).env("HOME", folder.path()).current_dir(folder.path());
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor is left"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{kind:?} (a package of Debian): {error}"));
        let mut front = Self { kind, child, address, statistics, folder };
        wait_for("the proxy to listen", || {
            let ended = front.child.try_wait().expect("it is ours");
            assert!(ended.is_none(), "{kind:?} ended: {ended:?}\n{}", front.file("said"));
            HttpClient::try_connect(address).ok()
        });
        front
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often it tried a request again, in words of its own, as far as it says so.
    pub fn retries(&self) -> String {
        match self.kind {
            FrontKind::Nginx => {
                // A line is the statuses of all tries: 502 is a refused or broken connection.
                let log = self.file("access.log");
                let retried = log.lines().filter(|line| line.contains(',')).count();
                format!("{retried} of {} tried again", log.lines().count())
            }
            FrontKind::Haproxy => {
                let table = self.statistics();
                let mut rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
                let names = rows.find(|row| row[0] == "# pxname").expect("a table has a head");
                let row = rows.find(|row| row[1] == "BACKEND").expect("it has a backend");
                let column = |name| row[names.iter().position(|it| *it == name).expect("known")];
                format!("wretr {}, wredis {}", column("wretr"), column("wredis"))
            }
            FrontKind::Caddy => "retries are not counted".to_owned(),
        }
    }

    /// The table of HAProxy, which does not say how long it is.
    fn statistics(&self) -> String {
        let mut stream = TcpStream::connect(self.statistics).expect("it listens there too");
        stream.write_all(b"GET /;csv HTTP/1.0\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers in UTF-8");
        answer.split_once("\r\n\r\n").expect("a head has an end").1.to_owned()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            for name in ["said", "error.log"] {
                let text = self.file(name);
                let lines: Vec<&str> = text.lines().collect();
                let tail = &lines[lines.len().saturating_sub(20)..];
                eprintln!("--- {:?}, {name}, at its end:\n{}", self.kind, tail.join("\n"));
            }
        }
    }
}

impl FrontKind {
    fn command(self) -> Command {
        let (program, arguments): (_, &[&str]) = match self {
            FrontKind::Nginx => ("nginx", &["-p", ".", "-c", "configuration", "-e", "error.log"]),
            FrontKind::Haproxy => ("haproxy", &["-db", "-f", "configuration"]),
            FrontKind::Caddy => {
                ("caddy", &["run", "--config", "configuration", "--adapter", "caddyfile"])
            }
        };
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }

    /// The block of the document, with the test's addresses and what a program in the foreground
    /// needs around it.
    fn configuration(
        self,
        upstreams: [SocketAddr; 2],
        address: SocketAddr,
        statistics: SocketAddr,
    ) -> String {
        let mut block = self.block().replace(LISTEN_DOCUMENTED, &address.port().to_string());
        for (documented, upstream) in UPSTREAMS_DOCUMENTED.into_iter().zip(upstreams) {
            block = block.replace(documented, &upstream.to_string());
        }
        match self {
            FrontKind::Nginx => format!(
                "pid nginx.pid;
daemon off;
master_process off;
events {{ worker_connections 512; }}
http {{
    log_format tries \"$upstream_status\";
    access_log access.log tries;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {block}
}}
"
            ),
            FrontKind::Haproxy => format!(
                "{block}\nlisten statistics\n    bind {statistics}\n    stats enable\n    \
                 stats uri /\n"
            ),
            FrontKind::Caddy => format!("{{\n    admin off\n    auto_https off\n}}\n{block}\n"),
        }
    }

    fn block(self) -> String {
        let document = fs::read_to_string(DOCUMENT).expect("the project has this document");
        let fence = format!("```{}\n", format!("{self:?}").to_lowercase());
        let (_, rest) = document.split_once(&fence).expect("the document has a block of it");
        rest.split_once("```").expect("a block ends").0.to_owned()
    }
}
