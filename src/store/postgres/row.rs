//! What the rows of our statements say. Pure functions of bytes.

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::DataRowBody;

use super::error;
use super::keyed;
use crate::counter::{Count, Grant};
use crate::limits::LIMIT_MAX;
use crate::store::change::Change;
use crate::store::counters::Made;
use crate::store::error::{Fault, StoreError};
use crate::store::high_water::Position;
use crate::store::keys::{self, KeyedNumber};
use crate::store::survey;

/// What a row of a take says.
pub struct Taken {
    /// What was granted, or with none granted, what the counter holds.
    pub grant: Grant,
    /// What each key of the request has got; nothing where they have no part in it.
    pub keyed: Box<[KeyedNumber]>,
    /// The link has its row.
    pub is_known: bool,
    version: u64,
    /// How the epoch began; `None` in a row that does not say.
    made: Option<Made>,
    /// Nobody takes from a counter that holds less.
    floor: Position,
}

impl Taken {
    /// How the epoch began; `None` in a row that does not say.
    pub fn made(&self) -> Option<Made> {
        self.made
    }

    /// Whether it has granted something, to keys or to others.
    pub fn has_granted(&self) -> bool {
        self.grant.granted + keys::granted_to(&self.keyed) > 0
    }

    /// Whether the counter may be taken from by one who has `seen` so much.
    pub fn check(&self, seen: Position) -> Result<(), Fault> {
        let (version, limit) = (self.version, self.grant.limit);
        if version != VERSION {
            return Err(other_version(version));
        }
        if self.grant.epoch == 0 {
            return Err(error::missing(self.floor)); // See lost.sql.
        }
        if limit > LIMIT_MAX {
            return Err(past_bound(limit));
        }
        if self.has_granted() {
            return Ok(()); // The statement has checked it, now or before the connection was lost.
        }
        let held = Position { epoch: self.grant.epoch, taken: self.grant.count().taken };
        let is_created = self.made == Some(Made::Created);
        held.check_not_behind(seen, is_created)?;
        held.check_not_behind(self.floor, is_created)
    }
}

/// What a change has read of its counter; the epoch is 0 if there was none.
#[derive(Clone, Debug, Default)]
pub struct ReadBefore {
    /// The epoch.
    pub epoch: u64,
    /// The token of the last change before.
    pub token: String,
}

/// What a counter holds that is to be changed.
pub struct Held {
    pub epoch: u64,
    /// How it came to be: `created`, `reset` or `set`.
    pub made: String,
    /// That of the last change.
    pub token: String,
    /// How many are taken, and the limit.
    pub count: Count,
    floor: Position,
    version: u64,
}

impl Held {
    /// Whether it is in today's layout.
    pub fn is_of_this_version(&self) -> bool {
        self.version == VERSION
    }

    /// Whether it is a counter that can be taken from.
    pub fn is_well(&self) -> bool {
        let position = Position { epoch: self.epoch, taken: self.count.taken };
        let is_created = self.made == Made::Created.word();
        self.is_of_this_version()
            && self.epoch > 0
            && position.check_not_behind(self.floor, is_created).is_ok()
    }

    /// How many were seen to be taken by those who refuse it.
    pub fn taken_seen(&self) -> u64 {
        self.floor.taken
    }

    /// Why a change of it was not done, though nothing came between.
    pub fn why_not(&self, change: &Change, limit_default: u64) -> String {
        if !self.is_of_this_version() {
            return "another version of headcount wrote this counter".to_owned();
        }
        let least = self.count.taken.max(self.floor.taken);
        let held = if self.epoch == 0 { limit_default } else { self.count.limit };
        let limit = change.limit().unwrap_or(held);
        if limit > LIMIT_MAX {
            return format!("the limit is {limit}: lower it with --limit");
        }
        match change.taken() {
            Some(taken) if taken < least => {
                format!("--taken {taken}: {least} are taken already, and would be handed out again")
            }
            taken => format!(
                "--taken {}: the limit is {limit}; raise it with --limit",
                taken.unwrap_or_default()
            ),
        }
    }
}

/// The row of a take without keys.
///
/// # Errors
/// It is no take's.
pub fn taken(row: &DataRowBody) -> Result<Taken, Fault> {
    columns(row).ok_or_else(senseless).and_then(taken_of)
}

/// The row of a take with so many keys.
///
/// # Errors
/// It is no such take's.
pub fn taken_by_keys(row: &DataRowBody, keys: usize) -> Result<Taken, Fault> {
    let [columns @ .., array] = columns::<10>(row).ok_or_else(senseless)?;
    let (mut taken, array) = (taken_of(columns)?, array.ok_or_else(senseless)?);
    if !keyed::is_empty(array) {
        taken.keyed = keyed::numbers(array, keys, taken.grant.first).ok_or_else(senseless)?;
    }
    Ok(taken)
}

/// What such a row says of the keys alone; nothing if it is no such row.
pub fn keyed(row: &DataRowBody, keys: usize) -> Box<[KeyedNumber]> {
    taken_by_keys(row, keys).map(|taken| taken.keyed).unwrap_or_default()
}

/// The row of an answer that was given before, and how many numbers of it went to keys.
///
/// # Errors
/// It is no such row.
pub fn answered(row: &DataRowBody) -> Result<(Taken, u64), Fault> {
    let [columns @ .., keyed] = columns::<10>(row).ok_or_else(senseless)?;
    let keyed = keyed.and_then(number).ok_or_else(senseless)?;
    Ok((taken_of(columns)?, keyed))
}

