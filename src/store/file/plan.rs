//! What is to be done of a change: it is thought out here, and nothing is done yet.

use crate::counter::Count;
use crate::limits::{CHANGE_TOKEN_BYTES_MAX, FILE_COUNTERS_MAX, LIMIT_MAX};
use crate::store::change::{Change, ChangeKind, Changed, NotAllowed};
use crate::store::counters::Made;
use crate::store::error::Fault;
use crate::store::file::entry::CounterFields;
use crate::store::file::state::FileState;
use crate::store::high_water::Position;

/// Why a change was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// There is no such counter, and the change makes none, or has no limit for it.
    Missing,
    /// The file has as many counters as it may.
    TooManyCounters,
    /// The counter is in another epoch, which is this one, or 0 for none.
    OtherEpoch(u64),
    /// It is not to be done.
    NotAllowed(NotAllowed),
    /// The counter holds less than was seen of it, which is this: a create does not end that.
    Lost(u64),
    /// The limit, the epoch to come or the token is larger than a file can hold.
    TooLarge,
}

/// What is to be done of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Nothing: it was done before, or there is nothing to do.
    Done(Changed),
    /// The counter is to hold this.
    Write(Changed, CounterFields),
}

impl FileState {
    /// What is to be done of a change, which runs in the epoch that was shown, if one was.
    /// `now_us`: the wall clock.
    ///
    /// # Errors
    /// Why nothing is.
    pub fn plan(&self, name: &str, change: &Change, now_us: u64) -> Result<Planned, ChangeRefusal> {
        let held = self.find(name).map(|place| &self.counter(place).fields);
        // Before all else: whatever happened to the counter since, this change was done.
        if let Some(held) = held.filter(|held| held.has_done(change)) {
            let is_created = matches!(change.kind, ChangeKind::Create { .. });
            let before = Some(held.count).filter(|_| !is_created);
            return Ok(Planned::Done(Changed { before, after: held.count }));
        }
        let epoch = held.map_or(0, |held| held.epoch);
        if !change.fits_epoch(epoch) {
            return Err(ChangeRefusal::OtherEpoch(epoch));
        }
        let mut planned = match held {
            Some(held) => held.plan(change.kind, now_us),
            None if self.counters().len() >= FILE_COUNTERS_MAX => {
                Err(ChangeRefusal::TooManyCounters)
            }
            None => plan_new(change, now_us),
        }?;
        if let Planned::Write(_, fields) = &mut planned {
            // What the next start would not read is not written.
            let largest = fields.count.limit.max(fields.epoch);
            if largest > LIMIT_MAX || change.token.len() > CHANGE_TOKEN_BYTES_MAX {
                return Err(ChangeRefusal::TooLarge);
            }
            fields.token = change.token.as_str().into();
        }
        Ok(planned)
    }
}

impl CounterFields {
    fn has_done(&self, change: &Change) -> bool {
        !change.token.is_empty() && *self.token == *change.token
    }

    /// Checks that the counter may be taken from.
    ///
    /// # Errors
    /// It holds less than its floor.
    pub fn check_floor(&self) -> Result<(), Fault> {
        let position = Position { epoch: self.epoch, taken: self.count.taken };
        position.check_not_behind(self.floor, self.made == Made::Created)
    }

    fn plan(&self, kind: ChangeKind, now_us: u64) -> Result<Planned, ChangeRefusal> {
        let before = self.count;
        if let ChangeKind::Create { .. } = kind {
            return self.find();
        }
        let left = kind.leaves(before, self.floor.taken);
        let (after, made) = left.map_err(ChangeRefusal::NotAllowed)?;
        let mut fields = CounterFields { count: after, ..self.clone() };
        if let Some(made) = made {
            let least = self.epoch.max(self.floor.epoch) + 1;
            let epoch = now_us.min(LIMIT_MAX).max(least);
            let sale = if made == Made::Reset { epoch } else { self.sale };
            (fields.made, fields.epoch, fields.sale) = (made, epoch, sale);
            fields.floor = Position::default();
        }
        Ok(Planned::Write(Changed { before: Some(before), after }, fields))
    }

    /// A create has found it there.
    fn find(&self) -> Result<Planned, ChangeRefusal> {
        match self.check_floor() {
            Ok(()) => Ok(Planned::Done(Changed { before: Some(self.count), after: self.count })),
            Err(_) => Err(ChangeRefusal::Lost(self.floor.taken)),
        }
    }
}

/// A counter that is not there is made by all but a change of the limit, if there is a limit for
/// it.
fn plan_new(change: &Change, now_us: u64) -> Result<Planned, ChangeRefusal> {
    let limit = change.limit().filter(|_| change.may_create()).ok_or(ChangeRefusal::Missing)?;
    let taken = change.taken().unwrap_or(0);
    if taken > limit {
        return Err(ChangeRefusal::NotAllowed(NotAllowed::PastLimit(limit)));
    }
    let made = match change.kind {
        ChangeKind::Create { .. } | ChangeKind::SetLimit { .. } => Made::Created,
        ChangeKind::SetTaken { .. } => Made::Set,
        ChangeKind::Reset { .. } => Made::Reset,
    };
    let (epoch, count) = (now_us.clamp(1, LIMIT_MAX), Count { taken, limit });
    let floor = Position::default();
    let fields = CounterFields { count, epoch, made, sale: epoch, floor, token: "".into() };
    Ok(Planned::Write(Changed { before: None, after: count }, fields))
}
