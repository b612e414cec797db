//! The proxies of the documents: their nginx configurations, as they stand, before the program.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use super::blocks::Document;
use crate::support::daemon::Daemon;
use crate::support::http_client::HttpClient;
use crate::support::process::{Folder, free_port};
use crate::support::wait::wait_for;

/// An nginx with the configuration of a document. Killed when it is dropped.
struct Nginx {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

#[test]
fn the_proxy_of_the_readme_passes_a_post_and_refuses_a_get() {
    let daemon = Daemon::start(&[]);
    let nginx = Nginx::start("README.md", daemon.address());
    let mut client = HttpClient::connect(nginx.address);
    assert_eq!(client.request("POST", "/gate").number(), Some(1));
    assert_eq!(client.get("/gate").status, 403);
    assert_eq!(client.request("POST", "/").status, 404);
    assert_eq!(client.request("POST", "/gate").number(), Some(2));
    assert_eq!(daemon.taken(), 2);
}

#[test]
fn the_proxy_of_the_shop_has_one_key_for_each_buyer_whatever_the_browser_sends() {
    let daemon = Daemon::start(&["--counter", "shoes=2", "--require-key"]);
    let nginx = Nginx::start("docs/shop.md", daemon.address());
    let mut client = HttpClient::connect(nginx.address);
    let mut take = |fields: &str| {
        let head = format!("POST /gate/shoes HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        client.send(head.as_bytes());
        client.receive()
    };
    assert_eq!(take("Cookie: buyer=ann\r\n").number(), Some(1));
    for key in ["bob", "\"other\"; a=1"] {
        let again = take(&format!("Cookie: buyer=ann\r\nIdempotency-Key: {key}\r\n"));
        assert_eq!((again.number(), again.field("Idempotent-Replayed")), (Some(1), Some("true")));
    }
    assert_eq!(take("Cookie: buyer=bob\r\n").number(), Some(2));
    let stranger = take("Idempotency-Key: bob\r\n");
    assert_eq!(stranger.status, 400, "{stranger:?}");
    assert_eq!(daemon.taken(), 2);
}

impl Nginx {
    fn start(document: &str, upstream: SocketAddr) -> Nginx {
        let folder = Folder::create();
        let [address, shop] = [free_port(), free_port()].map(|port| ([127, 0, 0, 1], port).into());
        let text = configuration(document, upstream, address, shop);
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

/// The document's block in the frame that every nginx has, with ports and folders of the test's
/// own, and beside it a shop that knows its buyers by a cookie.
fn configuration(
    document: &str,
    upstream: SocketAddr,
    address: SocketAddr,
    shop: SocketAddr,
) -> String {
    let blocks = Document::named(document).blocks();
    let block = blocks.iter().find(|block| block.info == "nginx").expect("it has a block");
    let block = block.lines.join("\n");
    assert!(block.contains("127.0.0.1:8080") && block.contains("listen 80;"), "{block}");
    let block = block.replace("127.0.0.1:8080", &upstream.to_string());
    let block = block.replace("127.0.0.1:3000", &shop.to_string());
    let block = block.replace("listen 80;", &format!("listen {address};"));
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};\n"))
        .concat();
    let shop =
        format!("server {{ listen {shop}; add_header X-Buyer $cookie_buyer; return 200; }}\n");
    format!(
        "pid nginx.pid;\nevents {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n\
         {folders}{block}\n{shop}}}\n"
    )
}
