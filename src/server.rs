//! The threads of the process: one a reactor, one for signals, one that commits to the file if
//! there is one, those for changes of the admin listener, and the first, which waits for reactors
//! and signals.

mod admin_changes;
pub mod commands;
mod events;
mod fd_limit;
mod file_change;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use log::{info, warn};
use mio::Waker;
use mio::net::TcpListener;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::api::admin::rules::AdminRules;
use crate::api::idempotency::KeyRules;
use crate::api::take_policy::TakePolicy;
use crate::api::ticket::TicketSigner;
use crate::config::{Config, CreatePolicy, StoreUrl, TakeMethods, TicketConfig};
use crate::counter::CounterId;
use crate::engine::shared::Shared;
use crate::engine::{Engine, Settings};
use crate::http::{Method, Status};
use crate::limits::{DRAIN_GRACE, DRAIN_TIMEOUT, LOG_FLUSH_TIMEOUT_AT_ONCE};
use crate::logging;
use crate::net::event_loop::EventLoop;
use crate::net::{committer, socket};
use crate::store::Store;
use crate::store::counters::Counters;
use crate::store::file;
use crate::store::file::committer::Committer;
use crate::store::file::file_disk::FileDisk;
use crate::store::file::served::CommitQueue;
use crate::store::memory::Memory;
use crate::store::open;
use events::{Event, Events};

/// Serves until SIGTERM or SIGINT, and for the drain delay after it; then until every client has
/// its answers, at most [`crate::limits::DRAIN_TIMEOUT`]. A second signal ends the process at once,
/// with status 1.
///
/// # Errors
/// An address cannot be listened on, or the system is out of something that cannot be waited for.
pub fn serve(config: &Config) -> io::Result<()> {
    let events = Arc::new(Events::default());
    watch_signals(Arc::clone(&events))?;
    let listeners = socket::listen(config.listen, config.threads)
        .map_err(|error| cannot_listen(config.listen, "--listen", &error))?;
    let address = listeners[0].local_addr()?;
    let specs = config.counters.iter().map(|spec| (spec.name.as_str(), spec.limit));
    let counters = Arc::new(Counters::new(specs, config.create == CreatePolicy::Missing));
    let shared = Arc::new(Shared::new(counters.len()));
    let clients_max = fd_limit::clients_max(config);
    let (stores, file) = open_stores(config, &counters, listeners.len())?;
    let mut reactors = reactors(config, listeners, stores, clients_max, &counters, &shared)?;
    let commits = file.as_ref().map(|file| Arc::clone(file.commits()));
    let admin_address = serve_admin(config, &mut reactors[0], &counters, commits)?;
    let wakers: Arc<[Arc<Waker>]> = reactors.iter().map(EventLoop::waker).collect();
    reactors.iter_mut().for_each(|reactor| reactor.meet(Arc::clone(&wakers)));
    let (address, store) = (address.to_string(), config.store.to_string());
    let (threads, first) = (config.threads, counters.get(CounterId::FIRST));
    let (counter, limit) = (first.name.as_str(), first.limit);
    let version = env!("CARGO_PKG_VERSION");
    info!(address, threads, store, counters = counters.len(), counter, limit, clients_max, version;
        "listening");
    if let Some(address) = admin_address {
        let (address, changes) =
            (address.to_string(), config.admin.as_ref().is_some_and(|it| it.token.is_some()));
        info!(address, changes; "admin listening");
    }
    if let Some(committer) = file {
        start_committer(committer, Arc::clone(&wakers), Arc::clone(&events))?;
    }
    for (index, reactor) in reactors.into_iter().enumerate() {
        let events = Arc::clone(&events);
        thread::Builder::new().name(format!("reactor-{index}")).spawn(move || {
            events.push(Event::ReactorEnded(reactor.run()));
        })?;
    }
    supervise(&events, &shared, &wakers, config.drain_delay)
}

/// Starts the thread that commits to the file. It ends when all reactors have; before that only
/// with an error, and then so does the process.
fn start_committer(
    committer: Committer<FileDisk>,
    wakers: Arc<[Arc<Waker>]>,
    events: Arc<Events>,
) -> io::Result<()> {
    thread::Builder::new().name("committer".to_owned()).spawn(move || {
        if let Err(error) = committer::run(committer, &wakers) {
            events.push(Event::ReactorEnded(Err(error)));
        }
    })?;
    Ok(())
}

fn supervise(
    events: &Events,
    shared: &Shared,
    wakers: &[Arc<Waker>],
    drain_delay: Duration,
) -> io::Result<()> {
    let mut running = wakers.len();
    let mut deadline = None;
    while running > 0 {
        let event = events.next(deadline);
        match event.ok_or_else(|| io::Error::other("a reactor did not stop"))? {
            Event::ReactorEnded(result) => {
                result?;
                running -= 1;
            }
            Event::Hangup => info!("SIGHUP ignored: there is nothing to reload"),
            Event::Stop if shared.draining.swap(true, Ordering::Relaxed) => {
                warn!("a second signal: stopping at once");
                crate::logging::flush(LOG_FLUSH_TIMEOUT_AT_ONCE);
                std::process::exit(1);
            }
            Event::Stop => {
                let drain_delay_ms = drain_delay.as_millis();
                info!(drain_delay_ms; "stopping: finishing what is in flight");
                deadline = Some(Instant::now() + drain_delay + DRAIN_TIMEOUT + DRAIN_GRACE);
                for waker in wakers {
                    waker.wake()?;
                }
            }
        }
    }
    info!("stopped");
    Ok(())
}

