//! A baseline for bench.sh: may_minihttp, which answers a constant of headcount's size and form.
//!
//! Usage: peer-minihttp PORT. It counts nothing and asks no store: what a bare and fast HTTP server
//! of two threads does here. It reads of a request what it must, and checks none of it.

use may_minihttp::{HttpServer, HttpService, Request, Response};

#[derive(Clone)]
struct Constant;

impl HttpService for Constant {
    fn call(&mut self, _: Request, response: &mut Response) -> std::io::Result<()> {
        response
            .header("Content-Type: application/json")
            .header("Cache-Control: no-store")
            .body(r#"{"hello":"world","request_num":123456}"#);
        Ok(())
    }
}

fn main() {
    let port: Option<u16> = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let port = port.expect("usage: peer-minihttp PORT");
    may::config().set_workers(2);
    let server = HttpServer(Constant).start(("127.0.0.1", port)).expect("the port is free");
    server.join().expect("it serves until it is ended");
}
