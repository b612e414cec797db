//! One setting: where its text comes from, how it is read, and how it is refused.
//!
//! An argument wins over a variable, and a variable over the default.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::time::Duration;

use super::arguments::Given;
use super::flag::Flag;
use super::flags;
use super::value::{ConfigError, Span, quoted, refuse};
use super::variables::Variables;

/// Where settings are found.
pub(super) struct Sources {
    pub(super) given: Given,
    pub(super) variables: Variables,
    /// Cores that the process may use.
    pub(super) cores: usize,
}

/// The text of one setting, and where it came from.
pub(super) struct Setting {
    flag: &'static Flag,
    source: Source,
    text: String,
}

/// Where a setting's text came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Argument,
    Variable,
    Default,
}

impl Sources {
    /// What the arguments give, else what the variable gives, which is not looked at where there
    /// is an argument.
    pub(super) fn find(&self, flag: &'static Flag) -> Result<Option<Setting>, ConfigError> {
        Ok(self.find_all(flag)?.pop())
    }

    /// The same, with the default where nothing is given.
    pub(super) fn find_or_default(&self, flag: &'static Flag) -> Result<Setting, ConfigError> {
        Ok(self.find(flag)?.unwrap_or_else(|| self.default(flag)))
    }

    /// Every value of a flag that may be repeated: its variable is a list with commas.
    pub(super) fn find_list(&self, flag: &'static Flag) -> Result<Vec<Setting>, ConfigError> {
        let found = self.find_all(flag)?;
        let Some(first) = found.first() else { return Ok(vec![self.default(flag)]) };
        if first.source == Source::Argument {
            return Ok(found);
        }
        let texts = first.text.split(',').map(str::to_owned);
        Ok(texts.map(|text| Setting { flag, source: Source::Variable, text }).collect())
    }

    /// Whether the arguments have a flag without a value.
    pub(super) fn has(&self, flag: &Flag) -> bool {
        self.given.flags.iter().any(|(name, _)| *name == flag.name)
    }

    /// Whether a flag without a value is there, or its variable says so.
    pub(super) fn is_on(&self, flag: &'static Flag) -> Result<bool, ConfigError> {
        match self.find(flag)? {
            None => Ok(false),
            Some(setting) if setting.source == Source::Argument => Ok(true),
            Some(setting) => setting.text.parse().map_err(|_| setting.invalid()),
        }
    }

    fn find_all(&self, flag: &'static Flag) -> Result<Vec<Setting>, ConfigError> {
        let arguments = self.given.flags.iter().filter(|(name, _)| *name == flag.name);
        let arguments = arguments.map(|(_, value)| Setting::new(flag, Source::Argument, value));
        let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
        if !arguments.is_empty() {
            return Ok(arguments);
        }
        let variable = flag.variable.and_then(|name| self.variables.value(name));
        let variable = variable.map(|value| Setting::new(flag, Source::Variable, value));
        variable.into_iter().collect()
    }

    fn default(&self, flag: &'static Flag) -> Setting {
        let text = flag.default_text(self.cores).unwrap_or_default();
        Setting { flag, source: Source::Default, text }
    }
}

impl Setting {
    fn new(flag: &'static Flag, source: Source, value: &OsStr) -> Result<Setting, ConfigError> {
        let Some(text) = value.to_str() else {
            let (name, allowed) = (source_name(flag, source), &flag.allowed);
            return refuse(format!("{name}: invalid value (not UTF-8): expected {allowed}"));
        };
        Ok(Setting { flag, source, text: text.to_owned() })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn source(&self) -> Source {
        self.source
    }

    /// The number, if the table of flags allows it and `T` can hold it.
    pub(super) fn number<T: TryFrom<u64>>(&self) -> Result<T, ConfigError> {
        let number = self.flag.allowed.number(&self.text);
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| self.invalid())
    }

    /// The time span, if the table of flags allows it.
    pub(super) fn span(&self) -> Result<Span, ConfigError> {
        self.flag.allowed.span(&self.text).ok_or_else(|| self.invalid())
    }

    /// The error for a text that is not allowed.
    pub(super) fn invalid(&self) -> ConfigError {
        let (name, value) = (self.name(), quoted(&self.text));
        let allowed = &self.flag.allowed;
        ConfigError::new(format!("{name}: invalid value {value}: expected {allowed}"))
    }

    /// An error whose reason says what is allowed, and that does not repeat the text.
    pub(super) fn refusal(&self, reason: impl std::fmt::Display) -> ConfigError {
        ConfigError::new(format!("{}: {reason}", self.name()))
    }

    /// The flag or the variable that gave it.
    pub(super) fn name(&self) -> String {
        source_name(self.flag, self.source)
    }
}

fn source_name(flag: &Flag, source: Source) -> String {
    match (source, flag.variable) {
        (Source::Variable, Some(variable)) => variable.to_owned(),
        _ => format!("--{}", flag.name),
    }
}

/// Where HTTP is answered.
pub(super) fn listen(sources: &Sources) -> Result<SocketAddr, ConfigError> {
    let setting = sources.find_or_default(&flags::LISTEN)?;
    setting.text().parse().map_err(|_| setting.invalid())
}

/// How long a request may wait for the store.
pub(super) fn store_timeout(sources: &Sources) -> Result<Duration, ConfigError> {
    let span = sources.find_or_default(&flags::STORE_TIMEOUT)?.span()?;
    Ok(span.duration())
}
