//! A survey of the counters of a Redis: SCAN finds their keys, and HMGET reads each. Neither
//! writes.

use std::collections::VecDeque;

use super::reply::{self, not_redis};
use super::resp::Command;
use super::value::Value;
use super::{Due, Redis, command};
use crate::config::{Endpoint, is_counter_name};
use crate::counter::{Count, CounterId};
use crate::limits::LIMIT_MAX;
use crate::store::counters::Made;
use crate::store::error::{Fault, StoreError};
use crate::store::high_water::Position;
use crate::store::request::WireEvent;
use crate::store::survey::{Held, Scope, Survey};

impl Redis {
    /// The survey that is made instead of confirming counters, if there is one.
    pub fn survey(&self) -> Option<&Survey> {
        self.task.survey.as_ref()
    }

    /// The same, to begin one, or to take it out.
    pub fn survey_mut(&mut self) -> &mut Option<Survey> {
        &mut self.task.survey
    }

    /// Asks for the names, or for the one counter that is wanted.
    pub(super) fn begin_survey(&mut self, out: &mut Vec<u8>) {
        let Some(survey) = &mut self.task.survey else { return };
        let scope = match self.task.tour {
            Some(_) => survey.go_on(),
            None => survey.begin(),
        };
        match scope.clone() {
            Scope::All => self.send(&command::scan(b"0"), Due::Scan, out),
            Scope::One(name) => {
                survey.name(&name);
                survey.all_named();
                self.read_row(&name, out);
            }
        }
    }

    /// A survey of all counters of a Cluster goes from primary to primary: the first of them, if
    /// it does not do so yet.
    pub(super) fn begin_tour(&mut self, primaries: VecDeque<Endpoint>) -> Option<Endpoint> {
        let is_of_all = self.task.survey.as_ref().is_some_and(Survey::is_of_all);
        if !is_of_all || self.task.tour.is_some() {
            return None;
        }
        let tour = self.task.tour.insert(primaries);
        tour.pop_front()
    }

    /// A page of names came: what they hold is read, and the next page.
    pub(super) fn scanned(
        &mut self,
        page: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        if self.is_cluster && self.task.tour.is_none() {
            return Ok(Some(WireEvent::Surveyed)); // The primaries are not known yet.
        }
        let malformed = || not_redis("a page of keys that makes no sense");
        let Value::List(parts) = page else { return Err(malformed()) };
        let [cursor, Value::List(keys)] = parts.as_slice() else { return Err(malformed()) };
        let cursor = reply::text(cursor).ok_or_else(malformed)?;
        for name in keys.iter().filter_map(reply::text).filter_map(counter_name) {
            if self.task.survey.as_mut().is_some_and(|survey| survey.name(name)) {
                self.read_row(name, out);
            }
        }
        let Some(survey) = &mut self.task.survey else { return Ok(None) };
        survey.step();
        if cursor == b"0" || survey.is_cut_short() {
            survey.all_named();
        } else {
            self.send(&command::scan(cursor), Due::Scan, out);
        }
        Ok(Some(self.next_of_tour().unwrap_or(WireEvent::Surveyed)))
    }

    fn read_row(&mut self, name: &str, out: &mut Vec<u8>) {
        let read = Command::new("HMGET").word(format!("headcount:{{{name}}}"));
        let read = FIELDS.iter().fold(read, |read, field| read.word(field));
        self.ask_first(CounterId::FIRST, out);
        self.send(&read, Due::Row, out);
    }

    pub(super) fn row_read(&mut self, held: Option<Result<Held, Fault>>) -> Option<WireEvent> {
        self.task.survey.as_mut()?.answered(held);
        self.next_of_tour()
    }

    /// All of this node is read: goes on to the next.
    fn next_of_tour(&mut self) -> Option<WireEvent> {
        let survey = self.task.survey.as_mut().filter(|survey| survey.is_done())?;
        if survey.is_cut_short() {
            return None;
        }
        let next = self.task.tour.as_mut()?.pop_front()?;
        survey.more_are_named();
        Some(WireEvent::SurveyGoesTo(next))
    }
}

/// What a hash holds of a counter; `None` if there is none.
///
/// # Errors
/// It is no reply to the command.
pub(super) fn held(value: &Value) -> Result<Option<Result<Held, Fault>>, Fault> {
    let malformed = || not_redis("a counter that makes no sense");
    let Value::List(values) = value else { return Err(malformed()) };
    let fields = <&[Value; FIELDS.len()]>::try_from(values.as_slice()).map_err(|_| malformed())?;
    let is_there = fields.iter().any(|field| reply::text(field).is_some());
    Ok(is_there.then(|| read(fields)))
}

/// The same judgement as that of `take.lua`.
fn read(fields: &[Value; FIELDS.len()]) -> Result<Held, Fault> {
    let [version, taken, limit, epoch, made, floor, generation] = fields;
    let floor = match reply::text(floor) {
        None => Position::default(),
        Some(bytes) => position(bytes).ok_or_else(|| damaged("floor", floor, "two integers"))?,
    };
    if [version, taken, limit, epoch, generation].iter().all(|field| reply::text(field).is_none()) {
        let Position { epoch, taken } = floor;
        let detail = format!("the counter is gone; {taken} taken (epoch {epoch}) were seen");
        return Err(Fault { error: StoreError::Missing, detail });
    }
    if reply::text(version) != Some(b"2") {
        let Fault { detail, .. } = damaged("version", version, "2");
        return Err(Fault { error: StoreError::Layout, detail });
    }
    let number = |name: &str, field: &Value| {
        let number = reply::text(field).and_then(integer);
        let expected = "an integer from 0 to 9007199254740991";
        number.ok_or_else(|| damaged(name, field, expected))
    };
    let count = Count { taken: number("taken", taken)?, limit: number("limit", limit)? };
    let epoch = number("epoch", epoch)?;
    let made = reply::text(made).and_then(Made::from_word);
    let made = made.ok_or_else(|| damaged("made", &fields[4], "created, reset or set"))?;
    let position = Position { epoch, taken: count.taken };
    position.check_not_behind(floor, made == Made::Created)?;
    Ok(Held { count, epoch, made })
}

fn damaged(name: &str, field: &Value, expected: &str) -> Fault {
    let shown = match reply::text(field) {
        None => "is missing".to_owned(),
        Some(bytes) => {
            let bytes = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
            format!("holds {:?}", String::from_utf8_lossy(bytes))
        }
    };
    let detail = format!("the field {name} {shown}: expected {expected}");
    Fault { error: StoreError::Damaged, detail }
}

fn counter_name(key: &[u8]) -> Option<&str> {
    let name = key.strip_prefix(b"headcount:{")?.strip_suffix(b"}")?;
    str::from_utf8(name).ok().filter(|name| is_counter_name(name))
}

fn position(bytes: &[u8]) -> Option<Position> {
    let (epoch, taken) = str::from_utf8(bytes).ok()?.split_once(' ')?;
    Some(Position { epoch: integer(epoch.as_bytes())?, taken: integer(taken.as_bytes())? })
}

/// Digits alone, and no more of them than a double counts without a gap.
fn integer(bytes: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(bytes).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number <= LIMIT_MAX)
}

const FIELDS: [&str; 7] = ["version", "taken", "limit", "epoch", "made", "floor", "generation"];
/// Bytes of a field that an error shows.
const SHOWN_BYTES_MAX: usize = 40;
