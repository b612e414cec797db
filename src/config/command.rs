//! What a command is asked to do, as a value.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::allowed::NAME_ALLOWED;
use super::command_table::StoreVerb;
use super::counter_spec::{CounterSpec, is_counter_name};
use super::flag::Flag;
use super::flags;
use super::setting::{Sources, listen, store_timeout};
use super::store_choice::StoreChoice;
use super::store_url::StoreUrl;
use super::value::{ConfigError, quoted, refuse};

/// Something to be done to the counters in a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Where the counters live.
    pub store: StoreUrl,
    /// Whether the store's password is an argument, which other users of the machine can see.
    pub has_password_on_command_line: bool,
    /// How long each request may wait for the store.
    pub store_timeout: Duration,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done to a counter. Names are checked, and numbers are 0 to
/// [`crate::limits::LIMIT_MAX`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Create it, or find it there with the same limit.
    Create(CounterSpec),
    /// Change its limit; this begins no epoch.
    SetLimit {
        /// The counter.
        name: String,
        /// Its new limit.
        limit: u64,
    },
    /// Change how many of its numbers are taken; this begins an epoch.
    SetTaken {
        /// The counter.
        name: String,
        /// The last number that counts as handed out.
        taken: u64,
        /// Its new limit; without one it stays.
        limit: Option<u64>,
    },
    /// Begin it anew at 1; this begins an epoch.
    Reset {
        /// The counter.
        name: String,
        /// Its new limit; without one it stays.
        limit: Option<u64>,
        /// Whether the operator need not be asked.
        yes: bool,
    },
    /// Print what the store holds.
    Status {
        /// The counter; without one all that the store has.
        name: Option<String>,
        /// As JSON.
        json: bool,
    },
}

/// A question to a process that serves on this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// Where it is asked: never on all addresses, and never at port 0.
    pub address: SocketAddr,
    /// What it is asked.
    pub check: HealthCheck,
}

/// What a process may be asked of its health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HealthCheck {
    /// Whether it runs: `/livez`.
    Live,
    /// Whether it can hand out numbers: `/readyz`.
    Ready,
}

impl Command {
    pub(super) fn read(
        sources: &Sources,
        verb: StoreVerb,
        read_file: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Command, ConfigError> {
        let action = Action::read(sources, verb)?;
        let StoreChoice { url, has_password_on_command_line } =
            StoreChoice::find(sources, &read_file)?;
        let store_timeout = store_timeout(sources)?;
        Ok(Command { store: url, has_password_on_command_line, store_timeout, action })
    }
}

impl Action {
    fn read(sources: &Sources, verb: StoreVerb) -> Result<Action, ConfigError> {
        let limit = number(sources, &flags::NEW_LIMIT)?;
        Ok(match verb {
            StoreVerb::Create => {
                let name = counter_name(sources)?;
                let limit = limit.ok_or_else(|| missing(sources, "--limit N"))?;
                Action::Create(CounterSpec { name, limit })
            }
            StoreVerb::Set => {
                let name = counter_name(sources)?;
                match (number(sources, &flags::TAKEN)?, limit) {
                    (Some(taken), limit) => Action::SetTaken { name, taken, limit },
                    (None, Some(limit)) => Action::SetLimit { name, limit },
                    (None, None) => return Err(missing(sources, "--limit N or --taken N")),
                }
            }
            StoreVerb::Reset => {
                let (name, yes) = (counter_name(sources)?, sources.has(&flags::YES));
                Action::Reset { name, limit, yes }
            }
            StoreVerb::Status => {
                let (name, json) = (optional_counter_name(sources)?, sources.has(&flags::JSON));
                Action::Status { name, json }
            }
        })
    }
}

impl Probe {
    pub(super) fn read(sources: &Sources) -> Result<Probe, ConfigError> {
        let mut address = listen(sources)?;
        if address.port() == 0 {
            let reason = "port 0 is any free port: expected the port that the process listens on";
            return Err(sources.find_or_default(&flags::LISTEN)?.refusal(reason));
        }
        // All addresses of a host are no destination.
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            ip if ip.to_canonical().is_unspecified() => {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            _ => {}
        }
        let is_ready = sources.has(&flags::READY);
        let check = if is_ready { HealthCheck::Ready } else { HealthCheck::Live };
        Ok(Probe { address, check })
    }
}

fn number(sources: &Sources, flag: &'static Flag) -> Result<Option<u64>, ConfigError> {
    sources.find(flag)?.map(|setting| setting.number()).transpose()
}

fn counter_name(sources: &Sources) -> Result<String, ConfigError> {
    optional_counter_name(sources)?.ok_or_else(|| missing(sources, "NAME of a counter"))
}

fn optional_counter_name(sources: &Sources) -> Result<Option<String>, ConfigError> {
    let Some(operand) = &sources.given.operand else { return Ok(None) };
    match operand.to_str() {
        Some(name) if is_counter_name(name) => Ok(Some(name.to_owned())),
        Some(name) => {
            refuse(format!("NAME: invalid value {}: expected {NAME_ALLOWED}", quoted(name)))
        }
        None => refuse(format!("NAME: invalid value (not UTF-8): expected {NAME_ALLOWED}")),
    }
}

fn missing(sources: &Sources, what: &str) -> ConfigError {
    let command = sources.given.command;
    ConfigError::new(format!("{}: missing {what}; {}", command.name, command.see_help()))
}
