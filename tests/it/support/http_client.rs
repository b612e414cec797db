//! An HTTP/1.1 client that reads exactly one answer at a time, so that a byte too many shows.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use super::wait::PATIENCE;

/// One answer, its body as long as its `Content-Length` says.
#[derive(Debug)]
pub struct Answer {
    pub version: String,
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// The value of a field, its name in any case. Panics when the field comes twice.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
        let value = found.next().map(|field| field.1.as_str());
        assert!(found.next().is_none(), "{name} comes twice: {self:?}");
        value
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The number taken, when the answer hands one out.
    pub fn number(&self) -> Option<u64> {
        let body = self.json();
        body.get("hello").and(body.get("request_num")).and_then(Value::as_u64)
    }

    /// Whether the answer sends its client away for good.
    pub fn is_halted(&self) -> bool {
        self.json().get("Go").is_some()
    }

    /// Whether the answer says that the store is away.
    pub fn is_unavailable(&self) -> bool {
        self.status == 503 && self.body == r#"{"error":"store unavailable"}"#
    }
}

/// A connection. What came and was not yet read as an answer is kept.
pub struct HttpClient {
    stream: TcpStream,
    inbound: Vec<u8>,
}

impl HttpClient {
    /// Connects, or panics.
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).expect("the program accepts connections")
    }

    /// Connects.
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbound: Vec::new() })
    }

    /// Sends a GET and reads its answer.
    pub fn get(&mut self, target: &str) -> Answer {
        self.request("GET", target)
    }

    /// Sends a request without a body and reads its answer.
    pub fn request(&mut self, method: &str, target: &str) -> Answer {
        assert!(self.inbound.is_empty(), "bytes nobody asked for: {:?}", self.inbound_text());
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        self.receive_to(method)
    }

    /// Sends these bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the program takes what is sent");
    }

    /// Sends these bytes as they are.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads the next answer, or panics.
    pub fn receive(&mut self) -> Answer {
        self.receive_to("GET")
    }

    /// Reads the next answer, which is to `method`: to HEAD there is no body.
    pub fn receive_to(&mut self, method: &str) -> Answer {
        let answer = self.try_receive_to(method);
        answer.unwrap_or_else(|error| panic!("no answer: {error}; read {:?}", self.inbound_text()))
    }

    /// Reads the next answer to a GET or POST; `UnexpectedEof` when the program closes first.
    pub fn try_receive(&mut self) -> io::Result<Answer> {
        self.try_receive_to("GET")
    }

    /// The same connection once more, to send on while another thread receives.
    pub fn stream(&self) -> TcpStream {
        self.stream.try_clone().expect("a descriptor is left")
    }

    /// Says that nothing more will be sent; answers can still be read.
    pub fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Leaves without reading the answer that has come or is about to: the kernel then resets the
    /// connection instead of closing it.
    pub fn reset(self) {
        let peeked = uninterrupted(|| self.stream.peek(&mut [0]));
        assert!(matches!(peeked, Ok(1)), "nothing to leave unread: {peeked:?}");
    }

    /// Waits for the program to close, in order and without another byte.
    pub fn assert_closed(&mut self) {
        let end = self.stream.read_to_end(&mut self.inbound);
        assert!(end.is_ok(), "reset instead of closed: {end:?}");
        assert!(self.inbound.is_empty(), "bytes nobody asked for: {:?}", self.inbound_text());
    }

    fn try_receive_to(&mut self, method: &str) -> io::Result<Answer> {
        let head_bytes = loop {
            match find(&self.inbound, b"\r\n\r\n") {
                Some(start) => break start + 4,
                None => self.fill()?,
            }
        };
        let mut answer = parse_head(&self.inbound[..head_bytes]);
        let body_bytes = body_bytes_of(&answer, method);
        while self.inbound.len() < head_bytes + body_bytes {
            self.fill()?;
        }
        let body = self.inbound[head_bytes..head_bytes + body_bytes].to_vec();
        answer.body = String::from_utf8(body).expect("a body is UTF-8");
        self.inbound.drain(..head_bytes + body_bytes);
        Ok(answer)
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let count = uninterrupted(|| self.stream.read(&mut buffer))?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.inbound.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    fn inbound_text(&self) -> String {
        String::from_utf8_lossy(&self.inbound).into_owned()
    }
}

/// Does it again when a signal got in between: a read with a timeout is not restarted then.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// RFC 9112, section 6.3: no body after HEAD, 1xx and 204.
fn body_bytes_of(answer: &Answer, method: &str) -> usize {
    if method == "HEAD" || answer.status < 200 || answer.status == 204 {
        return 0;
    }
    let length = answer.field("Content-Length").expect("an answer says how long it is");
    length.parse().expect("Content-Length is a number")
}

fn parse_head(head: &[u8]) -> Answer {
    let head = str::from_utf8(head).expect("a head is ASCII");
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().expect("a head has a first line");
    let (version, rest) = status_line.split_once(' ').expect("a status line has a version");
    let status = rest.split(' ').next().and_then(|status| status.parse().ok());
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a field has a colon and a space");
        (name.to_owned(), value.to_owned())
    });
    Answer {
        version: version.to_owned(),
        status: status.expect("a status line has a status"),
        fields: fields.collect(),
        body: String::new(),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
