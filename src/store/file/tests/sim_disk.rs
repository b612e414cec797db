//! A disk in memory, which loses what a disk may lose.
//!
//! It has files, and the names of files. Of both it knows what is on the disk for sure, and what
//! was done since. In a crash any part of that is lost: writes by sectors or torn at a byte,
//! lengths, renames. A failed sync leaves what it should have written where a crash loses it for
//! ever.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use fastrand::Rng;

use crate::store::file::disk::{Disk, Target};

const SECTOR: usize = 512;

/// What goes wrong at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops in the middle of it.
    Crash,
    /// There is no room; of a write some bytes are there.
    NoRoom,
    /// The device fails.
    Broken,
    /// The file system cannot do it.
    Unsupported,
}

#[derive(Clone, Debug)]
enum Unsynced {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct SimFile {
    /// What a reader sees.
    bytes: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Unsynced>,
}

/// A sync in the background, which is done some operations later.
#[derive(Clone, Copy, Debug)]
struct Syncing {
    file: usize,
    /// Of its changes, those that were there at the start. The others may or may not be synced.
    changes: usize,
    due: usize,
}

#[derive(Debug)]
struct Machine {
    files: Vec<SimFile>,
    /// The names as they are, and as they were, oldest first, since the last sync of the folder.
    names: Vec<BTreeMap<&'static str, usize>>,
    syncing: Option<Syncing>,
    rng: Rng,
    operations: usize,
    written_bytes: usize,
    faults: BTreeMap<usize, Fault>,
    is_down: bool,
}

/// The same disk for the journal and for the test.
#[derive(Clone, Debug)]
pub struct SimDisk {
    machine: Rc<RefCell<Machine>>,
}

const JOURNAL: &str = "journal";
const NEXT: &str = "next";

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> SimDisk {
        let machine = Machine {
            files: Vec::new(),
            names: vec![BTreeMap::new()],
            syncing: None,
            rng: Rng::with_seed(seed),
            operations: 0,
            written_bytes: 0,
            faults: BTreeMap::new(),
            is_down: false,
        };
        SimDisk { machine: Rc::new(RefCell::new(machine)) }
    }

    /// Operations so far.
    pub fn operations(&self) -> usize {
        self.machine.borrow().operations
    }

    /// Bytes that were written since the last call.
    pub fn take_written_bytes(&self) -> usize {
        std::mem::take(&mut self.machine.borrow_mut().written_bytes)
    }

    /// The operation of this number goes wrong.
    pub fn fail_at(&self, operation: usize, fault: Fault) {
        self.machine.borrow_mut().faults.insert(operation, fault);
    }

    /// All goes well from now on.
    pub fn heal(&self) {
        self.machine.borrow_mut().faults.clear();
    }

    /// Whether it has crashed, and not come up again.
    pub fn is_down(&self) -> bool {
        self.machine.borrow().is_down
    }

    /// The bytes of the journal, as a reader sees them.
    pub fn bytes(&self) -> Vec<u8> {
        let machine = self.machine.borrow();
        machine.find(JOURNAL).map_or_else(Vec::new, |file| machine.files[file].bytes.clone())
    }

    /// Whether there is a next file.
    pub fn has_next(&self) -> bool {
        self.machine.borrow().find(NEXT).is_some()
    }

    /// The journal has these bytes, for sure.
    pub fn write_journal(&self, bytes: &[u8]) {
        let machine = &mut *self.machine.borrow_mut();
        let (bytes, synced, unsynced) = (bytes.to_vec(), bytes.to_vec(), Vec::new());
        machine.files.push(SimFile { bytes, synced, unsynced });
        machine.names = vec![BTreeMap::from([(JOURNAL, machine.files.len() - 1)])];
    }

