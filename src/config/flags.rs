//! The table of flags: each is said once, here, and `--help`, the variables of the environment,
//! the defaults, the ranges and the errors follow from it.
//!
//! Knows nothing of arguments, nor of what a value becomes.

use super::allowed::Allowed;
use super::flag::{DefaultValue, Flag, SETTING, switch};
use super::value::Span;
use crate::limits::{self, STORE_TIMEOUT_MS_MAX, STORE_TIMEOUT_MS_MIN};

pub(super) static LISTEN: Flag = Flag {
    name: "listen",
    variable: Some("HEADCOUNT_LISTEN"),
    metavariable: "ADDR",
    default: DefaultValue::Text("127.0.0.1:8080"),
    allowed: Allowed::Form("IP:port or [IPv6]:port"),
    help: "where HTTP is answered; port 0 is any free port",
    ..SETTING
};

pub(super) static ADMIN_LISTEN: Flag = Flag {
    name: "admin-listen",
    variable: Some("HEADCOUNT_ADMIN_LISTEN"),
    metavariable: "ADDR",
    allowed: Allowed::Form("IP:port or [IPv6]:port"),
    help: "where metrics and the live page are; off unless given",
    ..SETTING
};

pub(super) static ADMIN_TOKEN_FILE: Flag = Flag {
    name: "admin-token-file",
    variable: Some("HEADCOUNT_ADMIN_TOKEN_FILE"),
    metavariable: "FILE",
    allowed: Allowed::Form("the path of a file with a token of 16 bytes or more in it"),
    help: "lets who knows the token in this file change counters at --admin-listen",
    ..SETTING
};

pub(super) static STORE: Flag = Flag {
    name: "store",
    variable: Some("HEADCOUNT_STORE"),
    metavariable: "URL",
    default: DefaultValue::Text("memory:"),
    allowed: Allowed::Form("a store URL such as memory: or redis://localhost"),
    help: "where the count lives",
    ..SETTING
};

pub(super) static STORE_URL_FILE: Flag = Flag {
    name: "store-url-file",
    variable: Some("HEADCOUNT_STORE_URL_FILE"),
    metavariable: "FILE",
    allowed: Allowed::Form("the path of a file with a store URL in it"),
    help: "reads the store URL from a file, to keep its password from others",
    ..SETTING
};

pub(super) static COUNTER: Flag = Flag {
    name: "counter",
    variable: Some("HEADCOUNT_COUNTER"),
    metavariable: "NAME[=LIMIT]",
    default: DefaultValue::Text("default"),
    allowed: Allowed::Counter,
    is_repeatable: true,
    help: "a counter to serve; repeat it for more; the first one answers /",
};

pub(super) static LIMIT: Flag = Flag {
    name: "limit",
    variable: Some("HEADCOUNT_LIMIT"),
    default: DefaultValue::Number(limits::LIMIT_DEFAULT),
    help: "the limit of a counter that is created and has none of its own; 0 is closed",
    ..SETTING
};

/// The same name, of a command that changes a counter.
pub(super) static NEW_LIMIT: Flag =
    Flag { name: LIMIT.name, help: "the counter's limit; 0 is closed", ..SETTING };

pub(super) static TAKEN: Flag =
    Flag { name: "taken", help: "how many numbers are taken: the next one is N + 1", ..SETTING };

pub(super) static CREATE: Flag = Flag {
    name: "create",
    variable: Some("HEADCOUNT_CREATE"),
    metavariable: "WHEN",
    default: DefaultValue::Text("missing"),
    allowed: Allowed::Form("missing or never"),
    help: "whether a counter that the store does not have is created at start",
    ..SETTING
};

pub(super) static TAKE_METHODS: Flag = Flag {
    name: "take-methods",
    variable: Some("HEADCOUNT_TAKE_METHODS"),
    metavariable: "LIST",
    default: DefaultValue::Text("GET,POST"),
    allowed: Allowed::Form("GET,POST or one of them"),
    help: "the methods that take a number; a GET is repeated by browsers",
    ..SETTING
};

