//! A real nginx of a test's own, as it stands in front of a service in the field.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use super::http_client::HttpClient;
use super::process::{Folder, free_port};
use super::wait::wait_for;

/// ClientSockets to the program that are kept when nobody uses them.
const KEPT: usize = 16;

/// One process in the foreground, which proxies everything over kept-alive connections. Bodies go
/// on as they come, in chunks where they come in chunks; a request is never tried twice, since it
/// would take two numbers. Killed, and its folder removed, when it is dropped.
pub struct Nginx {
    child: Child,
    address: SocketAddr,
    folder: Folder,
}

impl Nginx {
    /// Starts it in front of `upstream`, and waits until it listens.
    pub fn start(upstream: SocketAddr) -> Self {
        let folder = Folder::create();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let configuration = configuration(upstream, address);
        fs::write(folder.path().join("nginx.conf"), configuration).expect("the folder is ours");
        // Debian has it where only root's PATH leads.
        let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let child = Command::new("nginx")
            .env("PATH", path)
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log", "-g", "daemon off; master_process off;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.expect("these tests need nginx (Debian: apt-get install nginx)");
        let mut nginx = Self { child, address, folder };
        wait_for("nginx to listen", || {
            let ended = nginx.child.try_wait().expect("nginx is ours");
            assert!(ended.is_none(), "nginx ended: {ended:?}\n{}", nginx.error_log());
            HttpClient::try_connect(address).ok()
        });
        nginx
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn error_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.error_log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(20)..];
            eprintln!("--- nginx said last:\n{}", tail.join("\n"));
        }
    }
}

fn configuration(upstream: SocketAddr, address: SocketAddr) -> String {
    format!(
        "pid nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream headcount {{
        server {upstream};
        keepalive {KEPT};
        keepalive_requests 1000000;
    }}
    server {{
        listen {address};
        keepalive_requests 1000000;
        location / {{
            proxy_pass http://headcount;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
            proxy_next_upstream off;
        }}
    }}
}}
"
    )
}
