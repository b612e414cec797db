//! A store, or what sits in its place, that talks nonsense.

use super::{start, start_without_store, suffer};
use crate::support::daemon::Daemon;
use crate::support::load::Load;
use crate::support::proxy::{Fault, Proxy};
use crate::support::store_server::KINDS;

/// What one connection may take of an endless reply: far more than the program keeps, for the
/// kernel's buffers on both sides take their part.
const POURED_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[test]
fn a_store_that_is_loading_its_data_is_waited_out() {
    suffer_fault(Fault::Loading, &["loading"]);
}

#[test]
fn a_store_that_falls_silent_after_its_introduction_is_given_up() {
    suffer_fault(Fault::SilenceAfterHello, &["timeout"]);
}

#[test]
fn garbage_is_no_answer() {
    suffer_fault(Fault::Garbage, &["protocol"]);
}

#[test]
fn an_endless_reply_is_cut_off() {
    for poured_bytes in suffer_fault(Fault::EndlessReply, &["protocol"]) {
        assert!(poured_bytes < POURED_BYTES_MAX, "{poured_bytes} bytes were taken");
    }
}

#[test]
fn half_a_reply_is_no_answer() {
    suffer_fault(Fault::CutReply, &["unreachable"]);
}

#[test]
fn an_ask_that_ran_takes_nothing_more() {
    for kind in KINDS {
        let server = kind.start();
        let proxy = Proxy::start(kind, server.port(), Fault::None);
        // Time enough to ask again.
        let patience = ["--threads", "1", "--store-timeout", "10000"];
        let daemon = Daemon::start_with_store(&proxy.url(), &patience);
        let mut client = daemon.client();
        assert_eq!(client.get("/").number(), Some(1));
        proxy.set(Fault::CutReply);
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        daemon.wait_for_trouble(&["unreachable"]);
        proxy.set(Fault::None);
        // The store remembers its answers, and so was asked again.
        assert_eq!(client.receive().number(), Some(2), "{kind:?}");
        daemon.wait_until_ready();
        assert_eq!(server.counter("default"), Some((2, 100)), "{kind:?}");
        assert_eq!(client.get("/").number(), Some(3));
    }
}

#[test]
fn a_store_that_never_answers_the_handshake_leaves_the_program_alive_until_it_does() {
    let faults = [Fault::Loading, Fault::SilenceAfterHello, Fault::Garbage, Fault::CutReply];
    for kind in KINDS {
        let server = kind.start();
        for fault in faults {
            let proxy = Proxy::start(kind, server.port(), fault);
            let daemon = start_without_store(&proxy.url());
            let mut client = daemon.client();
            assert!(client.get("/").is_unavailable(), "{fault:?}");
            assert_eq!(client.get("/livez").status, 200, "{fault:?}");
            assert_eq!(client.get("/readyz").status, 503, "{fault:?}");
            proxy.set(Fault::None);
            daemon.wait_until_ready();
            let load = Load::start_gentle(daemon.address());
            load.wait_for_numbers(50);
            super::assert_sound(&load.stop());
        }
    }
}

/// Gives, for each store, the most bytes of an endless reply that one connection took.
fn suffer_fault(fault: Fault, reasons: &[&str]) -> [u64; 2] {
    KINDS.map(|kind| {
        let server = kind.start();
        let proxy = Proxy::start(kind, server.port(), Fault::None);
        let daemon = start(&proxy.url());
        suffer(&daemon, reasons, || proxy.set(fault), || proxy.set(Fault::None));
        proxy.poured_bytes_max()
    })
}
