//! How the disk is: it takes writes, it has no room, it is slow, or it has failed for good. Logs
//! when that changes.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use log::{error, info, warn};

use crate::limits::{LOG_THROTTLE_INTERVAL, WRITE_CHECK_INTERVAL};
use crate::store::error::StoreError;
use crate::store::file::outcome::CommitError;

/// What the last write has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DiskState {
    Healthy,
    /// It refuses, and takes writes again when there is room.
    Full,
    /// It is not known what is on it. Nothing is written any more.
    Failed,
}

/// How the disk is, as the reactors are to know it.
#[derive(Debug)]
pub struct Health {
    disk: DiskState,
    /// When it was last seen so.
    seen_at: Option<Instant>,
    /// When what is waited for is too slow.
    due_at: Option<Instant>,
    /// It is too slow, since then.
    late_at: Option<Instant>,
    /// When it failed for good.
    failed_at: Option<Instant>,
    /// When it was last logged that it is not well.
    logged_at: Option<Instant>,
    /// That was logged, and not yet that it is well again.
    is_logged: bool,
    timeout: Duration,
}

impl Health {
    /// Nothing was written yet. A write that takes longer than `timeout` is too slow.
    pub fn new(timeout: Duration) -> Health {
        Health {
            disk: DiskState::Healthy,
            seen_at: None,
            due_at: None,
            late_at: None,
            failed_at: None,
            logged_at: None,
            is_logged: false,
            timeout,
        }
    }

    /// Something is being written.
    pub fn begin(&mut self, now: Instant) {
        self.due_at = Some(now + self.timeout);
    }

    /// Somebody waits for the disk, if nobody did before.
    pub fn begin_if_idle(&mut self, now: Instant) {
        if self.due_at.is_none() {
            self.begin(now);
        }
    }

    /// Whether what is waited for comes too late.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.due_at.is_some_and(|due| due <= now)
    }

    /// Nothing is being written any more.
    pub fn end(&mut self) {
        self.due_at = None;
        if self.late_at.take().is_some() && self.disk == DiskState::Healthy {
            self.log_recovery();
        }
    }

    /// Lets the time pass.
    pub fn tick(&mut self, now: Instant) {
        if self.late_at.is_none() && self.due_at.is_some_and(|due| due <= now) {
            self.late_at = self.due_at;
            let (reason, timeout_ms) = (StoreError::Timeout.word(), self.timeout.as_millis());
            let hint = "see what else the disk does; nobody waits for it meanwhile";
            if self.is_log_due(now) {
                warn!(reason, timeout_ms, hint; "store unavailable: the disk is slow");
            }
        }
    }

    /// When [`Health::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.due_at.filter(|_| self.late_at.is_none())
    }

    /// The disk took a write.
    pub fn write_succeeded(&mut self, now: Instant) {
        (self.disk, self.seen_at) = (DiskState::Healthy, Some(now));
        if self.late_at.is_none() {
            self.log_recovery();
        }
    }

    /// The disk did not take a write.
    pub fn write_failed(&mut self, why: &CommitError, now: Instant) {
        self.seen_at = Some(now);
        let reason = StoreError::Disk.word();
        match why {
            CommitError::NoRoom(fault) => {
                self.disk = DiskState::Full;
                let detail = fault.to_string();
                let hint = "free some disk space: it goes on by itself";
                if self.is_log_due(now) {
                    warn!(reason, detail, hint; "store unavailable: the disk is full");
                }
            }
            CommitError::Failed(fault) if self.disk != DiskState::Failed => {
                (self.disk, self.failed_at) = (DiskState::Failed, Some(now));
                let detail = fault.to_string();
                let hint = match fault.kind() {
                    ErrorKind::NotFound => {
                        "put the file back, then restart headcount: without it the count begins \
                         at 1"
                    }
                    _ => {
                        "see the system's log; when the disk is well, restart headcount, which \
                         reads what is really there"
                    }
                };
                error!(reason, detail, hint;
                    "store unavailable: the disk failed, and nothing is written any more");
            }
            CommitError::Failed(_) => {}
        }
    }

    /// Whether it takes writes, as it was last seen.
    pub fn last_write(&self) -> Result<(), StoreError> {
        match self.disk {
            _ if self.is_late() => Err(StoreError::Timeout),
            DiskState::Healthy => Ok(()),
            DiskState::Full | DiskState::Failed => Err(StoreError::Disk),
        }
    }

    /// The same, if it was seen not long ago, or will not change.
    pub fn recent_write(&self, now: Instant) -> Option<Result<(), StoreError>> {
        let is_fresh = |at| now.saturating_duration_since(at) < WRITE_CHECK_INTERVAL;
        let is_known = self.seen_at.is_some_and(is_fresh) || self.is_away();
        is_known.then(|| self.last_write())
    }

    /// Why nothing at all is committed now, if that is so.
    pub fn absence(&self) -> Option<StoreError> {
        self.last_write().err().filter(|_| self.is_away())
    }

    /// Since when that is so.
    pub fn away_at(&self) -> Option<Instant> {
        self.failed_at.or(self.late_at)
    }

    fn is_away(&self) -> bool {
        self.is_late() || self.disk == DiskState::Failed
    }

    fn is_late(&self) -> bool {
        self.late_at.is_some() && self.disk != DiskState::Failed
    }

    /// Whether a line is due that it is not well. Where it is well and not well in turn, one each
    /// [`LOG_THROTTLE_INTERVAL`] is enough.
    fn is_log_due(&mut self, now: Instant) -> bool {
        let is_recent = |at| now.saturating_duration_since(at) < LOG_THROTTLE_INTERVAL;
        let is_due = !self.logged_at.is_some_and(is_recent);
        if is_due {
            (self.logged_at, self.is_logged) = (Some(now), true);
        }
        is_due
    }

    fn log_recovery(&mut self) {
        if std::mem::take(&mut self.is_logged) {
            info!("store recovered");
        }
    }
}
