//! Sockets: the listener of a reactor, and moving bytes between a socket and a buffer.
//!
//! Everything is non-blocking. "Would block" is no error here but an outcome.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream, UnixStream};
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};

use crate::limits::LISTEN_BACKLOG;

/// Binds one listener for each of `count` reactors to the same address; the kernel spreads the
/// connections over them (SO_REUSEPORT). Port 0 takes a free one, the same for all.
///
/// # Errors
/// `AddrInUse` if another process listens there, though it set SO_REUSEPORT as well.
pub fn listen(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    // Alone at first: with SO_REUSEPORT from the start another headcount could join the port.
    let first = bound(address, false)?;
    listening(&first)?;
    first.set_reuse_port(true)?;
    let address = first.local_addr()?.as_socket().expect("an internet socket has such an address");
    let mut listeners = vec![TcpListener::from_std(first.into())];
    for _ in 1..count {
        let socket = bound(address, true)?;
        listening(&socket)?;
        listeners.push(TcpListener::from_std(socket.into()));
    }
    Ok(listeners)
}

fn bound(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Answers go out in one write, so nothing is gained by holding back a short one; accepted
/// connections inherit the option on Linux, which saves a system call for each.
fn listening(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.listen(LISTEN_BACKLOG)
}

/// From now on the kernel drops the first packet of whoever begins to connect to this listener;
/// those whose handshake has begun end it. To refuse them takes the closing of the listener.
///
/// # Errors
/// The system has no such filter.
pub fn drop_new(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).attach_filter(&DROP_SYN)
}

/// A classic BPF program, which sees a segment from its TCP header on: those with SYN and without
/// ACK are cut to nothing, and so dropped.
static DROP_SYN: [SockFilter; 5] = [
    SockFilter::new(BPF_LOAD_BYTE, 0, 0, TCP_FLAGS_AT),
    SockFilter::new(BPF_AND, 0, 0, TCP_SYN | TCP_ACK),
    SockFilter::new(BPF_JUMP_IF_EQUAL, 0, 1, TCP_SYN),
    SockFilter::new(BPF_RETURN, 0, 0, 0),
    SockFilter::new(BPF_RETURN, 0, 0, u32::MAX),
];

// linux/bpf_common.h: BPF_LD | BPF_B | BPF_ABS, BPF_ALU | BPF_AND | BPF_K, BPF_JMP | BPF_JEQ |
// BPF_K and BPF_RET | BPF_K.
const BPF_LOAD_BYTE: u16 = 0x30;
const BPF_AND: u16 = 0x54;
const BPF_JUMP_IF_EQUAL: u16 = 0x15;
const BPF_RETURN: u16 = 0x06;
// RFC 9293, section 3.1.
const TCP_FLAGS_AT: u32 = 13;
const TCP_SYN: u32 = 0x02;
const TCP_ACK: u32 = 0x10;

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// So many bytes, and maybe more to come.
    Bytes(usize),
    /// Nothing for now.
    Blocked,
    /// The peer sends no more.
    End,
}

/// Reads once into `buffer`, which must not be empty.
///
/// # Errors
/// The connection is broken.
pub fn fill(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<Filled> {
    loop {
        return match stream.read(buffer) {
            Ok(0) => Ok(Filled::End),
            Ok(count) => Ok(Filled::Bytes(count)),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Filled::Blocked),
            Err(error) => Err(error),
        };
    }
}

/// Writes once from `bytes`, which must not be empty; 0 if the socket takes nothing for now.
///
/// # Errors
/// The connection is broken.
pub fn flush(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    loop {
        return match stream.write(bytes) {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            Ok(count) => Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        };
    }
}

/// A connection to a store.
#[derive(Debug)]
pub enum Stream {
    /// Over the network.
    Tcp(TcpStream),
    /// Within the machine.
    Unix(UnixStream),
}

impl Stream {
    /// Whether a connecting has come to its end.
    ///
    /// # Errors
    /// It failed.
    pub fn is_connected(&self) -> io::Result<bool> {
        let (failure, peer) = match self {
            Stream::Tcp(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
            Stream::Unix(stream) => (stream.take_error()?, stream.peer_addr().map(drop)),
        };
        match (failure, peer) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(true),
            (None, Err(error)) if error.kind() == ErrorKind::NotConnected => Ok(false),
            (None, Err(error)) => Err(error),
        }
    }

    /// Sends short writes at once. Where it fails, the link is slower and no less right.
    pub fn set_nodelay(&self) {
        if let Stream::Tcp(stream) = self {
            let _ = stream.set_nodelay(true);
        }
    }

    /// The stream as what a poll watches.
    pub fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Stream::Tcp(stream) => stream,
            Stream::Unix(stream) => stream,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_begins_to_connect_is_dropped_and_who_waits_in_the_queue_is_not() {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)), 1).unwrap().remove(0);
        let address = listener.local_addr().unwrap();
        let mut queued = std::net::TcpStream::connect(address).unwrap();
        drop_new(&listener).unwrap();
        let refused = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::TimedOut);
        queued.write_all(b"hello").unwrap();
        queued.shutdown(std::net::Shutdown::Write).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        let mut buffer = [0; 16];
        while fill(&mut accepted, &mut buffer).unwrap() == Filled::Blocked {
            std::hint::spin_loop();
        }
        assert_eq!(&buffer[..5], b"hello");
    }
}
