//! headcount: configuration, logger, reactors, signals, exit code.

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use headcount::config::{Config, Invocation, TlsConfig};
use headcount::limits::{LOG_FLUSH_TIMEOUT, TLS_FILE_BYTES_MAX};
use headcount::server::commands::{self, Answer};
use headcount::{logging, server};
use log::warn;
#[cfg(target_env = "musl")]
use unwind as _;

fn main() -> ExitCode {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    match Config::parse(env::args_os().skip(1), env::vars_os(), read_file, cores) {
        Ok(Invocation::Serve(config)) => serve(&config),
        Ok(Invocation::Command(command)) => {
            let result = commands::run(&command);
            // Of a failure stderr has its own line and no other.
            let is_well = matches!(&result, Ok(Answer { problem: None, .. }));
            if is_well && command.has_password_on_command_line {
                print_error(&format!("warning: {PASSWORD_SEEN}; {PASSWORD_HINT}"));
            }
            finish(result)
        }
        Ok(Invocation::Probe(question)) => finish(commands::probe(question)),
        Ok(Invocation::Print(text)) => print(&text),
        Err(error) => {
            print_error(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn serve(config: &Config) -> ExitCode {
    let result = logging::start().and_then(|()| {
        if config.has_password_on_command_line {
            warn!(hint = PASSWORD_HINT; "{PASSWORD_SEEN}");
        }
        if config.store.tls().is_some_and(TlsConfig::may_ignore_certificates) {
            warn!(hint = CERTIFICATES_HINT; "{CERTIFICATES_IGNORED}");
        }
        server::serve(config)
    });
    logging::flush(LOG_FLUSH_TIMEOUT);
    finish(result.map(|()| Answer::default()))
}

/// Reads a file, and one byte more than is allowed of any of one that is too long.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TLS_FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn finish(result: io::Result<Answer>) -> ExitCode {
    match result {
        Ok(Answer { text, problem: None }) => print(&text),
        Ok(Answer { text, problem: Some(problem) }) => {
            print(&text);
            print_error(&problem);
            ExitCode::FAILURE
        }
        Err(error) => {
            print_error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn print_error(message: &str) {
    let _ = writeln!(io::stderr(), "headcount: {message}");
}

const PASSWORD_SEEN: &str = "password on the command line: others can see it in the process list";
const PASSWORD_HINT: &str = "use --store-url-file or HEADCOUNT_STORE";

const CERTIFICATES_IGNORED: &str = "sslmode is prefer or allow: where TLS fails, or a login is \
    refused, the store is reached in plain text, whatever the certificates";
const CERTIFICATES_HINT: &str = "use sslmode=verify-full";
