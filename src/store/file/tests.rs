//! The journal over a simulated disk, and over a real one.

mod bounds;
mod compaction;
mod crashes;
mod damage;
mod real_disk;
mod rules;
mod scale;
mod served;
mod sim_disk;
mod steps;

use std::fmt::Write;

use crate::counter::Grant;
use crate::limits::FILE_BYTES_MAX;
use crate::store::change::{Change, ChangeKind};
use crate::store::file::disk::Disk;
use crate::store::file::draft::Take;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{CompactionError, Progress};
use crate::store::file::state::FileState;
use crate::store::file::tail::Sizes;
use crate::store::keys::{Key, KeyedNumber, Keys};
use crate::store::request::Reply;

/// So small that a short run fills them.
const SMALL: Sizes = Sizes {
    compaction_bytes_min: 600,
    preallocated_bytes: 256,
    bytes_max: FILE_BYTES_MAX,
    snapshot_payload_bytes: 100,
    sync_bytes: 300,
    last_sync_bytes: 100,
};

fn key(text: &str) -> Key {
    Key::new(text.as_bytes()).expect("it is a key")
}

fn keys(texts: &[&str]) -> Keys {
    texts.iter().map(|text| key(text)).collect()
}

fn create(limit: u64) -> Change {
    Change::new(format!("create-{limit}"), ChangeKind::Create { limit })
}

/// Compacts, if the journal is large, with nothing between the steps. Says whether it did.
fn compact<D: Disk>(journal: &mut Journal<D>) -> Result<bool, CompactionError> {
    loop {
        match journal.compact_step()? {
            Progress::Idle => return Ok(false),
            Progress::Done => return Ok(true),
            Progress::More => {}
            Progress::Waiting => std::thread::yield_now(),
        }
    }
}

/// Takes from one counter; the disk does it.
fn take<D: Disk>(journal: &mut Journal<D>, name: &str, texts: &[&str], count: u64) -> Reply {
    let place = journal.state().find(name).expect("the counter is there");
    let take = Take { place, count, keys: keys(texts) };
    let mut replies = journal.commit(&[take]).expect("the disk does it");
    replies.pop().expect("one reply")
}

fn grant(reply: &Reply) -> Grant {
    reply.grant().expect("it ran")
}

fn keyed(reply: Reply) -> Vec<KeyedNumber> {
    match reply {
        Reply::GrantedToKeys(_, keyed) => keyed.into_vec(),
        other => panic!("{other:?}"),
    }
}

/// All that a state holds, as text.
fn digest(state: &FileState) -> String {
    let mut text = String::new();
    for counter in state.counters() {
        let mut keys: Vec<_> =
            counter.keys.iter().map(|(key, n, e)| (n, e, key.as_str())).collect();
        keys.sort_unstable();
        writeln!(text, "{} {:?} {keys:?}", counter.name, counter.fields).expect("into a String");
    }
    text
}
