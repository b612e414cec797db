//! The table of flags: each setting is said once, here, and `--help`, the variables of the
//! environment, the defaults, the ranges and the errors follow from it.
//!
//! Knows nothing of arguments, nor of what a value becomes.

use std::fmt::{self, Write};

use super::store_url;
use super::value::whole_number;
use crate::limits;

/// One setting: a flag with a value, and the variable that stands in for it.
pub(super) struct Flag {
    /// Without its two dashes.
    pub(super) name: &'static str,
    pub(super) variable: &'static str,
    metavariable: &'static str,
    default: DefaultValue,
    pub(super) allowed: Allowed,
    help: &'static str,
}

/// What a setting is when nobody sets it; read like a value that was given.
enum DefaultValue {
    Text(&'static str),
    Number(u64),
    /// The cores that the process may use.
    Cores,
}

/// What a value may be; shown in words.
pub(super) enum Allowed {
    /// A whole number from the first to the second.
    Range(u64, u64),
    /// One of a few numbers.
    OneOf(&'static [u16]),
    /// So many bytes at most of `A-Z a-z 0-9 . _ -`, and at least one.
    Name(usize),
    /// A form that `config` knows, in words.
    Form(&'static str),
}

pub(super) static LISTEN: Flag = Flag {
    name: "listen",
    variable: "HEADCOUNT_LISTEN",
    metavariable: "ADDR",
    default: DefaultValue::Text("127.0.0.1:8080"),
    allowed: Allowed::Form("IP:port or [IPv6]:port"),
    help: "where HTTP is answered; port 0 is any free port",
};

pub(super) static STORE: Flag = Flag {
    name: "store",
    variable: "HEADCOUNT_STORE",
    metavariable: "URL",
    default: DefaultValue::Text("memory:"),
    allowed: Allowed::Form("a store URL such as memory: or redis://localhost"),
    help: "where the count lives",
};

pub(super) static LIMIT: Flag = Flag {
    name: "limit",
    variable: "HEADCOUNT_LIMIT",
    metavariable: "N",
    default: DefaultValue::Number(limits::LIMIT_DEFAULT),
    allowed: Allowed::Range(1, limits::LIMIT_MAX),
    help: "the last number, of a counter that is created",
};

pub(super) static COUNTER: Flag = Flag {
    name: "counter",
    variable: "HEADCOUNT_COUNTER",
    metavariable: "NAME",
    default: DefaultValue::Text("default"),
    allowed: Allowed::Name(limits::COUNTER_NAME_BYTES_MAX),
    help: "the counter's name in the store",
};

pub(super) static THREADS: Flag = Flag {
    name: "threads",
    variable: "HEADCOUNT_THREADS",
    metavariable: "N",
    default: DefaultValue::Cores,
    allowed: Allowed::Range(1, limits::THREADS_MAX as u64),
    help: "reactors, each a thread with a store connection",
};

pub(super) static HALTED_STATUS: Flag = Flag {
    name: "halted-status",
    variable: "HEADCOUNT_HALTED_STATUS",
    metavariable: "CODE",
    default: DefaultValue::Number(200),
    allowed: Allowed::OneOf(&[200, 403, 409, 410, 429, 503]),
    help: "HTTP status of an answer past the limit",
};

pub(super) static STORE_TIMEOUT: Flag = Flag {
    name: "store-timeout",
    variable: "HEADCOUNT_STORE_TIMEOUT",
    metavariable: "MS",
    default: DefaultValue::Number(limits::STORE_TIMEOUT_MS_DEFAULT),
    allowed: Allowed::Range(limits::STORE_TIMEOUT_MS_MIN, limits::STORE_TIMEOUT_MS_MAX),
    help: "milliseconds that a request waits for the store",
};

pub(super) static MAX_CLIENTS: Flag = Flag {
    name: "max-clients",
    variable: "HEADCOUNT_MAX_CLIENTS",
    metavariable: "N",
    default: DefaultValue::Number(limits::CLIENTS_DEFAULT as u64),
    allowed: Allowed::Range(1, limits::CLIENTS_MAX as u64),
    help: "clients connected at once, over all threads",
};

/// An argument that goes with [`RESET`] alone, and stands with it in the help: no variable gives
/// it, and it has no default.
pub(super) static TAKEN: Flag = Flag {
    name: "taken",
    variable: "HEADCOUNT_TAKEN",
    metavariable: "N",
    default: DefaultValue::Number(0),
    allowed: Allowed::Range(0, limits::LIMIT_MAX),
    help: "with --reset: go on after N, 0 to 9007199254740991",
};

/// In the order of `--help`.
pub(super) static FLAGS: [&Flag; 8] =
    [&LISTEN, &STORE, &LIMIT, &COUNTER, &THREADS, &HALTED_STATUS, &STORE_TIMEOUT, &MAX_CLIENTS];

/// The flags that take no value and have no variable, two of them with a letter.
pub(super) const RESET: &str = "reset";
/// See [`RESET`].
pub(super) const HELP: (&str, char) = ("help", 'h');
pub(super) const VERSION: (&str, char) = ("version", 'V');

impl Flag {
    /// The text that stands for a value nobody gave.
    pub(super) fn default_text(&self, cores: usize) -> String {
        match self.default {
            DefaultValue::Text(text) => text.to_owned(),
            DefaultValue::Number(number) => number.to_string(),
            DefaultValue::Cores => cores.clamp(1, limits::THREADS_MAX).to_string(),
        }
    }
}

impl Allowed {
    /// The number that `text` is, if it is allowed.
    pub(super) fn number(&self, text: &str) -> Option<u64> {
        whole_number(text).filter(|&number| match self {
            Allowed::Range(min, max) => (*min..=*max).contains(&number),
            Allowed::OneOf(numbers) => numbers.iter().any(|&one| u64::from(one) == number),
            Allowed::Name(_) | Allowed::Form(_) => false,
        })
    }

    /// Whether `text` is an allowed name.
    pub(super) fn has_name(&self, text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        match self {
            Allowed::Name(bytes_max) => {
                (1..=*bytes_max).contains(&text.len()) && text.bytes().all(plain)
            }
            Allowed::Range(..) | Allowed::OneOf(_) | Allowed::Form(_) => false,
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Range(min, max) => write!(formatter, "a whole number from {min} to {max}"),
            Allowed::OneOf(numbers) => {
                let words: Vec<String> = numbers.iter().map(u16::to_string).collect();
                write!(formatter, "one of {}", words.join(", "))
            }
            Allowed::Name(bytes_max) => write!(formatter, "1 to {bytes_max} of A-Z a-z 0-9 . _ -"),
            Allowed::Form(words) => formatter.write_str(words),
        }
    }
}

/// The text of `--version`.
pub(super) fn version_text() -> String {
    format!("headcount {}\n", env!("CARGO_PKG_VERSION"))
}

/// The text of `--help`, at most 79 columns wide.
pub(super) fn help_text(cores: usize) -> String {
    let mut text = String::from(HELP_HEAD);
    for flag in FLAGS {
        let left = format!("--{} {}", flag.name, flag.metavariable);
        let default = flag.default_text(cores);
        help_line(&mut text, &left, flag.help);
        help_line(&mut text, "", &flag.allowed.to_string());
        help_line(&mut text, "", &format!("{} [default: {default}]", flag.variable));
    }
    help_line(&mut text, &format!("--{RESET}"), "begin the counter anew at 1, and end; its limit");
    help_line(&mut text, "", "stays, unless --limit is among the arguments");
    let taken = format!("--{} {}", TAKEN.name, TAKEN.metavariable);
    help_line(&mut text, &taken, TAKEN.help);
    help_line(&mut text, &format!("-{}, --{}", VERSION.1, VERSION.0), "print the version");
    help_line(&mut text, &format!("-{}, --{}", HELP.1, HELP.0), "print this help");
    text.push_str("\nStore URLs:\n");
    for form in store_url::FORMS {
        text.push_str("  ");
        text.push_str(form);
        text.push('\n');
    }
    text.push_str(HELP_TAIL);
    text
}

fn help_line(text: &mut String, left: &str, right: &str) {
    writeln!(text, "  {left:<22} {right}").expect("a String takes all that is written to it");
}

const HELP_HEAD: &str = "\
Hands out the numbers from 1 to a limit over HTTP, each exactly once, and tells
every request after that to go away.

Usage: headcount [FLAG]...

Flags, each with the environment variable that stands in for it:
";

const HELP_TAIL: &str = "
A user or password has its / ? # @ : & and % written as %2F %3F %23 %40 %3A %26
and %25. valkey:// is redis://, and postgresql:// is postgres://; there the
user is postgres, and the db has the user's name, unless given.

Environment:
  A flag wins over its variable; an empty variable counts as unset.
  RUST_LOG says what is logged: error, warn, info (the default), debug, trace
  or off, or one of them for a module: RUST_LOG=warn,headcount::net=debug

Exit codes:
  0  stopped by SIGTERM or SIGINT, or printed what was asked for
  1  could not start or go on, such as when the port is in use; did not reset
  2  a flag, a variable or a value is wrong

Example:
  headcount --listen 0.0.0.0:8080 --store redis://localhost --limit 500
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_after_its_flag_and_no_name_comes_twice() {
        for flag in FLAGS {
            let variable = format!("HEADCOUNT_{}", flag.name.replace('-', "_").to_uppercase());
            assert_eq!(flag.variable, variable);
            assert_eq!(FLAGS.iter().filter(|other| other.name == flag.name).count(), 1);
        }
    }

    #[test]
    fn every_default_number_is_allowed() {
        for flag in FLAGS {
            let default = flag.default_text(1_000);
            let text_allowed = match flag.allowed {
                Allowed::Range(..) | Allowed::OneOf(_) => flag.allowed.number(&default).is_some(),
                Allowed::Name(_) => flag.allowed.has_name(&default),
                Allowed::Form(_) => true,
            };
            assert!(text_allowed, "--{} {default}", flag.name);
        }
    }

    #[test]
    fn help_names_every_flag_and_fits_eighty_columns() {
        let text = help_text(2);
        for flag in FLAGS {
            assert!(text.contains(&format!("  --{} {} ", flag.name, flag.metavariable)), "{text}");
            let default = format!(" {} [default: {}]\n", flag.variable, flag.default_text(2));
            assert!(text.contains(&default), "{text}");
        }
        for words in [
            "-h, --help",
            "-V, --version",
            "RUST_LOG",
            "Exit codes:",
            "redis+unix://",
            "postgres://",
        ] {
            assert!(text.contains(words), "{words} is missing in {text}");
        }
        for line in text.lines() {
            assert!(line.chars().count() < 80, "{line}");
            assert_eq!(line, line.trim_end());
        }
        assert!(text.ends_with('\n'));
    }
}
