//! The commands, run as an operator runs them: what each does, what it says, and its exit code.

mod changes;
mod lost_answers;
mod probe;
mod refusals;
mod rights;
mod serving;
mod status;

use crate::support::daemon::{Finished, run};
use crate::support::store_server::{KINDS, StoreServer};

/// A store whose counter `default` was lost after three were taken, as those who noticed left it.
fn lose_default(server: &StoreServer) {
    match server {
        StoreServer::Redis(redis) => {
            let key = crate::support::redis_server::counter_key("default");
            let _: u64 = redis.command(&["HSET", &key, "floor", "5 3"]);
        }
        StoreServer::Postgres(postgres) => drop(postgres.sql(
            "delete from headcount; insert into headcount \
             (name, taken, max, epoch, sale, floor_epoch, floor_taken) \
             values ('default', 0, 0, 0, 0, 5, 3)",
        )),
    }
}

/// Runs a command on a store.
fn command(url: &str, words: &[&str]) -> Finished {
    run(&[words, &["--store", url]].concat(), &[])
}

/// The output of a command that went well.
pub fn said(url: &str, words: &[&str]) -> String {
    let finished = command(url, words);
    assert_eq!((finished.code, finished.stderr.len()), (Some(0), 0), "{words:?}: {finished:?}");
    finished.stdout.join("\n")
}

/// The one line of a command that was not done.
pub fn refused(url: &str, words: &[&str]) -> String {
    let finished = command(url, words);
    assert_eq!((finished.code, finished.stdout.len()), (Some(1), 0), "{words:?}: {finished:?}");
    assert_eq!(finished.stderr.len(), 1, "{words:?}: {finished:?}");
    let line = finished.stderr[0].strip_prefix("headcount: ");
    line.unwrap_or_else(|| panic!("{words:?}: {finished:?}")).to_owned()
}

/// What a command has to say: on stdout with exit code 0, or on stderr with 1.
#[derive(Clone, Copy)]
enum Expected {
    Said(&'static str),
    Refused(&'static str),
}

/// Runs commands, one after the other, on a store of each kind. `prepare` makes the store what it
/// is to be before them.
fn check(prepare: impl Fn(&StoreServer), steps: &[(&[&str], Expected)]) {
    for kind in KINDS {
        let server = kind.start();
        prepare(&server);
        for (words, expected) in steps {
            match expected {
                Expected::Said(line) => {
                    assert_eq!(said(&server.url(), words), *line, "{kind:?}, {words:?}");
                }
                Expected::Refused(line) => {
                    assert_eq!(refused(&server.url(), words), *line, "{kind:?}, {words:?}");
                }
            }
        }
    }
}
