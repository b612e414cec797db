//! Clients that mean no good: what they cost the engine, and that they cost the others nothing.

mod crowd;
mod descriptors;
mod flood;
mod stalling;

use std::net::TcpStream;
use std::time::Duration;

use headcount::limits::{
    HEAD_BYTES_MAX, LOG_BYTES_MAX, OUTBOUND_BYTES_MAX, PIPELINED_MAX, READ_BYTES_MAX,
};

use crate::support::daemon::Daemon;
use crate::support::probe::Probe;
use crate::support::process::raise_open_files;
use crate::support::wait::wait_until;

/// More than any of these tests takes.
const LIMIT: &str = "100000000";

const TAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

/// Within this time everybody else is answered: without a siege it is a millisecond, so this is
/// what a busy machine with few processors adds.
const SERVED_WITHIN: Duration = Duration::from_secs(3);

/// What one client may cost, whatever it does: one read and one head that wait, the answers that
/// it does not take, each in a vector that may have grown to twice of it, and its own state.
const CLIENT_BYTES_MAX: usize =
    2 * (HEAD_BYTES_MAX + READ_BYTES_MAX) + 2 * (OUTBOUND_BYTES_MAX + 256 * PIPELINED_MAX) + 1_024;

/// What the process may cost beside its clients: lines of the log that wait, in two vectors that
/// may have grown to twice of it, and the allocator's waste.
const PROCESS_BYTES_MAX: usize = 4 * LOG_BYTES_MAX + 4 * 1_024 * 1_024;

/// What `--max-clients` says in a siege. Those who were reset count until the program sees it, so
/// that there are more of them at times than of the besiegers.
const CLIENTS_MAX: usize = 1_000;

/// Runs `attack` with up to `clients` clients at a time on a program, and checks the three things
/// that it may not change: others are served throughout, memory stays within the bound of so many
/// clients, and afterwards the service is as before.
fn besiege(clients: usize, attack: impl FnOnce(&Daemon)) {
    let clients_max = CLIENTS_MAX.to_string();
    let arguments = ["--limit", LIMIT, "--threads", "2", "--max-clients", &clients_max];
    raise_open_files(CLIENTS_MAX as u64);
    let daemon = Daemon::start(&arguments);
    let memory_before = daemon.vitals().memory_bytes();
    let probe = Probe::start(daemon.address());
    attack(&daemon);
    let sight = probe.stop();
    let slowest = sight.slowest();
    assert!(slowest < SERVED_WITHIN, "somebody else waited {slowest:?}");
    let is_rising = sight.numbers.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(is_rising, "not in order: {:?}", sight.numbers);
    let growth = daemon.vitals().memory_peak_bytes() - memory_before;
    let bound = clients * CLIENT_BYTES_MAX + PROCESS_BYTES_MAX;
    eprintln!("{growth} of {bound} bytes, slowest {slowest:?}");
    assert!(growth <= bound as u64, "{growth} bytes for {clients} clients");
    assert_all_places_are_free(&daemon, CLIENTS_MAX);
}

/// As many clients as the program takes are served at the same time: none of those before them
/// has kept a place.
fn assert_all_places_are_free(daemon: &Daemon, clients: usize) {
    wait_until("every place to be free again", || {
        let mut crowd: Vec<_> = (0..clients).map(|_| daemon.client()).collect();
        crowd.iter_mut().all(|client| {
            let answer = client.try_send(LIVEZ).and_then(|()| client.try_receive());
            answer.is_ok_and(|answer| answer.status == 200)
        })
    });
}

/// A connection that never waits for the other side.
fn connect_impatient(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.address()).expect("the program accepts connections");
    stream.set_nonblocking(true).expect("the socket is open");
    stream
}
