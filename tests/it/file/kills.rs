//! A process that is killed under load: the next one goes on behind every number that was told.

use super::{check_kept, start};
use crate::support::load::{GENTLE_CONNECTIONS, Load, Tally};
use crate::support::store_file::StoreFile;

/// `HEADCOUNT_KILLS=100` for more.
const KILLS: u64 = 5;

#[test]
fn a_process_killed_under_load_loses_only_the_answers_on_their_way() {
    let kills = std::env::var("HEADCOUNT_KILLS").map_or(KILLS, |it| it.parse().expect("a number"));
    let (file, mut told) = (StoreFile::create(), Tally::default());
    let arguments = ["--limit", "1000000000", "--threads", "2"];
    for kill in 0..kills {
        let doomed = start(&file, &arguments);
        let load = Load::start_gentle(doomed.address());
        load.wait_for_numbers(20 + (kill as usize * 37) % 100);
        drop(doomed); // With SIGKILL.
        told.numbers.extend(load.stop().numbers);
    }
    let taken = start(&file, &arguments).taken();
    let lost = check_kept(&told, taken, kills * GENTLE_CONNECTIONS as u64);
    eprintln!("{kills} kills: {taken} taken, {lost} of them with answers on their way");
}
