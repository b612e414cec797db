//! The settings of the process: from the command line and the environment to final values.
//!
//! Raw text is read once, here; nothing after `main` sees a flag or a variable. The tables are
//! `config/command_table.rs` and `config/flags.rs`. No error, and no `Debug` or `Display`, shows a
//! password. Knows neither the process's arguments, nor its environment, nor the file system: all
//! are passed in.

mod admin;
mod allowed;
mod arguments;
mod command;
mod command_table;
mod counter_spec;
mod endpoint;
mod flag;
mod flags;
mod help;
mod postgres_hosts;
mod postgres_url;
mod query;
mod redis_url;
mod sentinel_url;
mod sentinels;
mod setting;
mod store_choice;
mod store_url;
mod suggestion;
mod take_rules;
mod text_file;
mod ticket;
mod tls;
mod value;
mod variables;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use arguments::Arguments;
use command_table::Verb;
use setting::{Sources, listen, store_timeout};
use store_choice::StoreChoice;
use take_rules::{is_key_field, is_origin};
use variables::Variables;

use crate::limits::{COUNTERS_MAX, ORIGINS_MAX};

pub use admin::{AdminConfig, AdminToken};
pub use command::{Action, Command, HealthCheck, Probe};
pub use counter_spec::{CounterSpec, CreatePolicy, is_counter_name};
pub use endpoint::{Endpoint, Secret};
pub use postgres_url::PostgresUrl;
pub use redis_url::RedisUrl;
pub use store_url::StoreUrl;
pub use take_rules::TakeMethods;
pub use ticket::{TicketConfig, TicketSecret};
pub use tls::{
    ChannelBinding, ClientIdentity, HAS_TLS, PemFile, Roots, TlsConfig, TlsDemand, Verification,
};
pub use value::ConfigError;

/// What a process that serves is to do, every value within its bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where HTTP is answered; port 0 is any free port.
    pub listen: SocketAddr,
    /// The admin listener; without one there is none.
    pub admin: Option<AdminConfig>,
    /// Where the count lives.
    pub store: StoreUrl,
    /// Whether the store's password is an argument, which other users of the machine can see.
    pub has_password_on_command_line: bool,
    /// What is served, 1 to [`COUNTERS_MAX`] of different names. The first one answers `/`.
    pub counters: Vec<CounterSpec>,
    /// Whether a counter that the store does not have is created.
    pub create: CreatePolicy,
    /// By which methods a number is taken.
    pub take_methods: TakeMethods,
    /// Whose pages may take and read though they come from elsewhere, at most [`ORIGINS_MAX`]: as
    /// browsers write an origin, or `*` for all.
    pub allow_origins: Vec<String>,
    /// The name of the field with the key of a take.
    pub key_header: String,
    /// Whether a take without a key is refused.
    pub is_key_required: bool,
    /// How a number's ticket is signed; without it there are no tickets.
    pub tickets: Option<TicketConfig>,
    /// The HTTP status of an answer past the limit.
    pub halted_status: u16,
    /// How long a request may wait for the store.
    pub store_timeout: Duration,
    /// Reactors, 1 to [`crate::limits::THREADS_MAX`].
    pub threads: usize,
    /// Clients of the whole process, 1 to [`crate::limits::CLIENTS_MAX`].
    pub clients_max: usize,
    /// How long a process that was told to stop still serves.
    pub drain_delay: Duration,
    /// Whether the line of a number says who took it.
    pub is_audited: bool,
}

/// What the program is asked to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Invocation {
    /// Answer HTTP until stopped.
    Serve(Config),
    /// Do this to the store, say what was done, and end.
    Command(Command),
    /// Ask a process on this host whether it is well, and end.
    Probe(Probe),
    /// Print this on stdout and exit with 0: `--help` or `--version`.
    Print(String),
}

