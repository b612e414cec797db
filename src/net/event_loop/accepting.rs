//! Who is let in, at either listener, and who is turned away.

use std::net::Shutdown;
use std::sync::atomic::Ordering;

use log::debug;
use mio::Interest;
use mio::net::TcpStream;

use super::EventLoop;
use crate::api::body;
use crate::api::route::Listener;
use crate::engine::client::{CloseReason, Peer};
use crate::http;
use crate::limits::{ACCEPTS_MAX, ADMIN_CLIENTS_MAX};
use crate::net::socket;

impl EventLoop {
    #[inline(never)]
    pub(super) fn accept(&mut self) {
        for _ in 0..ACCEPTS_MAX {
            if !self.acceptor.is_due(self.now) {
                return;
            }
            let accepted = self.acceptor.accept(self.engine.clients.len(), self.now);
            if let Some((stream, address)) = accepted {
                self.admit(stream, Peer { address, listener: Listener::Public });
            }
        }
    }

    /// Answers scrapes, exchanges changes with the threads that carry them out, and accepts admin
    /// clients. Before [`Engine::finish_turn`], so that it happens in this wake.
    #[inline(never)]
    pub(super) fn run_admin(&mut self) {
        let Some(admin) = &mut self.admin else {
            return;
        };
        admin.exchange(&mut self.engine);
        for _ in 0..ACCEPTS_MAX {
            let open = self.client_sockets.admin_clients();
            let Some(admin) = &mut self.admin else {
                return;
            };
            if !admin.acceptor().is_due(self.now) {
                return;
            }
            let Some((stream, address)) = admin.acceptor().accept(open, self.now) else {
                continue;
            };
            if open < ADMIN_CLIENTS_MAX {
                self.insert(stream, Peer { address, listener: Listener::Admin });
            } else {
                self.turn_away(stream, Listener::Admin);
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: Peer) {
        if self.shared.clients.fetch_add(1, Ordering::Relaxed) >= self.clients_max {
            self.shared.clients.fetch_sub(1, Ordering::Relaxed);
            return self.turn_away(stream, peer.listener);
        }
        self.insert(stream, peer);
    }

    #[inline(never)]
    fn insert(&mut self, mut stream: TcpStream, peer: Peer) {
        let token = self.engine.clients.insert(peer);
        let (word, interests) = (mio::Token(token.word()), Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = self.poll.registry().register(&mut stream, word, interests) {
            self.engine.disconnect(token, CloseReason::Reset);
            if peer.listener == Listener::Public {
                self.shared.clients.fetch_sub(1, Ordering::Relaxed);
            }
            let open = self.engine.clients.len();
            return match (peer.listener, &mut self.admin) {
                (Listener::Admin, Some(admin)) => admin.acceptor().pause(&error, open, self.now),
                _ => self.acceptor.pause(&error, open, self.now),
            };
        }
        if peer.listener == Listener::Public {
            self.engine.metrics.connections_accepted.add(1);
        }
        self.client_sockets.insert(token, stream, peer.listener);
    }

    /// Past `--max-clients`: an answer on a best effort, and no more spent on it. What the client
    /// sent so far is read first, or closing would reset the answer away.
    #[cold]
    fn turn_away(&mut self, mut stream: TcpStream, listener: Listener) {
        let (mut received, mut answer_bytes) = ([0; 1_024], Vec::new());
        let _ = socket::fill(&mut stream, &mut received);
        let turn = self.engine.clients.turn_mut();
        let cors = turn.settings.take_policy.cors();
        let lines = match http::parse(&received) {
            Ok(Some((request, _))) if listener == Listener::Public => cors.lines_for(&request),
            _ => listener.cors_lines(),
        };
        let fields = cors.bytes(lines);
        let answer = body::to_turned_away(&received, fields);
        answer.write(&turn.date, &mut answer_bytes);
        if listener == Listener::Public {
            self.engine.metrics.connections_rejected.add(1);
            self.engine.metrics.count_response(answer.status.code());
        }
        let _ = socket::flush(&mut stream, &answer_bytes);
        let _ = stream.shutdown(Shutdown::Write);
        debug!("too many clients: one turned away");
    }
}
