//! The counts in a file: a journal, which one process has locked.
//!
//! From the bottom up: a [`disk`] is what the journal needs, and [`file_disk`] has it of the
//! system. [`format`] frames records, [`tail`] knows where the next one goes, [`entry`] is what
//! they say, [`state`] is what they add up to. [`draft`] works out a commit and [`plan`] a change,
//! [`journal`] brings them to the disk and tells the [`outcome`]. A [`compaction`] makes the file
//! short again by a [`snapshot`], and [`recovery`] reads it. `docs/file.md` has the bytes, and what
//! is promised.
//!
//! To serve it: the reactors hand their batches over by [`served`] to a [`queue`], which knows the
//! disk's [`health`]; one thread takes them out and has the [`committer`] commit. [`open`] puts all
//! of this together, and [`words`] tells what can go wrong.

pub mod committer;
pub mod compaction;
pub mod disk;
pub mod draft;
pub mod entry;
pub mod file_disk;
pub mod format;
pub mod health;
pub mod journal;
pub mod open;
pub mod outcome;
pub mod plan;
pub mod queue;
pub mod recovery;
pub mod served;
pub mod snapshot;
pub mod state;
pub mod tail;
pub mod words;

#[cfg(test)]
mod tests;