impl Config {
    /// Reads the arguments that follow the program's name, and the variables of those settings
    /// that the arguments do not give. `cores` is how many of them the process may use.
    ///
    /// `read_file` is asked for the files that flags and the store's URL name. It need not read
    /// more than one byte past [`crate::limits::TLS_FILE_BYTES_MAX`].
    ///
    /// # Errors
    /// The first thing that is wrong and what is allowed, in one line.
    pub fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        read_file: impl Fn(&Path) -> io::Result<Vec<u8>>,
        cores: usize,
    ) -> Result<Invocation, ConfigError> {
        let given = match Arguments::split(arguments)? {
            Arguments::Run(given) => given,
            Arguments::Help(command) => return Ok(Invocation::Print(help::text(command, cores))),
            Arguments::Version => return Ok(Invocation::Print(help::version())),
        };
        let sources = Sources { given, variables: Variables::collect(environment)?, cores };
        match sources.given.command.verb {
            Verb::Serve => Config::read(&sources, read_file).map(Invocation::Serve),
            Verb::Probe => Probe::read(&sources).map(Invocation::Probe),
            Verb::Store(verb) => Command::read(&sources, verb, read_file).map(Invocation::Command),
        }
    }

    fn read(
        sources: &Sources,
        read_file: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Config, ConfigError> {
        let store = StoreChoice::find(sources, &read_file)?;
        let setting = |flag| sources.find_or_default(flag);
        Ok(Config {
            listen: listen(sources)?,
            admin: admin::admin(sources, &read_file)?,
            store: store.url,
            has_password_on_command_line: store.has_password_on_command_line,
            counters: counters(sources)?,
            create: create(sources)?,
            take_methods: take_methods(sources)?,
            allow_origins: allow_origins(sources)?,
            key_header: key_header(sources)?,
            is_key_required: sources.is_on(&flags::REQUIRE_KEY)?,
            tickets: ticket::tickets(sources, &read_file)?,
            halted_status: setting(&flags::HALTED_STATUS)?.number()?,
            store_timeout: store_timeout(sources)?,
            threads: setting(&flags::THREADS)?.number()?,
            clients_max: setting(&flags::MAX_CLIENTS)?.number()?,
            drain_delay: setting(&flags::DRAIN_DELAY)?.span()?.duration(),
            is_audited: sources.is_on(&flags::AUDIT)?,
        })
    }
}

fn create(sources: &Sources) -> Result<CreatePolicy, ConfigError> {
    let setting = sources.find_or_default(&flags::CREATE)?;
    CreatePolicy::parse(setting.text()).ok_or_else(|| setting.invalid())
}

fn take_methods(sources: &Sources) -> Result<TakeMethods, ConfigError> {
    let setting = sources.find_or_default(&flags::TAKE_METHODS)?;
    TakeMethods::parse(setting.text()).ok_or_else(|| setting.invalid())
}

fn key_header(sources: &Sources) -> Result<String, ConfigError> {
    let setting = sources.find_or_default(&flags::KEY_HEADER)?;
    match is_key_field(setting.text()) {
        true => Ok(setting.text().to_owned()),
        false => Err(setting.invalid()),
    }
}

fn allow_origins(sources: &Sources) -> Result<Vec<String>, ConfigError> {
    let mut origins = Vec::new();
    if sources.find(&flags::ALLOW_ORIGIN)?.is_none() {
        return Ok(origins);
    }
    for setting in sources.find_list(&flags::ALLOW_ORIGIN)? {
        if !is_origin(setting.text()) {
            return Err(setting.invalid());
        }
        if origins.len() == ORIGINS_MAX {
            let reason = format!("too many origins: expected {ORIGINS_MAX} or fewer");
            return Err(setting.refusal(reason));
        }
        origins.push(setting.text().to_owned());
    }
    Ok(origins)
}

fn counters(sources: &Sources) -> Result<Vec<CounterSpec>, ConfigError> {
    let limit_default = sources.find_or_default(&flags::LIMIT)?.number()?;
    let settings = sources.find_list(&flags::COUNTER)?;
    let mut counters: Vec<CounterSpec> = Vec::new();
    for setting in settings {
        if counters.len() == COUNTERS_MAX {
            let reason = format!("too many counters: expected {COUNTERS_MAX} or fewer");
            return Err(setting.refusal(reason));
        }
        let counter = CounterSpec::parse(setting.text(), limit_default);
        let counter = counter.ok_or_else(|| setting.invalid())?;
        if counters.iter().any(|other| other.name == counter.name) {
            return Err(setting.refusal(format!("counter {} given twice", counter.name)));
        }
        counters.push(counter);
    }
    Ok(counters)
}

#[cfg(test)]
mod tests;
