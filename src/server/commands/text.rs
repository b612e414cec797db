//! What the commands say. Pure, and without any secret: the documents quote these lines.

use crate::counter::Count;
use crate::store::change::Changed;
use crate::store::connection::Connection;
use crate::store::error::{Fault, StoreError};
use crate::store::survey::Held;

/// A change that keeps the limit finds none.
pub fn no_limit(verb: &str, name: &str) -> String {
    format!("{verb}: not done: the store holds no limit of counter {name}: add --limit N")
}

/// A reset without a terminal and without `--yes`.
pub const CANNOT_ASK: &str =
    "reset: not done: stdin is no terminal to ask on; to reset without being asked, add --yes";
/// A reset that the operator did not mean.
pub const NOT_CONFIRMED: &str = "reset: not done: the name was not typed";

pub fn created(name: &str, count: Count) -> String {
    format!("counter {name} created: {}\n", taken(count))
}

pub fn already_there(name: &str, count: Count) -> String {
    format!("counter {name} is already there: {}\n", taken(count))
}

pub fn created_otherwise(name: &str, limit: u64, changed: Changed) -> String {
    let Count { taken, limit: held } = changed.after;
    format!(
        "create: not done: counter {name} is there with limit {held}, not {limit} ({taken} taken); \
         to change it: headcount set {name} --limit {limit}"
    )
}

pub fn limit_set(name: &str, asked: u64, changed: Changed) -> String {
    let Count { taken, limit } = changed.after;
    let before = match changed.before {
        Some(count) => format!("limit {} before", count.limit),
        None => "no limit before".to_owned(),
    };
    let closed = if limit > asked {
        format!("; {asked} is below what is taken, so it is closed at {limit}")
    } else {
        String::new()
    };
    format!("counter {name}: {before}, {limit} now; {taken} taken{closed}\n")
}

/// Of a set of the count, or a reset.
pub fn changed(name: &str, verb: &str, changed: Changed) -> String {
    let Count { taken: taken_now, limit } = changed.after;
    let before = match changed.before {
        Some(count) => format!("{} before", taken(count)),
        None => "no count before".to_owned(),
    };
    format!("counter {name} {verb}: {before}, {taken_now} of {limit} now\n")
}

pub fn reset_question(name: &str, held: Option<&Result<Held, Fault>>) -> String {
    let now = match held {
        None => "there is none yet".to_owned(),
        Some(Ok(held)) => taken(held.count),
        Some(Err(fault)) => format!("{} ({})", fault.error.word(), printable(&fault.detail)),
    };
    let will = "All numbers will be handed out again. Type the name to go on:";
    format!("Reset counter {name}: {now}. {will}")
}

/// Why a command was not done, as far as that is known.
pub fn failure(connection: &Connection, verb: &str, name: &str) -> String {
    let is_in_doubt = connection.wire().change_progress().is_in_doubt();
    let Fault { error, detail } = connection.last_fault();
    let (reason, detail) = (error.word(), printable(detail));
    match (error, is_in_doubt) {
        (StoreError::Declined, false) => format!("{verb}: not done: {detail}"),
        (StoreError::Declined, true) => format!(
            "{verb}: {detail}; it may have been done before that: see headcount status {name}"
        ),
        (_, true) => format!(
            "{verb}: no answer: {reason} ({detail}); it may still happen: see headcount status \
             {name}"
        ),
        (_, false) => {
            let hint = connection.wire().hint(*error);
            format!("{verb}: not done: {reason} ({detail}); {hint}")
        }
    }
}

/// Words from outside, as they may go to a terminal: what is not printable is escaped.
pub fn printable(detail: &str) -> String {
    detail.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}

fn taken(count: Count) -> String {
    format!("{} of {} taken", count.taken, count.limit)
}
