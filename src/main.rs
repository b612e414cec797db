//! headcount: configuration, logger, reactors, signals, exit code.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use headcount::config::{Config, Invocation};
use headcount::limits::LOG_FLUSH_TIMEOUT;
use headcount::{logging, server};
#[cfg(target_env = "musl")]
use unwind as _;

fn main() -> ExitCode {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    match Config::parse(env::args_os().skip(1), |name| env::var_os(name), cores) {
        Ok(Invocation::Serve(config)) => serve(&config),
        Ok(Invocation::Reset(config, to)) => match server::commands::reset(&config, to) {
            Ok(text) => print(&text),
            Err(error) => complain(&error.to_string(), 1),
        },
        Ok(Invocation::Print(text)) => print(&text),
        Err(error) => complain(&error.to_string(), 2),
    }
}

fn serve(config: &Config) -> ExitCode {
    let result = logging::start().and_then(|()| server::serve(config));
    logging::flush(LOG_FLUSH_TIMEOUT);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string(), 1),
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(words: &str, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "headcount: {words}");
    ExitCode::from(code)
}
