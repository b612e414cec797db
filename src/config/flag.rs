//! A flag: what the table of flags says of each.
//!
//! Knows nothing of the table.

use super::allowed::Allowed;
use super::value::Span;
use crate::limits::{self, LIMIT_MAX};

/// A flag, and the variable that stands in for it.
pub(super) struct Flag {
    /// Without its two dashes.
    pub(super) name: &'static str,
    /// `None` for the flags of the commands: a variable would change a counter without anybody's
    /// asking.
    pub(super) variable: Option<&'static str>,
    /// Empty for a flag without a value.
    pub(super) metavariable: &'static str,
    pub(super) default: DefaultValue,
    pub(super) allowed: Allowed,
    /// Whether it may be given more than once.
    pub(super) is_repeatable: bool,
    pub(super) help: &'static str,
}

/// What a setting is when nobody sets it; read like a value that was given.
#[derive(Clone, Copy)]
pub(super) enum DefaultValue {
    /// It is not set then.
    Absent,
    Text(&'static str),
    Number(u64),
    Span(Span),
    /// The cores that the process may use.
    Cores,
}

/// A setting of one value: the base of the table's rows.
pub(super) const SETTING: Flag = Flag {
    name: "",
    variable: None,
    metavariable: "N",
    default: DefaultValue::Absent,
    allowed: Allowed::Range(0, LIMIT_MAX),
    is_repeatable: false,
    help: "",
};

/// One without a value.
pub(super) const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag { name, metavariable: "", allowed: Allowed::Nothing, help, ..SETTING }
}

impl Flag {
    pub(super) fn is_switch(&self) -> bool {
        matches!(self.allowed, Allowed::Nothing)
    }

    /// The text that stands for a value nobody gave.
    pub(super) fn default_text(&self, cores: usize) -> Option<String> {
        match self.default {
            DefaultValue::Absent => None,
            DefaultValue::Text(text) => Some(text.to_owned()),
            DefaultValue::Number(number) => Some(number.to_string()),
            DefaultValue::Span(span) => Some(span.to_string()),
            DefaultValue::Cores => Some(cores.clamp(1, limits::THREADS_MAX).to_string()),
        }
    }
}
