//! The arguments and the environment as text: which setting is given, where, and what it says.
//!
//! Knows the table of flags, and nothing of what a value becomes.

use std::ffi::OsString;

use lexopt::{Arg, Parser};

use super::flags::{FLAGS, Flag, HELP, RESET, TAKEN, VERSION};
use super::value::{ConfigError, quoted};

/// The arguments, split and not yet understood.
pub(super) enum Arguments {
    /// Flags with their values, each flag at most once; and whether `--reset` was among them.
    Flags { given: Vec<(&'static Flag, OsString)>, is_reset: bool },
    /// `--help` or `-h` was met.
    Help,
    /// `--version` or `-V` was met.
    Version,
}

/// The text of one setting, and where it came from.
pub(super) struct Setting {
    flag: &'static Flag,
    source: String,
    text: String,
}

impl Arguments {
    /// Splits the arguments that follow the program's name, up to the first `--help` or
    /// `--version`: whoever asks for help need not have the rest right.
    pub(super) fn split(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Arguments, ConfigError> {
        let mut parser = Parser::from_args(arguments);
        let mut given: Vec<(&Flag, OsString)> = Vec::new();
        let mut is_reset = false;
        while let Some(argument) = parser.next().map_err(|_| not_a_flag())? {
            let flag = match argument {
                Arg::Long(name) if name == HELP.0 => return Ok(Arguments::Help),
                Arg::Long(name) if name == VERSION.0 => return Ok(Arguments::Version),
                Arg::Short(letter) if letter == HELP.1 => return Ok(Arguments::Help),
                Arg::Short(letter) if letter == VERSION.1 => return Ok(Arguments::Version),
                Arg::Long(name) if name == RESET => {
                    is_reset = true;
                    continue;
                }
                Arg::Long(name) => named(name)?,
                Arg::Short(_) | Arg::Value(_) => return Err(not_a_flag()),
            };
            let name = flag.name;
            if given.iter().any(|(other, _)| other.name == name) {
                return Err(ConfigError::new(format!("--{name} is given twice")));
            }
            let value = parser.value().map_err(|_| {
                ConfigError::new(format!("--{name} has no value: allowed is {}", flag.allowed))
            })?;
            given.push((flag, value));
        }
        if !is_reset && given.iter().any(|(flag, _)| flag.name == TAKEN.name) {
            return Err(ConfigError::new("--taken goes with --reset: see --help"));
        }
        Ok(Arguments::Flags { given, is_reset })
    }
}

impl Setting {
    /// The text of `flag`: what the arguments give, else its variable, else its default.
    ///
    /// An empty variable counts as unset; one whose flag is given is not looked at.
    pub(super) fn find(
        flag: &'static Flag,
        given: &[(&'static Flag, OsString)],
        environment: impl Fn(&str) -> Option<OsString>,
        cores: usize,
    ) -> Result<Setting, ConfigError> {
        let argument = given.iter().find(|(other, _)| other.name == flag.name);
        let variable = || environment(flag.variable).filter(|value| !value.is_empty());
        let (source, value) = if let Some((_, value)) = argument {
            (format!("--{}", flag.name), value.clone())
        } else if let Some(value) = variable() {
            (flag.variable.to_owned(), value)
        } else {
            ("default".to_owned(), OsString::from(flag.default_text(cores)))
        };
        match value.into_string() {
            Ok(text) => Ok(Setting { flag, source, text }),
            Err(_) => {
                let allowed = &flag.allowed;
                Err(ConfigError::new(format!("{source} (not UTF-8): allowed is {allowed}")))
            }
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The number, if the table of flags allows it and `T` can hold it.
    pub(super) fn number<T: TryFrom<u64>>(&self) -> Result<T, ConfigError> {
        let number = self.flag.allowed.number(&self.text);
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| self.refusal())
    }

    /// The text, if the table of flags allows it as a name.
    pub(super) fn name(&self) -> Result<String, ConfigError> {
        if self.flag.allowed.has_name(&self.text) {
            return Ok(self.text.clone());
        }
        Err(self.refusal())
    }

    /// The line for a text that is not allowed.
    pub(super) fn refusal(&self) -> ConfigError {
        let (source, value) = (&self.source, quoted(&self.text));
        ConfigError::new(format!("{source} {value}: allowed is {}", self.flag.allowed))
    }

    /// The line for a text that must not be repeated, and whose own error says what is allowed.
    pub(super) fn refusal_because(&self, error: &ConfigError) -> ConfigError {
        ConfigError::new(format!("{}: {error}", self.source))
    }
}

fn named(name: &str) -> Result<&'static Flag, ConfigError> {
    if let Some(flag) = FLAGS.into_iter().chain([&TAKEN]).find(|flag| flag.name == name) {
        return Ok(flag);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
        return Err(not_a_flag());
    }
    let names = FLAGS.iter().map(|flag| flag.name);
    let names = names.chain([RESET, TAKEN.name, HELP.0, VERSION.0]);
    let nearest = names.min_by_key(|known| edits(name, known));
    let advice = match nearest.filter(|known| edits(name, known) <= EDITS_MAX) {
        Some(known) => format!("is --{known} meant?"),
        None => "see --help".to_owned(),
    };
    Err(ConfigError::new(format!("--{name} is no flag: {advice}")))
}

/// Does not repeat the argument: it may be a store's URL that lost its flag.
fn not_a_flag() -> ConfigError {
    ConfigError::new("an argument is neither a flag nor the value of one: see --help")
}

/// How many letters must be put in, left out or changed to make `left` of `right`.
fn edits(left: &str, right: &str) -> usize {
    // One row of the matrix of distances between the prefixes of both.
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.bytes().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, to) in right.bytes().enumerate() {
            let change = diagonal + usize::from(from != to);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

/// Bytes of a wrong flag's name that an error repeats.
const NAME_BYTES_MAX: usize = 32;

/// Two slips make a typing error; three make another word.
const EDITS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_what_is_put_in_left_out_or_changed() {
        let table = [
            ("", "", 0),
            ("limit", "limit", 0),
            ("", "limit", 5),
            ("limit", "", 5),
            ("limt", "limit", 1),
            ("limits", "limit", 1),
            ("lemit", "limit", 1),
            ("ilmit", "limit", 2),
            ("store", "threads", 5),
        ];
        for (left, right, expected) in table {
            assert_eq!(edits(left, right), expected, "{left} {right}");
        }
    }
}
