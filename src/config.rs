//! The settings of the process: from the command line and the environment to final values.
//!
//! Raw text is read once, here; nothing after `main` sees a flag or a variable. The table of
//! settings is `config/flags.rs`. No error, and no `Debug` or `Display`, shows a password.
//! Knows neither the process's arguments nor its environment: both are passed in.

mod arguments;
mod endpoint;
mod flags;
mod postgres_url;
mod store_url;
mod value;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use arguments::{Arguments, Setting};
use flags::Flag;

pub use endpoint::{Endpoint, Secret};
pub use postgres_url::PostgresUrl;
pub use store_url::{RedisUrl, StoreUrl};
pub use value::ConfigError;

/// What an operator chose, every value within its bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Where HTTP is answered; port 0 is any free port.
    pub listen: SocketAddr,
    /// Where the count lives.
    pub store: StoreUrl,
    /// The last number that is handed out, 1 to [`crate::limits::LIMIT_MAX`].
    pub limit: u64,
    /// The counter's name in the store: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub counter: String,
    /// Reactors, 1 to [`crate::limits::THREADS_MAX`].
    pub threads: usize,
    /// The HTTP status of an answer past the limit.
    pub halted_status: u16,
    /// How long a request may wait for the store.
    pub store_timeout: Duration,
    /// Clients of the whole process, 1 to [`crate::limits::CLIENTS_MAX`].
    pub clients_max: usize,
}

/// What the process is asked to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Invocation {
    /// Answer HTTP until stopped.
    Serve(Config),
    /// Begin an epoch of the counter, and end.
    Reset(Config, ResetTo),
    /// Print this on stdout and exit with 0: `--help` or `--version`.
    Print(String),
}

/// What a counter is reset to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResetTo {
    /// The limit, if an argument gives it; else the one in the store stays.
    pub limit: Option<u64>,
    /// How many numbers are taken, if that is given; else none are.
    pub taken: Option<u64>,
}

impl Config {
    /// Reads the arguments that follow the program's name, and the variables of those settings
    /// that the arguments do not give. `cores` is how many of them the process may use.
    ///
    /// # Errors
    /// The first thing that is wrong and what is allowed, in one line.
    pub fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
        cores: usize,
    ) -> Result<Invocation, ConfigError> {
        let (given, is_reset) = match Arguments::split(arguments)? {
            Arguments::Flags { given, is_reset } => (given, is_reset),
            Arguments::Help => return Ok(Invocation::Print(flags::help_text(cores))),
            Arguments::Version => return Ok(Invocation::Print(flags::version_text())),
        };
        let setting = |flag| Setting::find(flag, &given, &environment, cores);
        let config = Config {
            listen: listen(&setting(&flags::LISTEN)?)?,
            store: store(&setting(&flags::STORE)?)?,
            limit: setting(&flags::LIMIT)?.number()?,
            counter: setting(&flags::COUNTER)?.name()?,
            threads: setting(&flags::THREADS)?.number()?,
            halted_status: setting(&flags::HALTED_STATUS)?.number()?,
            store_timeout: Duration::from_millis(setting(&flags::STORE_TIMEOUT)?.number()?),
            clients_max: setting(&flags::MAX_CLIENTS)?.number()?,
        };
        if !is_reset {
            return Ok(Invocation::Serve(config));
        }
        // A variable is the setting of a process that serves, and no wish to change the counter.
        let is_argument = |flag: &Flag| given.iter().any(|(other, _)| other.name == flag.name);
        let limit = is_argument(&flags::LIMIT).then_some(config.limit);
        let is_set = is_argument(&flags::TAKEN);
        let taken = if is_set { Some(setting(&flags::TAKEN)?.number()?) } else { None };
        Ok(Invocation::Reset(config, ResetTo { limit, taken }))
    }
}

fn listen(setting: &Setting) -> Result<SocketAddr, ConfigError> {
    setting.text().parse().map_err(|_| setting.refusal())
}

