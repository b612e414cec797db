//! The store in a file: what it keeps, whom it refuses, and what ends it.

mod commands;
mod disks;
mod kills;
mod power_loss;
mod refusals;
mod serving;

use crate::support::daemon::Daemon;
use crate::support::load::Tally;
use crate::support::store_file::StoreFile;

/// A process on the file, which creates it if there is none.
fn start(file: &StoreFile, arguments: &[&str]) -> Daemon {
    Daemon::start_with_store(&file.url(), arguments)
}

/// Checks what clients were told over the lives of several processes, each of which ended without
/// a word: nothing twice, nothing past what the file says is taken, and no more lost than
/// `lost_max` answers that were on their way. Gives how many were.
fn check_kept(told: &Tally, taken: u64, lost_max: u64) -> u64 {
    told.assert_sound(taken);
    let lost = taken - told.numbers.len() as u64;
    assert!(lost <= lost_max, "{taken} taken, {lost} lost, more than {lost_max} were on their way");
    lost
}
