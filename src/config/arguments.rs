//! The arguments as text: which command, which counter, which flags with which values.
//!
//! Knows the tables of commands and flags, and nothing of what a value becomes.

use std::ffi::OsString;

use lexopt::{Arg, Error, Parser};

use super::command_table::{self, COMMANDS, CommandSpec, Operand, SERVE};
use super::flag::Flag;
use super::flags;
use super::suggestion::{NOT_SHOWN, is_plain, nearest, shown};
use super::value::{ConfigError, refuse};

/// The arguments, split and not yet understood.
pub(super) enum Arguments {
    /// A command is to be run.
    Run(Given),
    /// `--help` or `-h` was met, behind this command.
    Help(&'static CommandSpec),
    /// `--version` or `-V` was met.
    Version,
}

/// What the arguments give to a command; no flag in it is of another one.
pub(super) struct Given {
    pub(super) command: &'static CommandSpec,
    /// The counter's name; of a command without one there is none.
    pub(super) operand: Option<OsString>,
    /// Flags and their values, in their order; a flag without a value has an empty one.
    pub(super) flags: Vec<(&'static str, OsString)>,
}

/// The two flags that every command has, with their letters.
pub(super) const HELP: (&str, char) = ("help", 'h');
pub(super) const VERSION: (&str, char) = ("version", 'V');

impl Arguments {
    /// Splits the arguments that follow the program's name, up to the first `--help` or
    /// `--version`: whoever asks for help need not have the rest right.
    pub(super) fn split(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Arguments, ConfigError> {
        let mut parser = Parser::from_args(arguments);
        let mut split = Split::default();
        while let Some(argument) = parser.next().map_err(|error| unreadable(&error))? {
            match argument {
                Arg::Long(name) if name == HELP.0 => return Ok(split.help()),
                Arg::Long(name) if name == VERSION.0 => return Ok(Arguments::Version),
                Arg::Short(letter) if letter == HELP.1 => return Ok(split.help()),
                Arg::Short(letter) if letter == VERSION.1 => return Ok(Arguments::Version),
                Arg::Long(name) => {
                    let flag = flags::find(name).ok_or_else(|| unknown_flag(name))?;
                    split.take_flag(flag, &mut parser)?;
                }
                Arg::Short(letter) if letter.is_ascii_alphanumeric() => {
                    return refuse(format!("unknown flag -{letter}; see --help"));
                }
                Arg::Short(_) => return Err(unknown_flag("")),
                Arg::Value(value) => split.take_value(value)?,
            }
        }
        split.finish().map(Arguments::Run)
    }
}

/// What was met so far.
#[derive(Default)]
struct Split {
    command: Option<&'static CommandSpec>,
    operand: Option<OsString>,
    flags: Vec<(&'static str, OsString)>,
}

impl Split {
    fn help(&self) -> Arguments {
        Arguments::Help(self.command.unwrap_or(&SERVE))
    }

    fn take_flag(&mut self, flag: &Flag, parser: &mut Parser) -> Result<(), ConfigError> {
        let name = flag.name;
        if !flag.is_repeatable && self.flags.iter().any(|(other, _)| *other == name) {
            return refuse(format!("--{name}: given twice"));
        }
        let value = if flag.is_switch() {
            OsString::new()
        } else {
            let allowed = &flag.allowed;
            parser.value().map_err(|_| {
                ConfigError::new(format!("--{name}: missing value: expected {allowed}"))
            })?
        };
        self.flags.push((name, value));
        Ok(())
    }

    /// The first value is the command, and the second a counter's name.
    fn take_value(&mut self, value: OsString) -> Result<(), ConfigError> {
        let Some(command) = self.command else {
            let text = value.to_str();
            let command = text.and_then(command_table::find);
            self.command = Some(command.ok_or_else(|| unknown_command(text))?);
            return Ok(());
        };
        if command.operand == Operand::Unexpected || self.operand.is_some() {
            let (value, see_help) = (shown(value.to_str()), command.see_help());
            return refuse(format!("unexpected argument {value}; {see_help}"));
        }
        self.operand = Some(value);
        Ok(())
    }

    fn finish(self) -> Result<Given, ConfigError> {
        let command = self.command.unwrap_or(&SERVE);
        if let Some((name, _)) = self.flags.iter().find(|(name, _)| !command.has(name)) {
            return refuse(foreign_flag(name, command));
        }
        Ok(Given { command, operand: self.operand, flags: self.flags })
    }
}

fn foreign_flag(name: &str, command: &CommandSpec) -> String {
    let owners = COMMANDS.into_iter().filter(|other| other.has(name));
    let owners: Vec<&str> = owners.map(|owner| owner.name).collect();
    let (owners, see_help) = (owners.join(", "), command.see_help());
    format!("--{name}: no flag of {}, but of {owners}; {see_help}", command.name)
}

fn unknown_flag(name: &str) -> ConfigError {
    if name.is_empty() || !is_plain(name) {
        return ConfigError::new(format!("unknown flag {NOT_SHOWN}; see --help"));
    }
    // A flag comes before a command that is as near.
    let names = flags::names().chain([HELP.0, VERSION.0]).chain(command_table::names());
    let hint = match (command_table::find(name), nearest(name, names)) {
        (Some(command), _) => format!("use the command: {}", command.form()),
        (None, None) => "see --help".to_owned(),
        (None, Some(near)) => match command_table::find(near) {
            Some(command) if flags::find(near).is_none() => {
                format!("did you mean the command: {}?", command.form())
            }
            _ => format!("did you mean --{near}?"),
        },
    };
    ConfigError::new(format!("unknown flag --{name}; {hint}"))
}

fn unknown_command(text: Option<&str>) -> ConfigError {
    let names = command_table::names().chain([HELP.0, VERSION.0]);
    let near = text.filter(|text| is_plain(text)).and_then(|text| nearest(text, names));
    let hint = match near {
        Some(near) if command_table::find(near).is_some() => format!("did you mean {near}?"),
        Some(flag) => format!("did you mean --{flag}?"),
        None => "see --help".to_owned(),
    };
    ConfigError::new(format!("unknown command {}; {hint}", shown(text)))
}

/// What lexopt itself refuses: a value behind a flag that has none.
fn unreadable(error: &Error) -> ConfigError {
    match error {
        Error::UnexpectedValue { option, .. } if is_plain(option) => {
            ConfigError::new(format!("{option}: takes no value"))
        }
        _ => ConfigError::new(format!("unexpected argument {NOT_SHOWN}; see --help")),
    }
}
