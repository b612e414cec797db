//! What `--help` and `--version` print, at most [`COLUMNS_MAX`] columns wide.

use std::fmt::Write;

use super::allowed::Allowed;
use super::arguments::{HELP, VERSION};
use super::command_table::{COMMANDS, CommandSpec, Verb};
use super::flag::Flag;
use super::store_url;

/// The text of `--version`.
pub(super) fn version() -> String {
    format!("headcount {}\n", env!("CARGO_PKG_VERSION"))
}

/// The text of a command's `--help`. That of `serve` is the program's own, and lists the commands.
pub(super) fn text(command: &CommandSpec, cores: usize) -> String {
    let is_serve = command.verb == Verb::Serve;
    let mut text = format!("{}\nUsage: ", command.about);
    if is_serve {
        text.push_str(USAGE);
        for command in COMMANDS {
            let form = command.form();
            entry(&mut text, form.trim_start_matches("headcount "), command.summary);
        }
        text.push_str("\nFlags of serve:\n");
    } else {
        line(&mut text, &format!("{} {}", command.form(), command.usage));
        text.push_str("\nFlags:\n");
    }
    for flag in command.flags {
        describe(&mut text, flag, cores);
    }
    entry(&mut text, &format!("-{}, --{}", VERSION.1, VERSION.0), "prints the version");
    entry(&mut text, &format!("-{}, --{}", HELP.1, HELP.0), "prints this help");
    if command.has("store") {
        text.push_str("\nStore URLs:\n");
        for form in store_url::FORMS {
            line(&mut text, &format!("  {form}"));
        }
        text.push_str(STORE_URLS);
    }
    text.push_str(ENVIRONMENT);
    if is_serve {
        text.push_str(LOG);
    }
    text.push_str("\nExit codes:\n");
    for (code, meaning) in [command.success, command.failure, WRONG].iter().enumerate() {
        line(&mut text, &format!("  {code}  {meaning}"));
    }
    line(&mut text, &format!("\nExample:\n  {}", command.example));
    text
}

fn describe(text: &mut String, flag: &Flag, cores: usize) {
    entry(text, format!("--{} {}", flag.name, flag.metavariable).trim_end(), flag.help);
    if !matches!(flag.allowed, Allowed::Nothing) {
        entry(text, "", &flag.allowed.to_string());
    }
    let default = flag.default_text(cores).map(|default| format!("[default: {default}]"));
    let origin: Vec<&str> = flag.variable.into_iter().chain(default.as_deref()).collect();
    if !origin.is_empty() {
        entry(text, "", &origin.join(" "));
    }
}

/// Two columns; the right one is broken between words.
fn entry(text: &mut String, left: &str, right: &str) {
    let mut row = format!("  {left:<LEFT_COLUMNS$}");
    // A left side that is too long has a row of its own.
    if left.len() > LEFT_COLUMNS {
        line(text, &row);
        row = format!("  {:<LEFT_COLUMNS$}", "");
    }
    for word in right.split(' ') {
        if row.len() + 1 + word.len() > COLUMNS_MAX {
            line(text, &row);
            row = format!("  {:<LEFT_COLUMNS$}", "");
        }
        row.push(' ');
        row.push_str(word);
    }
    line(text, &row);
}

fn line(text: &mut String, row: &str) {
    writeln!(text, "{row}").expect("a String takes all that is written to it");
}

/// Columns of a help text: it fits a terminal of 80.
const COLUMNS_MAX: usize = 79;

/// Columns of what stands on the left of an entry.
const LEFT_COLUMNS: usize = 22;

const USAGE: &str = "\
headcount [serve] [FLAG]...
       headcount COMMAND [NAME] [FLAG]...

Commands (each has its own --help, as in headcount create --help):
";

/// What exit code 2 means.
const WRONG: &str = "a flag, a variable or a value is wrong";

const STORE_URLS: &str = "
A user or password has its / ? # @ : & and % written as %2F %3F %23 %40 %3A %26
and %25. valkey:// is redis://, and postgresql:// is postgres://; there the
user is postgres, and the db has the user's name, unless given.
";

const ENVIRONMENT: &str = "
Environment:
  A flag wins over its HEADCOUNT_ variable. An empty variable counts as unset,
  and one that is no setting is an error.
";

const LOG: &str = "  HEADCOUNT_COUNTER is a list with commas: HEADCOUNT_COUNTER=shoes=100,hats=20,
  and so is HEADCOUNT_ALLOW_ORIGIN
  RUST_LOG says what is logged: error, warn, info (the default), debug, trace
  or off, or one of them for a module: RUST_LOG=warn,headcount::net=debug
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_names_its_flags_and_fits_eighty_columns() {
        for command in COMMANDS {
            let text = text(command, 2);
            for flag in command.flags {
                let shown = format!("  --{} {}", flag.name, flag.metavariable);
                assert!(text.contains(shown.trim_end()), "{shown} is missing in {text}");
                let variable = flag.variable.unwrap_or_default();
                assert!(text.contains(variable), "{variable} is missing in {text}");
                if let Some(default) = flag.default_text(2) {
                    assert!(text.contains(&format!("[default: {default}]\n")), "{text}");
                }
            }
            for words in ["Usage: headcount", "-h, --help", "-V, --version", "Exit codes:\n  0  "] {
                assert!(text.contains(words), "{words} is missing in {text}");
            }
            assert!(text.contains(&format!("Example:\n  {}\n", command.example)), "{text}");
            for line in text.lines() {
                assert!(line.chars().count() <= COLUMNS_MAX, "{line}");
                assert_eq!(line, line.trim_end());
            }
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
        }
    }

    #[test]
    fn the_program_s_own_help_lists_the_commands_and_the_stores() {
        let text = text(COMMANDS[0], 2);
        for command in COMMANDS {
            assert!(text.contains(&format!("\n  {}", command.name)), "{text}");
            assert!(text.contains(command.summary.split(' ').next().unwrap()), "{text}");
        }
        for words in ["RUST_LOG", "redis+unix://", "postgres://", "HEADCOUNT_COUNTER=shoes=100"] {
            assert!(text.contains(words), "{words} is missing in {text}");
        }
    }

    #[test]
    fn the_help_of_a_command_that_changes_a_counter_has_no_variable_for_its_limit() {
        for command in &COMMANDS[1..4] {
            assert!(!text(command, 2).contains("HEADCOUNT_LIMIT"), "{}", command.name);
        }
    }
}