    /// The machine comes up again, after a crash or a loss of power.
    pub fn restart(&self) {
        let machine = &mut *self.machine.borrow_mut();
        (machine.is_down, machine.syncing) = (false, None);
        let kept = machine.rng.usize(..machine.names.len());
        machine.names = vec![machine.names.swap_remove(kept)];
        for file in &mut machine.files {
            let mut bytes = std::mem::take(&mut file.synced);
            for change in std::mem::take(&mut file.unsynced) {
                survive(&mut bytes, change, &mut machine.rng);
            }
            (file.synced, file.bytes) = (bytes.clone(), bytes);
        }
    }
}

/// A part of an unsynced change may be on the disk.
fn survive(bytes: &mut Vec<u8>, change: Unsynced, rng: &mut Rng) {
    match change {
        Unsynced::Length(length) => {
            if rng.bool() {
                bytes.resize(length, 0);
            }
        }
        Unsynced::Write(offset, written) => match rng.u8(..4) {
            0 => {}
            1 => put(bytes, offset, &written),
            2 => put(bytes, offset, &written[..rng.usize(..=written.len())]),
            _ => {
                let mut at = 0;
                while at < written.len() {
                    let end = ((offset + at) / SECTOR + 1) * SECTOR - offset;
                    let sector = &written[at..end.min(written.len())];
                    if rng.bool() {
                        put(bytes, offset + at, sector);
                    }
                    at = end;
                }
            }
        },
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

impl Machine {
    fn find(&self, name: &str) -> Option<usize> {
        self.names.last().and_then(|names| names.get(name)).copied()
    }

    fn file(&mut self, target: Target) -> io::Result<&mut SimFile> {
        let name = if target == Target::Journal { JOURNAL } else { NEXT };
        let file = self.find(name).ok_or(ErrorKind::NotFound)?;
        Ok(&mut self.files[file])
    }

    /// One more operation: what goes wrong with it.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        if self.is_down {
            return Err(ErrorKind::NotConnected.into());
        }
        let fault = self.faults.get(&self.operations).copied();
        self.operations += 1;
        self.is_down = fault == Some(Fault::Crash);
        Ok(fault)
    }

    /// The sync in the background is done, or it has failed.
    fn end_sync(&mut self, syncing: Syncing, fault: Option<Fault>) {
        let mut rng = self.rng.fork();
        let file = &mut self.files[syncing.file];
        for change in file.unsynced.drain(..syncing.changes.min(file.unsynced.len())) {
            match change {
                Unsynced::Length(length) if fault.is_none() => file.synced.resize(length, 0),
                Unsynced::Write(offset, bytes) if fault.is_none() => {
                    put(&mut file.synced, offset, &bytes);
                }
                lost => survive(&mut file.synced, lost, &mut rng),
            }
        }
    }

    fn rename(&mut self, change: impl FnOnce(&mut BTreeMap<&'static str, usize>)) {
        let mut names = self.names.last().cloned().unwrap_or_default();
        change(&mut names);
        self.names.push(names);
    }
}

/// What the caller sees of a fault.
fn outcome(fault: Option<Fault>) -> io::Result<()> {
    match fault {
        None => Ok(()),
        Some(Fault::Crash) => Err(ErrorKind::NotConnected.into()),
        Some(Fault::NoRoom) => Err(ErrorKind::StorageFull.into()),
        Some(Fault::Broken) => Err(ErrorKind::Other.into()),
        Some(Fault::Unsupported) => Err(ErrorKind::Unsupported.into()),
    }
}

impl Disk for SimDisk {
    fn read_start(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        let mut start = self.read(0)?;
        start.truncate(bytes);
        Ok(start)
    }

    fn read(&mut self, _: u64) -> io::Result<Vec<u8>> {
        let fault = self.machine.borrow_mut().begin()?;
        outcome(fault)?;
        Ok(self.bytes())
    }

    fn create_next(&mut self) -> io::Result<()> {
        let machine = &mut *self.machine.borrow_mut();
        let fault = machine.begin()?;
        if matches!(fault, None | Some(Fault::Crash)) {
            machine.files.push(SimFile::default());
            let file = machine.files.len() - 1;
            machine.rename(|names| _ = names.insert(NEXT, file));
        }
        outcome(fault)
    }

    fn write(&mut self, target: Target, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let machine = &mut *self.machine.borrow_mut();
        let fault = machine.begin()?;
        // No room for the last byte at the least, and often for no more than that.
        let length = match fault {
            None | Some(Fault::Crash) => bytes.len(),
            _ if machine.rng.bool() => bytes.len() - 1,
            _ => machine.rng.usize(..bytes.len()),
        };
        machine.written_bytes += length;
        let file = machine.file(target)?;
        put(&mut file.bytes, offset as usize, &bytes[..length]);
        file.unsynced.push(Unsynced::Write(offset as usize, bytes[..length].to_vec()));
        outcome(fault)
    }

    fn sync(&mut self, target: Target) -> io::Result<()> {
        let machine = &mut *self.machine.borrow_mut();
        let fault = machine.begin()?;
        let mut rng = machine.rng.fork();
        let file = machine.file(target)?;
        match fault {
            None => {
                file.synced = file.bytes.clone();
                file.unsynced.clear();
            }
            Some(Fault::Crash) => {}
            // The kernel has dropped the pages: some are written, the rest never will be.
            Some(_) => {
                for change in std::mem::take(&mut file.unsynced) {
                    survive(&mut file.synced, change, &mut rng);
                }
            }
        }
        outcome(fault)
    }

    fn start_sync_next(&mut self) -> io::Result<()> {
        let machine = &mut *self.machine.borrow_mut();
        outcome(machine.begin()?)?;
        let file = machine.find(NEXT).ok_or(ErrorKind::NotFound)?;
        let due = machine.operations + machine.rng.usize(1..8);
        machine.syncing = Some(Syncing { file, changes: machine.files[file].unsynced.len(), due });
        Ok(())
    }

    fn next_synced(&mut self) -> Option<io::Result<()>> {
        let machine = &mut *self.machine.borrow_mut();
        let syncing = machine.syncing?;
        let fault = match machine.begin() {
            Ok(None) if machine.operations < syncing.due => return None,
            Ok(fault) => fault,
            Err(error) => return Some(Err(error)),
        };
        if fault != Some(Fault::Crash) {
            machine.syncing = None;
            machine.end_sync(syncing, fault);
        }
        Some(outcome(fault))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_length(Target::Journal, |_| length as usize)
    }

    fn allocate(&mut self, target: Target, length: u64) -> io::Result<()> {
        self.set_length(target, |before| before.max(length as usize))
    }

    fn rename_next(&mut self) -> io::Result<()> {
        let machine = &mut *self.machine.borrow_mut();
        let fault = machine.begin()?;
        if matches!(fault, None | Some(Fault::Crash)) {
            let file = machine.find(NEXT).ok_or(ErrorKind::NotFound)?;
            machine.rename(|names| {
                names.remove(NEXT);
                names.insert(JOURNAL, file);
            });
        }
        outcome(fault)
    }

    fn remove_next(&mut self) {
        let machine = &mut *self.machine.borrow_mut();
        machine.syncing = None;
        if matches!(machine.begin(), Ok(None)) {
            machine.rename(|names| _ = names.remove(NEXT));
        }
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let machine = &mut *self.machine.borrow_mut();
        let fault = machine.begin()?;
        if fault.is_none() {
            machine.names = machine.names.pop().into_iter().collect();
        }
        outcome(fault)
    }
}

impl SimDisk {
    fn set_length(&self, target: Target, length: impl FnOnce(usize) -> usize) -> io::Result<()> {
        let machine = &mut *self.machine.borrow_mut();
        let fault = machine.begin()?;
        let file = machine.file(target)?;
        if matches!(fault, None | Some(Fault::Crash)) {
            let length = length(file.bytes.len());
            file.bytes.resize(length, 0);
            file.unsynced.push(Unsynced::Length(length));
        }
        outcome(fault)
    }
}
