//! The proxy of the README: its nginx configuration, as it stands, in front of the program.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use super::blocks::Document;
use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::process::{Folder, free_port};
use crate::support::wait::wait_for;

/// An nginx with the README's configuration. Killed when it is dropped.
struct Nginx {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

#[test]
fn the_proxy_of_the_readme_passes_a_post_and_refuses_a_get() {
    let daemon = Daemon::start(&[]);
    let nginx = Nginx::start(daemon.address());
    let mut client = HttpClient::connect(nginx.address);
    assert_eq!(client.request("POST", "/gate").number(), Some(1));
    assert_eq!(client.get("/gate").status, 403);
    assert_eq!(client.request("POST", "/").status, 404);
    assert_eq!(client.request("POST", "/gate").number(), Some(2));
    assert_eq!(daemon.taken(), 2);
}

impl Nginx {
    fn start(upstream: SocketAddr) -> Nginx {
        let folder = Folder::create();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let text = configuration(upstream, address);
        fs::write(folder.path().join("nginx.conf"), text).expect("the folder is ours");
        // Debian has it where only root's PATH leads.
        let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let mut command = Command::new("nginx");
        command.env("PATH", path).arg("-p").arg(folder.path());
        command.args(["-c", "nginx.conf", "-e", "error.log"]);
        command.args(["-g", "daemon off; master_process off;"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child =
            command.spawn().expect("these tests need nginx (Debian: apt-get install nginx)");
        let mut nginx = Nginx { child, address, _folder: folder };
        wait_for("nginx to listen", || {
            let ended = nginx.child.try_wait().expect("nginx is ours");
            assert!(ended.is_none(), "nginx ended, and says why above: {ended:?}");
            HttpClient::try_connect(address).ok()
        });
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The README's block in the frame that every nginx has, with ports and folders of the test's own.
fn configuration(upstream: SocketAddr, address: SocketAddr) -> String {
    let blocks = Document::named("README.md").blocks();
    let block = blocks.iter().find(|block| block.info == "nginx").expect("the README has one");
    let block = block.lines.join("\n");
    assert!(block.contains("127.0.0.1:8080") && block.contains("listen 80;"), "{block}");
    let block = block.replace("127.0.0.1:8080", &upstream.to_string());
    let block = block.replace("listen 80;", &format!("listen {address};"));
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};\n"))
        .concat();
    format!(
        "pid nginx.pid;\nevents {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n\
         {folders}{block}\n}}\n"
    )
}
