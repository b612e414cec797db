//! The table of commands: what each takes, and what its help says of it.
//!
//! Knows the flags, and nothing of arguments.

use super::flag::Flag;
use super::flags;

/// One command.
pub(super) struct CommandSpec {
    pub(super) verb: Verb,
    pub(super) name: &'static str,
    /// The counter's name behind it.
    pub(super) operand: Operand,
    pub(super) flags: &'static [&'static Flag],
    /// The flags of its usage line.
    pub(super) usage: &'static str,
    /// One line for the list of commands.
    pub(super) summary: &'static str,
    /// Sentences for its own help.
    pub(super) about: &'static str,
    /// What exit code 0 means, and what 1 does.
    pub(super) success: &'static str,
    pub(super) failure: &'static str,
    pub(super) example: &'static str,
}

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Serve,
    Probe,
    Store(StoreVerb),
}

/// What a command does to a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StoreVerb {
    Create,
    Set,
    Reset,
    Status,
}

/// Whether a counter's name follows a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operand {
    Unexpected,
    Optional,
    Required,
}

/// The one that runs when none is written.
pub(super) static SERVE: CommandSpec = CommandSpec {
    verb: Verb::Serve,
    name: "serve",
    operand: Operand::Unexpected,
    flags: &[
        &flags::LISTEN,
        &flags::ADMIN_LISTEN,
        &flags::ADMIN_TOKEN_FILE,
        &flags::STORE,
        &flags::STORE_URL_FILE,
        &flags::COUNTER,
        &flags::LIMIT,
        &flags::CREATE,
        &flags::TAKE_METHODS,
        &flags::ALLOW_ORIGIN,
        &flags::KEY_HEADER,
        &flags::REQUIRE_KEY,
        &flags::TICKET_SECRET_FILE,
        &flags::TICKET_ISSUER,
        &flags::TICKET_TTL,
        &flags::HALTED_STATUS,
        &flags::STORE_TIMEOUT,
        &flags::THREADS,
        &flags::MAX_CLIENTS,
        &flags::DRAIN_DELAY,
        &flags::AUDIT,
    ],
    usage: "[FLAG]...",
    summary: "answers HTTP until stopped; this word may be left out",
    about: "\
Hands out the numbers from 1 to a limit over HTTP, each exactly once, and tells
every request after that to go away.
",
    success: "stopped by SIGTERM or SIGINT, or printed what was asked for",
    failure: "could not start or go on, such as when the port is in use",
    example: "headcount --listen 0.0.0.0:8080 --store redis://localhost --counter shoes=500",
};

static CREATE: CommandSpec = CommandSpec {
    verb: Verb::Store(StoreVerb::Create),
    name: "create",
    operand: Operand::Required,
    flags: &[&flags::NEW_LIMIT, &flags::STORE, &flags::STORE_URL_FILE, &flags::STORE_TIMEOUT],
    usage: "--limit N [FLAG]...",
    summary: "creates a counter in the store",
    about: "\
Creates a counter in the store, with nothing taken; in PostgreSQL its tables
too. One that is there with the same limit is left as it is. One that was lost
is not created: set --taken goes on with it, and reset begins it anew.
",
    success: "the counter is there with this limit",
    failure: "it has another limit or was lost, or the store could not do it",
    example: "headcount create shoes --limit 500 --store redis://localhost",
};

static SET: CommandSpec = CommandSpec {
    verb: Verb::Store(StoreVerb::Set),
    name: "set",
    operand: Operand::Required,
    flags: &[
        &flags::NEW_LIMIT,
        &flags::TAKEN,
        &flags::STORE,
        &flags::STORE_URL_FILE,
        &flags::STORE_TIMEOUT,
    ],
    usage: "[--limit N] [--taken N] [FLAG]...",
    summary: "changes a counter's limit, or how many of its numbers are taken",
    about: "\
Changes the limit of a counter, or how many of its numbers are taken, or both.
A limit below what is taken closes the counter at what is taken. Processes that
serve the counter follow at once.
",
    success: "the counter is changed",
    failure: "it is not, or the store did not answer; the error says which",
    example: "headcount set shoes --limit 600 --store redis://localhost",
};

static RESET: CommandSpec = CommandSpec {
    verb: Verb::Store(StoreVerb::Reset),
    name: "reset",
    operand: Operand::Required,
    flags: &[
        &flags::NEW_LIMIT,
        &flags::YES,
        &flags::STORE,
        &flags::STORE_URL_FILE,
        &flags::STORE_TIMEOUT,
    ],
    usage: "[--limit N] [--yes] [FLAG]...",
    summary: "begins a counter anew at 1",
    about: "\
Begins a counter anew at 1: every number is handed out a second time. Its limit
stays, unless --limit is given. Processes that serve it follow at once. On a
terminal it asks whether that is meant; elsewhere it needs --yes.
",
    success: "the counter is reset",
    failure: "it is not, or the store did not answer; the error says which",
    example: "headcount reset shoes --yes --store redis://localhost",
};

static STATUS: CommandSpec = CommandSpec {
    verb: Verb::Store(StoreVerb::Status),
    name: "status",
    operand: Operand::Optional,
    flags: &[&flags::JSON, &flags::STORE, &flags::STORE_URL_FILE, &flags::STORE_TIMEOUT],
    usage: "[--json] [FLAG]...",
    summary: "prints what the store holds of a counter, or of all",
    about: "\
Prints what the store holds of one counter, or of all, sorted by name. It only
reads. A counter that cannot be taken from is printed with the reason.
",
    success: "printed",
    failure: "no such counter, one cannot be taken from, or the store did not answer",
    example: "headcount status shoes --store redis://localhost",
};

static PROBE: CommandSpec = CommandSpec {
    verb: Verb::Probe,
    name: "probe",
    operand: Operand::Unexpected,
    flags: &[&flags::READY, &flags::LISTEN],
    usage: "[--ready] [FLAG]...",
    summary: "asks a process of this host whether it is well",
    about: "\
Asks the process that listens on --listen whether it is alive, or with --ready
whether it is ready: a health check for a container without a shell. A process
that listens on all addresses, 0.0.0.0 or [::], is asked on loopback.
",
    success: "it is well",
    failure: "it is not, or it did not answer",
    example: "headcount probe --ready --listen 127.0.0.1:8080",
};

/// In the order of `--help`.
pub(super) static COMMANDS: [&CommandSpec; 6] = [&SERVE, &CREATE, &SET, &RESET, &STATUS, &PROBE];

/// The command with this name.
pub(super) fn find(name: &str) -> Option<&'static CommandSpec> {
    COMMANDS.into_iter().find(|command| command.name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.into_iter().map(|command| command.name)
}

impl CommandSpec {
    /// The command as it is written, with its operand: `headcount reset NAME`.
    pub(super) fn form(&self) -> String {
        let operand = match self.operand {
            Operand::Unexpected => "",
            Operand::Optional => " [NAME]",
            Operand::Required => " NAME",
        };
        format!("headcount {}{operand}", self.name)
    }

    /// Where its help is, for the end of an error.
    pub(super) fn see_help(&self) -> String {
        match self.verb {
            Verb::Serve => "see --help".to_owned(),
            _ => format!("see headcount {} --help", self.name),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.name == name)
    }
}
