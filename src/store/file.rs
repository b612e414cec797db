//! The counts in a file: a journal, which one process has locked.
//!
//! From the bottom up: [`disk`] calls the system, [`format`] frames records, [`entry`] is what they
//! say, [`state`] is what they add up to. [`draft`] thinks a commit out and [`plan`] a change,
//! [`journal`] brings them to the disk and tells the [`outcome`], [`snapshot`] makes the file short
//! again, and [`recovery`] reads it. `docs/file.md` has the bytes, and what is promised.

pub mod disk;
pub mod draft;
pub mod entry;
pub mod format;
pub mod journal;
pub mod outcome;
pub mod plan;
pub mod recovery;
pub mod snapshot;
pub mod state;

#[cfg(test)]
mod tests;