pub(super) static ALLOW_ORIGIN: Flag = Flag {
    name: "allow-origin",
    variable: Some("HEADCOUNT_ALLOW_ORIGIN"),
    metavariable: "ORIGIN",
    allowed: Allowed::Form(
        "* or an origin as browsers write it, in small letters, without a path or a last slash, \
         such as https://shop.example or http://localhost:3000",
    ),
    is_repeatable: true,
    help: "pages of this origin may take numbers too (CORS); repeat it for more; * is all",
    ..SETTING
};

pub(super) static KEY_HEADER: Flag = Flag {
    name: "key-header",
    variable: Some("HEADCOUNT_KEY_HEADER"),
    metavariable: "NAME",
    default: DefaultValue::Text("Idempotency-Key"),
    allowed: Allowed::Form(
        "the name of a header field such as Idempotency-Key, and none that says something else, \
         such as Host",
    ),
    help: "the header field with the key of a take: with it again, its number again",
    ..SETTING
};

pub(super) static REQUIRE_KEY: Flag = Flag {
    variable: Some("HEADCOUNT_REQUIRE_KEY"),
    ..switch("require-key", "refuses a take without a key")
};

pub(super) static TICKET_SECRET_FILE: Flag = Flag {
    name: "ticket-secret-file",
    variable: Some("HEADCOUNT_TICKET_SECRET_FILE"),
    metavariable: "FILE",
    allowed: Allowed::Form("the path of a file with a secret of 32 bytes or more in it"),
    help: "each number comes with a ticket (JWT) that is signed with the secret in this file",
    ..SETTING
};

pub(super) static TICKET_ISSUER: Flag = Flag {
    name: "ticket-issuer",
    variable: Some("HEADCOUNT_TICKET_ISSUER"),
    metavariable: "NAME",
    default: DefaultValue::Text("headcount"),
    allowed: Allowed::Form("1 to 128 visible ASCII characters without \" and \\"),
    help: "who a ticket says it is from",
    ..SETTING
};

pub(super) static TICKET_TTL: Flag = Flag {
    name: "ticket-ttl",
    variable: Some("HEADCOUNT_TICKET_TTL"),
    metavariable: "TIME",
    default: DefaultValue::Text("1h"),
    allowed: Allowed::SecondsUpTo(Span::from_ms(limits::TICKET_TTL_MS_MAX)),
    help: "how long a ticket is good; 0 is for ever",
    ..SETTING
};

pub(super) static THREADS: Flag = Flag {
    name: "threads",
    variable: Some("HEADCOUNT_THREADS"),
    default: DefaultValue::Cores,
    allowed: Allowed::Range(1, limits::THREADS_MAX as u64),
    help: "reactors, each a thread",
    ..SETTING
};

pub(super) static HALTED_STATUS: Flag = Flag {
    name: "halted-status",
    variable: Some("HEADCOUNT_HALTED_STATUS"),
    metavariable: "CODE",
    default: DefaultValue::Number(200),
    allowed: Allowed::OneOf(&[200, 403, 409, 410, 429]),
    help: "HTTP status of an answer past the limit",
    ..SETTING
};

pub(super) static STORE_TIMEOUT: Flag = Flag {
    name: "store-timeout",
    variable: Some("HEADCOUNT_STORE_TIMEOUT"),
    metavariable: "TIME",
    default: DefaultValue::Span(Span::from_ms(limits::STORE_TIMEOUT_MS_DEFAULT)),
    allowed: Allowed::SpanOrMs(
        Span::from_ms(STORE_TIMEOUT_MS_MIN),
        Span::from_ms(STORE_TIMEOUT_MS_MAX),
    ),
    help: "how long a request waits for the store",
    ..SETTING
};

