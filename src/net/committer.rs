//! The thread that commits to a file for all reactors: it alone waits for the disk.

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use mio::Waker;

use crate::store::file::committer::Committer;
use crate::store::file::file_disk::FileDisk;
use crate::store::file::served::Next;

/// Commits what the reactors hand over, until all of them have left. They have these wakers, by
/// their places.
///
/// # Errors
/// A reactor cannot be woken any more.
pub fn run(mut committer: Committer<FileDisk>, wakers: &[Arc<Waker>]) -> io::Result<()> {
    loop {
        match committer.wait(Instant::now) {
            Next::End => return Ok(()),
            Next::Nothing => {}
            Next::Work => {
                let work = committer.take(Instant::now());
                let done = committer.commit(work, now_us());
                let reactors = committer.settle(done, Instant::now());
                // All of them, before one that cannot be woken ends this.
                let woken: Vec<_> = reactors.iter().map(|it| wakers[*it].wake()).collect();
                woken.into_iter().collect::<io::Result<()>>()?;
            }
        }
        committer.compact();
    }
}

/// The wall clock, in microseconds since 1970.
pub fn now_us() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.unwrap_or_default().as_micros() as u64
}