fn watch_signals(events: Arc<Events>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let event = if signal == SIGHUP { Event::Hangup } else { Event::Stop };
            events.push(event);
        }
    })?;
    Ok(())
}

/// The stores of so many reactors; of a file also what commits to it.
fn open_stores(
    config: &Config,
    counters: &Arc<Counters>,
    reactors: usize,
) -> io::Result<(Vec<Store>, Option<Committer<FileDisk>>)> {
    let (timeout, now_us) = (config.store_timeout, committer::now_us());
    if let StoreUrl::File(path) = &config.store {
        let seed = open::random()?;
        let file =
            file::open::serve(path, counters, reactors, timeout, seed, (Instant::now(), now_us))?;
        return Ok((file.stores.into_iter().map(Store::File).collect(), Some(file.committer)));
    }
    let memory = Memory::new(counters.ids().map(|id| counters.get(id).limit), now_us);
    let stores = open::stores(&config.store, counters, &memory, timeout, reactors, Instant::now())?;
    Ok((stores, None))
}

fn reactors(
    config: &Config,
    listeners: Vec<TcpListener>,
    stores: Vec<Store>,
    clients_max: usize,
    counters: &Arc<Counters>,
    shared: &Arc<Shared>,
) -> io::Result<Vec<EventLoop>> {
    let settings = Settings {
        halted_status: Status::from_code(config.halted_status)
            .expect("config allows only statuses that http knows"),
        store_timeout: config.store_timeout,
        admin_rules: Arc::new(admin_rules(config)),
        take_policy: Arc::new(take_policy(config)),
        tickets: config.tickets.as_ref().map(ticket_signer),
        is_audited: config.is_audited,
    };
    let now = Instant::now();
    let mut reactors = Vec::new();
    for (listener, store) in listeners.into_iter().zip(stores) {
        let engine =
            Engine::new(store, Arc::clone(counters), settings.clone(), Arc::clone(shared), now);
        let shared = Arc::clone(shared);
        let reactor = EventLoop::new(listener, engine, shared, clients_max, config.drain_delay)?;
        reactors.push(reactor);
    }
    Ok(reactors)
}

/// Who may do what at the admin listener. A token is compared there, and shown nowhere.
fn admin_rules(config: &Config) -> AdminRules {
    let Some(admin) = &config.admin else {
        return AdminRules::default();
    };
    let token = admin.token.as_ref().map(|token| token.bytes().to_vec());
    AdminRules { token, is_loopback: admin.listen.ip().to_canonical().is_loopback() }
}

/// It knows the secret, and says at the start by which `kid` a checkout finds the same one.
fn ticket_signer(config: &TicketConfig) -> TicketSigner {
    let (issuer, ttl_s) = (config.issuer.as_str(), config.ttl_s);
    let signer = TicketSigner::new(config.secret.bytes(), issuer, ttl_s);
    let kid = signer.kid();
    info!(kid, issuer, ttl_s; "numbers come with tickets");
    signer
}

fn take_policy(config: &Config) -> TakePolicy {
    let TakeMethods { get, post } = config.take_methods;
    let methods = [get.then_some(Method::Get), post.then_some(Method::Post)];
    let methods: Vec<Method> = methods.into_iter().flatten().collect();
    let keys = KeyRules::new(&config.key_header, config.is_key_required);
    TakePolicy::new(&methods, &config.allow_origins, keys)
}

/// Has a reactor serve the admin listener, if one is asked for, and gives its address.
fn serve_admin(
    config: &Config,
    reactor: &mut EventLoop,
    counters: &Arc<Counters>,
    commits: Option<Arc<CommitQueue>>,
) -> io::Result<Option<SocketAddr>> {
    let Some(admin) = &config.admin else {
        return Ok(None);
    };
    let mut listeners = socket::listen(admin.listen, 1)
        .map_err(|error| cannot_listen(admin.listen, "--admin-listen", &error))?;
    let listener = listeners.remove(0);
    let address = listener.local_addr()?;
    let changes = admin_changes::start(config, counters, commits, reactor.waker())?;
    reactor.serve_admin(listener, changes, logging::lines_dropped_total)?;
    Ok(Some(address))
}

fn cannot_listen(address: SocketAddr, flag: &str, error: &io::Error) -> io::Error {
    let words = match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there",
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address",
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege",
        _ => "the system refused",
    };
    let kind = error.kind();
    io::Error::new(kind, format!("cannot listen on {address}: {words} ({error}); see {flag}"))
}
