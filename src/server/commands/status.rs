//! `headcount status`: what the store holds of one counter, or of all. It only reads.

use std::io;

use super::answer::Answer;
use super::drive::{StoreAccess, drive};
use super::file;
use super::text;
use crate::config::{Command, StoreUrl};
use crate::counter::Count;
use crate::limits::STATUS_COUNTERS_MAX;
use crate::store::connection::Connection;
use crate::store::error::Fault;
use crate::store::open::Purpose;
use crate::store::survey::{Found, Held, Rows, Scope};

/// Prints one counter, or all, sorted by name.
///
/// # Errors
/// There is no such counter, or the store did not answer.
pub fn status(command: &Command, name: Option<&str>, is_json: bool) -> io::Result<Answer> {
    let scope = name.map_or(Scope::All, |name| Scope::One(name.to_owned()));
    let Found { rows, is_cut_short } = read(&StoreAccess::of(command), "status", scope)?;
    if let (Some(name), true) = (name, rows.is_empty()) {
        let store = &command.store;
        return Err(io::Error::other(format!("status: there is no counter {name} in {store}")));
    }
    let text = match is_json {
        true => rows.iter().map(|(name, row)| json(name, row)).collect(),
        false if rows.is_empty() => format!("no counters in {}\n", command.store),
        false => table(&rows),
    };
    Ok(Answer { text, problem: problem(&rows, is_cut_short) })
}

/// Reads one counter, for another command.
///
/// # Errors
/// The store did not answer.
pub fn read_one(
    access: &StoreAccess,
    verb: &str,
    name: &str,
) -> io::Result<Option<Result<Held, Fault>>> {
    let mut found = read(access, verb, Scope::One(name.to_owned()))?;
    Ok(found.rows.pop().map(|(_, row)| row))
}

fn read(access: &StoreAccess, verb: &str, scope: Scope) -> io::Result<Found> {
    if let StoreUrl::File(path) = &access.store {
        return file::read(path, verb, &scope);
    }
    // A connection has a counter; that of a survey is neither read nor made.
    let name = match &scope {
        Scope::One(name) => name.clone(),
        Scope::All => "all".to_owned(),
    };
    let purpose = Purpose::Survey(scope);
    let mut connection = drive(access, (&name, None), purpose, Connection::is_survey_done)?;
    let survey = connection.take_survey();
    let survey = survey.ok_or_else(|| io::Error::other(text::failure(&connection, verb, &name)))?;
    let is_cut_short = survey.is_cut_short();
    Ok(Found { rows: survey.rows(), is_cut_short })
}

fn problem(rows: &Rows, is_cut_short: bool) -> Option<String> {
    let refused: Vec<&str> =
        rows.iter().filter(|(_, row)| row.is_err()).map(|(name, _)| name.as_str()).collect();
    if is_cut_short {
        let max = STATUS_COUNTERS_MAX;
        return Some(format!("status: more than {max} counters: the others are not listed"));
    }
    let (count, all) = (refused.len(), rows.len());
    let first = refused.first()?;
    let others = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    Some(format!("status: {count} of {all} cannot be taken from: {first}{others}"))
}

// --- for people --------------------------------------------------------------------------------

fn table(rows: &Rows) -> String {
    let head = HEAD.map(str::to_owned);
    let lines: Vec<([String; COLUMNS], Option<String>)> = std::iter::once((head, None))
        .chain(rows.iter().map(|(name, row)| line(name, row)))
        .collect();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        lines.iter().map(|(cells, _)| cells[column].len()).max().unwrap_or_default()
    });
    lines.iter().map(|(cells, reason)| aligned(cells, &widths, reason.as_deref())).collect()
}

fn line(name: &str, row: &Result<Held, Fault>) -> ([String; COLUMNS], Option<String>) {
    let name = name.to_owned();
    match row {
        Ok(Held { count, epoch, made }) => {
            let numbers = [count.taken, count.limit, count.remaining()].map(|it| it.to_string());
            let [taken, limit, remaining] = numbers;
            let state = state(*count).to_owned();
            let (epoch, made) = (epoch.to_string(), made.word().to_owned());
            ([name, taken, limit, remaining, state, epoch, made], None)
        }
        Err(fault) => {
            let none = || "-".to_owned();
            let cells = [name, none(), none(), none(), REFUSED.to_owned(), none(), none()];
            let reason = format!("{}: {}", fault.error.word(), text::printable(&fault.detail));
            (cells, Some(reason))
        }
    }
}

fn aligned(cells: &[String; COLUMNS], widths: &[usize; COLUMNS], reason: Option<&str>) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let is_number = (1..=3).contains(&column);
        let padded = if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        line += &padded;
        line += "  ";
    }
    line += reason.unwrap_or_default();
    format!("{}\n", line.trim_end())
}

// --- for programs ------------------------------------------------------------------------------

fn json(name: &str, row: &Result<Held, Fault>) -> String {
    let name = quoted(name);
    match row {
        Ok(Held { count, epoch, made }) => {
            let Count { taken, limit } = count;
            let (remaining, state, made) = (count.remaining(), state(*count), made.word());
            format!(
                "{{\"counter\":{name},\"taken\":{taken},\"limit\":{limit},\
                 \"remaining\":{remaining},\"state\":\"{state}\",\"epoch\":{epoch},\
                 \"made\":\"{made}\"}}\n"
            )
        }
        Err(fault) => {
            let (reason, detail) = (fault.error.word(), quoted(&text::printable(&fault.detail)));
            format!(
                "{{\"counter\":{name},\"state\":\"{REFUSED}\",\"reason\":\"{reason}\",\
                 \"detail\":{detail}}}\n"
            )
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

fn state(count: Count) -> &'static str {
    match count.limit {
        0 => "closed",
        _ if count.halted() => "halted",
        _ => "open",
    }
}

const REFUSED: &str = "refused";
const COLUMNS: usize = 7;
const HEAD: [&str; COLUMNS] = ["NAME", "TAKEN", "LIMIT", "REMAINING", "STATE", "EPOCH", "MADE"];