fn taken_of(columns: [Option<&[u8]>; 9]) -> Result<Taken, Fault> {
    let numbers = Some(columns).and_then(|columns| {
        let [first, granted, limit, epoch, known, version, made, floor_epoch, floor_taken] =
            columns.map(|column| number(column?));
        Some(Taken {
            grant: Grant { first: first?, granted: granted?, limit: limit?, epoch: epoch? },
            keyed: Box::default(),
            is_known: known? > 0,
            version: version?,
            made: self::made(made?)?,
            floor: Position { epoch: floor_epoch?, taken: floor_taken? },
        })
    });
    let taken = numbers.ok_or_else(senseless)?;
    let is_sound = taken.grant.limit > LIMIT_MAX || taken.grant.is_sound();
    if is_sound { Ok(taken) } else { Err(senseless()) }
}

/// How an epoch began, as a number: 0 where the row does not say.
fn made(number: u64) -> Option<Option<Made>> {
    match number {
        0 => Some(None),
        1 => Some(Some(Made::Created)),
        2 => Some(Some(Made::Reset)),
        3 => Some(Some(Made::Set)),
        _ => None,
    }
}

/// The row of a change that was done: how many are taken, and the limit.
///
/// # Errors
/// It is no such row.
pub fn count(row: &DataRowBody) -> Result<Count, Fault> {
    let numbers = columns(row).map(|columns: [_; 2]| columns.map(|it| number(it?)));
    match numbers {
        Some([Some(taken), Some(limit)]) => Ok(Count { taken, limit }),
        _ => Err(senseless()),
    }
}

/// The row of a counter that is to be changed.
///
/// # Errors
/// It is no counter's.
pub fn held(row: &DataRowBody) -> Result<Held, Fault> {
    let read = columns(row).and_then(|columns| {
        let [taken, limit, epoch, floor_epoch, floor_taken, version, made, token] = columns;
        let text = |column: Option<&[u8]>| String::from_utf8(column?.to_vec()).ok();
        let floor = Position { epoch: number(floor_epoch?)?, taken: number(floor_taken?)? };
        Some(Held {
            count: Count { taken: number(taken?)?, limit: number(limit?)? },
            epoch: number(epoch?)?,
            floor,
            version: number(version?)?,
            made: text(made)?,
            token: text(token)?,
        })
    });
    read.ok_or_else(senseless)
}

/// A row of `list.sql`: the counter's name, and what it holds or why it must not be taken from.
///
/// # Errors
/// It is no such row.
pub fn listed(row: &DataRowBody) -> Result<(String, Result<survey::Held, Fault>), Fault> {
    let [name, rest @ ..] = columns::<8>(row).ok_or_else(senseless)?;
    let name = name.and_then(|name| str::from_utf8(name).ok()).ok_or_else(senseless)?;
    Ok((name.to_owned(), judged(rest)))
}

fn judged(columns: [Option<&[u8]>; 7]) -> Result<survey::Held, Fault> {
    let [taken, limit, epoch, floor_epoch, floor_taken, version, made] = columns;
    let number = |column: Option<&[u8]>| column.and_then(number).ok_or_else(senseless);
    if number(version)? != VERSION {
        return Err(other_version(number(version)?));
    }
    let (epoch, count) = (number(epoch)?, Count { taken: number(taken)?, limit: number(limit)? });
    let floor = Position { epoch: number(floor_epoch)?, taken: number(floor_taken)? };
    if epoch == 0 {
        return Err(error::missing(floor)); // See lost.sql.
    }
    if count.limit > LIMIT_MAX {
        return Err(past_bound(count.limit));
    }
    let made = made.and_then(Made::from_word).ok_or_else(senseless)?;
    let position = Position { epoch, taken: count.taken };
    position.check_not_behind(floor, made == Made::Created)?;
    Ok(survey::Held { count, epoch, made })
}

fn other_version(version: u64) -> Fault {
    let detail = format!("the row has version {version}, and not {VERSION}");
    Fault { error: StoreError::Layout, detail }
}

fn past_bound(limit: u64) -> Fault {
    let detail = format!("the column max holds {limit}: expected at most {LIMIT_MAX}");
    Fault { error: StoreError::Damaged, detail }
}

/// What a row is that has other columns than it should.
pub fn senseless() -> Fault {
    let detail = "the table headcount gave a row that makes no sense".to_owned();
    Fault { error: StoreError::Type, detail }
}

/// A column of eight bytes that holds no negative number.
pub fn number(column: &[u8]) -> Option<u64> {
    let bytes = <[u8; 8]>::try_from(column).ok()?;
    u64::try_from(i64::from_be_bytes(bytes)).ok()
}

/// The columns of a row, if there are so many; `None` in them is NULL.
pub fn columns<const COUNT: usize>(row: &DataRowBody) -> Option<[Option<&[u8]>; COUNT]> {
    let (mut ranges, mut columns) = (row.ranges(), [None; COUNT]);
    for column in &mut columns {
        *column = ranges.next().ok()??.map(|range| &row.buffer()[range]);
    }
    ranges.next().ok()?.is_none().then_some(columns)
}

/// The layout of the tables, in a column of each row.
const VERSION: u64 = 2;