fn store(setting: &Setting) -> Result<StoreUrl, ConfigError> {
    StoreUrl::parse(setting.text()).map_err(|error| setting.refusal_because(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    const CORES: usize = 3;

    fn parse(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Invocation, ConfigError> {
        let arguments = arguments.iter().map(OsString::from);
        let environment = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Config::parse(arguments, environment, CORES)
    }

    fn config(arguments: &[&str], variables: &[(&str, &str)]) -> Config {
        match parse(arguments, variables) {
            Ok(Invocation::Serve(config)) => config,
            other => panic!("{arguments:?} {variables:?} gave {other:?}"),
        }
    }

    fn error(arguments: &[&str], variables: &[(&str, &str)]) -> String {
        match parse(arguments, variables) {
            Err(error) => error.to_string(),
            other => panic!("{arguments:?} {variables:?} gave {other:?}"),
        }
    }

    fn variable(flag: &str) -> String {
        format!("HEADCOUNT_{}", flag[2..].replace('-', "_").to_uppercase())
    }

    fn defaults() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            store: StoreUrl::Memory,
            limit: 100,
            counter: "default".to_owned(),
            threads: CORES,
            halted_status: 200,
            store_timeout: Duration::from_millis(500),
            clients_max: 16_384,
        }
    }

    #[test]
    fn without_arguments_every_setting_has_its_default() {
        assert_eq!(config(&[], &[]), defaults());
    }

    #[test]
    fn threads_default_to_the_cores_within_the_bounds() {
        for (cores, threads) in [(0, 1), (1, 1), (64, 64), (1_000, 256)] {
            let parsed = Config::parse([], |_| None, cores).unwrap();
            let expected = Config { threads, ..defaults() };
            assert_eq!(parsed, Invocation::Serve(expected), "{cores} cores");
        }
    }

    #[test]
    fn a_flag_and_its_variable_take_the_same_values() {
        let name = "a".repeat(64);
        type Change = fn(&mut Config);
        let table: &[(&str, &str, Change)] = &[
            ("--listen", "[::1]:0", |config| config.listen = "[::1]:0".parse().unwrap()),
            ("--listen", "0.0.0.0:80", |config| config.listen = ([0, 0, 0, 0], 80).into()),
            ("--store", "redis://h", |config| {
                config.store = StoreUrl::parse("redis://h").unwrap();
            }),
            ("--limit", "1", |config| config.limit = 1),
            ("--limit", "9007199254740991", |config| config.limit = (1 << 53) - 1),
            ("--counter", "-Sale_7.a", |config| config.counter = "-Sale_7.a".to_owned()),
            ("--counter", &name, |config| config.counter = "a".repeat(64)),
            ("--threads", "1", |config| config.threads = 1),
            ("--threads", "256", |config| config.threads = 256),
            ("--halted-status", "410", |config| config.halted_status = 410),
            ("--store-timeout", "10", |config| config.store_timeout = Duration::from_millis(10)),
            ("--store-timeout", "60000", |config| config.store_timeout = Duration::from_secs(60)),
            ("--max-clients", "1", |config| config.clients_max = 1),
            ("--max-clients", "1000000", |config| config.clients_max = 1_000_000),
        ];
        for (flag, value, change) in table {
            let mut expected = defaults();
            change(&mut expected);
            assert_eq!(config(&[flag, value], &[]), expected, "{flag} {value}");
            assert_eq!(config(&[&format!("{flag}={value}")], &[]), expected, "{flag}={value}");
            let variable = variable(flag);
            assert_eq!(config(&[], &[(&variable, value)]), expected, "{variable}={value}");
        }
    }

    /// A variable is the setting of a process that serves, and no wish to change the counter.
    #[test]
    fn a_reset_changes_only_what_its_arguments_say() {
        let reset = |arguments: &[&str]| match parse(arguments, &[("HEADCOUNT_LIMIT", "7")]) {
            Ok(Invocation::Reset(config, to)) => (config.limit, to.limit, to.taken),
            other => panic!("{arguments:?} gave {other:?}"),
        };
        assert_eq!(reset(&["--reset"]), (7, None, None));
        assert_eq!(reset(&["--reset", "--limit", "5"]), (5, Some(5), None));
        assert_eq!(reset(&["--taken", "0", "--reset"]), (7, None, Some(0)));
        assert_eq!(error(&["--taken", "3"], &[]), "--taken goes with --reset: see --help");
        let variables = [("HEADCOUNT_TAKEN", "wrong")];
        assert!(matches!(parse(&["--reset"], &variables), Ok(Invocation::Reset(..))));
    }

    #[test]
    fn a_flag_wins_over_its_variable_even_over_a_wrong_one() {
        for value in ["7", "wrong"] {
            let config = config(&["--limit", "5"], &[("HEADCOUNT_LIMIT", value)]);
            assert_eq!(config.limit, 5, "{value}");
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset_and_an_empty_flag_does_not() {
        assert_eq!(config(&[], &[("HEADCOUNT_LIMIT", ""), ("HEADCOUNT_STORE", "")]), defaults());
        let expected = "--limit \"\": allowed is a whole number from 1 to 9007199254740991";
        assert_eq!(error(&["--limit="], &[]), expected);
    }

    #[test]
    fn a_wrong_value_says_what_is_allowed() {
        let limit = "allowed is a whole number from 1 to 9007199254740991";
        let listen = "allowed is IP:port or [IPv6]:port";
        let counter = "allowed is 1 to 64 of A-Z a-z 0-9 . _ -";
        let status = "allowed is one of 200, 403, 409, 410, 429, 503";
        let long = "a".repeat(65);
        let cut = format!("\"{}\"...", "a".repeat(40));
        let table: &[(&str, &str, &str, &str)] = &[
            ("--limit", "0", "\"0\"", limit),
            ("--limit", "9007199254740992", "\"9007199254740992\"", limit),
            ("--limit", "18446744073709551616", "\"18446744073709551616\"", limit),
            ("--limit", "1_000", "\"1_000\"", limit),
            ("--limit", "+1", "\"+1\"", limit),
            ("--limit", "-1", "\"-1\"", limit),
            ("--limit", "ten\n\x1b[2J", "\"ten\\n\\u{1b}[2J\"", limit),
            ("--limit", "--store", "\"--store\"", limit),
            ("--listen", "localhost:80", "\"localhost:80\"", listen),
            ("--listen", "127.0.0.1", "\"127.0.0.1\"", listen),
            ("--listen", ":8080", "\":8080\"", listen),
            ("--listen", "127.0.0.1:65536", "\"127.0.0.1:65536\"", listen),
            ("--listen", "redis://:s3cret@h", "(not shown: it may hold a password)", listen),
            ("--counter", "a b", "\"a b\"", counter),
            ("--counter", "a:b", "\"a:b\"", counter),
            ("--counter", "é", "\"é\"", counter),
            ("--counter", &long, &cut, counter),
            ("--threads", "0", "\"0\"", "allowed is a whole number from 1 to 256"),
            ("--threads", "257", "\"257\"", "allowed is a whole number from 1 to 256"),
            ("--halted-status", "201", "\"201\"", status),
            ("--halted-status", "65736", "\"65736\"", status),
            ("--store-timeout", "9", "\"9\"", "allowed is a whole number from 10 to 60000"),
            ("--store-timeout", "60001", "\"60001\"", "allowed is a whole number from 10 to 60000"),
            ("--max-clients", "0", "\"0\"", "allowed is a whole number from 1 to 1000000"),
            (
                "--max-clients",
                "1000001",
                "\"1000001\"",
                "allowed is a whole number from 1 to 1000000",
            ),
        ];
        for (flag, value, shown, allowed) in table {
            assert_eq!(error(&[flag, value], &[]), format!("{flag} {shown}: {allowed}"));
            let variable = variable(flag);
            let expected = format!("{variable} {shown}: {allowed}");
            assert_eq!(error(&[], &[(&variable, value)]), expected);
        }
    }

    #[test]
    fn a_wrong_store_names_its_source_and_not_itself() {
        let line = "TLS to the store is not built in yet";
        assert_eq!(error(&["--store", "rediss://h"], &[]), format!("--store: {line}"));
        let variables = [("HEADCOUNT_STORE", "rediss://h")];
        assert_eq!(error(&[], &variables), format!("HEADCOUNT_STORE: {line}"));
    }

    #[test]
    fn wrong_arguments_are_refused_in_one_line() {
        let no_flag = "an argument is neither a flag nor the value of one: see --help";
        let table: &[(&[&str], &str)] = &[
            (&["--limit", "5", "--limit", "5"], "--limit is given twice"),
            (&["--limit=5", "--limit"], "--limit is given twice"),
            (
                &["--limit"],
                "--limit has no value: allowed is a whole number from 1 to 9007199254740991",
            ),
            (&["--limt", "5"], "--limt is no flag: is --limit meant?"),
            (&["--limt=5"], "--limt is no flag: is --limit meant?"),
            (&["--client-max=5"], "--client-max is no flag: see --help"),
            (&["--Version"], "--Version is no flag: is --version meant?"),
            (&["--max_clients=5"], "--max_clients is no flag: is --max-clients meant?"),
            (&["--verbose"], "--verbose is no flag: see --help"),
            (&["--redis://:s3cret@h"], no_flag),
            (&["--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], no_flag),
            (&["--\u{1b}[31m"], no_flag),
            (&["-x"], no_flag),
            (&["-"], no_flag),
            (&["--"], ""),
            (&["--", "--limit"], no_flag),
            (&["redis://:s3cret@h"], no_flag),
            (&["--limit", "5", "serve"], no_flag),
            (&[""], no_flag),
        ];
        for (arguments, expected) in table {
            match *expected {
                "" => assert_eq!(config(arguments, &[]), defaults()),
                expected => assert_eq!(error(arguments, &[]), expected, "{arguments:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        let bytes = || OsString::from_vec(b"a\xff".to_vec());
        let flag = |name: &str| Config::parse([name.into(), bytes()], |_| None, CORES);
        let expected = "--counter (not UTF-8): allowed is 1 to 64 of A-Z a-z 0-9 . _ -";
        assert_eq!(flag("--counter").unwrap_err().to_string(), expected);
        assert!(flag("--store").is_err());
        let variable = Config::parse([], |name| (name == "HEADCOUNT_COUNTER").then(bytes), CORES);
        let expected = "HEADCOUNT_COUNTER (not UTF-8): allowed is 1 to 64 of A-Z a-z 0-9 . _ -";
        assert_eq!(variable.unwrap_err().to_string(), expected);
        let name = OsString::from_vec(b"--lim\xff=5".to_vec());
        for argument in [name, bytes(), OsString::from_vec(b"-\xff".to_vec())] {
            let parsed = Config::parse([argument], |_| None, CORES);
            let expected = "an argument is neither a flag nor the value of one: see --help";
            assert_eq!(parsed.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn help_and_version_are_printed_whatever_follows_and_whatever_the_environment() {
        let variables = [("HEADCOUNT_LIMIT", "wrong")];
        let version = Invocation::Print(format!("headcount {}\n", env!("CARGO_PKG_VERSION")));
        for arguments in [&["--version"][..], &["-V"], &["--limit=0", "-V", "--wrong"]] {
            assert_eq!(parse(arguments, &variables), Ok(version.clone()), "{arguments:?}");
        }
        for arguments in [&["--help"][..], &["-h"], &["--help", "--wrong"]] {
            let parsed = parse(arguments, &variables);
            let Ok(Invocation::Print(text)) = parsed else { panic!("{arguments:?}: {parsed:?}") };
            assert!(text.contains("Usage: headcount"), "{text}");
        }
    }
}
