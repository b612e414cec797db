//! The limit of open files: as many clients as it allows.

use log::warn;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, StoreUrl};
use crate::limits::{
    DESCRIPTORS_OF_ADMIN, DESCRIPTORS_PER_PROCESS, DESCRIPTORS_PER_REACTOR, NODES_MAX,
};

/// As many clients as were asked for, if the system grants as many open files: the store must
/// never want for a descriptor because clients have them all.
pub fn clients_max(config: &Config) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = if raised.is_ok() { maximum } else { current };
    let admin = if config.admin.is_some() { DESCRIPTORS_OF_ADMIN } else { 0 };
    // In a Cluster each counter may be on another node.
    let nodes = match &config.store {
        StoreUrl::Redis(url) if url.asks_for_cluster() => {
            (config.counters.len() - 1).min(NODES_MAX)
        }
        _ => 0,
    };
    let kept = config.threads * (DESCRIPTORS_PER_REACTOR + nodes) + DESCRIPTORS_PER_PROCESS + admin;
    let open_files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let clients_max = config.clients_max.min(open_files.saturating_sub(kept).max(1));
    if clients_max < config.clients_max {
        let asked = config.clients_max;
        warn!(clients_max, asked, open_files; "fewer clients than asked for: raise ulimit -n");
    }
    clients_max
}
