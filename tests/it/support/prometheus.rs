//! A real Prometheus of a test's own.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use super::http_client::HttpClient;
use super::process::{Folder, free_port};
use super::wait::wait_for;

/// One process that scrapes one target. Killed, and its folder removed, when it is dropped.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: Folder,
}

impl Prometheus {
    /// Starts it, and waits until it answers. It scrapes `target` five times a second.
    pub fn start(target: SocketAddr) -> Self {
        let folder = Folder::create();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let job = format!("job_name: headcount, static_configs: [{{targets: ['{target}']}}]");
        let configuration = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
             scrape_configs: [{{{job}}}]\n"
        );
        fs::write(folder.path().join("prometheus.yml"), configuration).expect("the folder is ours");
        let log = fs::File::create(folder.path().join("log")).expect("the folder is ours");
        let child = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let child = child.expect("this test needs prometheus: tests/run brings it");
        let mut prometheus = Self { child, address, folder };
        wait_for("Prometheus to be ready", || {
            let ended = prometheus.child.try_wait().expect("Prometheus is ours");
            assert!(ended.is_none(), "Prometheus ended: {ended:?}");
            let mut client = HttpClient::try_connect(address).ok()?;
            (client.get("/-/ready").status == 200).then_some(())
        });
        prometheus
    }

    /// The value of the only series that a query finds; `None` while there is none.
    pub fn value(&self, query: &str) -> Option<String> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let target = format!("/api/v1/query?query={encoded}");
        let answer = HttpClient::connect(self.address).get(&target);
        let answer: Value = answer.json();
        let result = answer["data"]["result"].as_array().expect("it is a list");
        assert!(result.len() <= 1, "{query}: {answer}");
        let value = result.first()?["value"][1].as_str();
        Some(value.expect("a value is a text").to_owned())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("--- Prometheus said:\n{log}");
        }
    }
}