pub(super) static MAX_CLIENTS: Flag = Flag {
    name: "max-clients",
    variable: Some("HEADCOUNT_MAX_CLIENTS"),
    default: DefaultValue::Number(limits::CLIENTS_DEFAULT as u64),
    allowed: Allowed::Range(1, limits::CLIENTS_MAX as u64),
    help: "clients connected at once, over all threads",
    ..SETTING
};

pub(super) static DRAIN_DELAY: Flag = Flag {
    name: "drain-delay",
    variable: Some("HEADCOUNT_DRAIN_DELAY"),
    metavariable: "TIME",
    default: DefaultValue::Span(Span::from_ms(0)),
    allowed: Allowed::SpanUpTo(Span::from_ms(limits::DRAIN_DELAY_MS_MAX)),
    help: "how long it still serves, unready, when it is told to stop",
    ..SETTING
};

pub(super) static AUDIT: Flag = Flag {
    variable: Some("HEADCOUNT_AUDIT"),
    ..switch("audit", "logs with each number who took it: personal data")
};

pub(super) static YES: Flag = switch("yes", "does not ask whether it is meant");
pub(super) static JSON: Flag = switch("json", "prints one JSON object a counter");
pub(super) static READY: Flag = switch("ready", "asks /readyz instead of /livez");

/// Every flag that has a name of its own; see [`NEW_LIMIT`].
static FLAGS: [&Flag; 25] = [
    &LISTEN,
    &ADMIN_LISTEN,
    &ADMIN_TOKEN_FILE,
    &STORE,
    &STORE_URL_FILE,
    &COUNTER,
    &LIMIT,
    &CREATE,
    &TAKE_METHODS,
    &ALLOW_ORIGIN,
    &KEY_HEADER,
    &REQUIRE_KEY,
    &TICKET_SECRET_FILE,
    &TICKET_ISSUER,
    &TICKET_TTL,
    &HALTED_STATUS,
    &STORE_TIMEOUT,
    &THREADS,
    &MAX_CLIENTS,
    &DRAIN_DELAY,
    &AUDIT,
    &TAKEN,
    &YES,
    &JSON,
    &READY,
];

/// The flag with this name.
pub(super) fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.into_iter().find(|flag| flag.name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FLAGS.into_iter().map(|flag| flag.name)
}

/// The variables of all settings.
pub(super) fn variable_names() -> impl Iterator<Item = &'static str> {
    FLAGS.into_iter().filter_map(|flag| flag.variable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::counter_spec::CounterSpec;

    #[test]
    fn a_variable_is_named_after_its_flag_and_no_name_comes_twice() {
        for flag in FLAGS {
            let variable = format!("HEADCOUNT_{}", flag.name.replace('-', "_").to_uppercase());
            assert!(flag.variable.is_none_or(|name| name == variable), "{variable}");
            assert_eq!(names().filter(|name| *name == flag.name).count(), 1);
        }
    }

    #[test]
    fn every_default_is_allowed() {
        for flag in FLAGS {
            let Some(default) = flag.default_text(1_000) else { continue };
            let is_allowed = match &flag.allowed {
                Allowed::Range(..) | Allowed::OneOf(_) => flag.allowed.number(&default).is_some(),
                Allowed::SpanOrMs(..) | Allowed::SpanUpTo(_) | Allowed::SecondsUpTo(_) => {
                    flag.allowed.span(&default).is_some()
                }
                Allowed::Counter => CounterSpec::parse(&default, 0).is_some(),
                Allowed::Form(_) => true,
                Allowed::Nothing => false,
            };
            assert!(is_allowed, "--{} {default}", flag.name);
        }
    }

    #[test]
    fn only_a_setting_of_a_process_that_serves_has_a_variable() {
        for flag in [&NEW_LIMIT, &TAKEN, &YES, &JSON, &READY] {
            assert_eq!(flag.variable, None, "--{}", flag.name);
        }
    }
}
