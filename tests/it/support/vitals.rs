//! What the kernel says of a process: memory, processor time, open files (Linux, proc(5)).

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// The unit of the times in `/proc/PID/stat`, the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

/// A process that lives.
#[derive(Clone, Copy, Debug)]
pub struct Vitals {
    process_id: u32,
}

impl Vitals {
    /// Of this process.
    pub fn of(process_id: u32) -> Self {
        Self { process_id }
    }

    /// Bytes of memory that it holds now.
    pub fn memory_bytes(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most bytes of memory that it ever held.
    pub fn memory_peak_bytes(self) -> u64 {
        self.status("VmHWM:")
    }

    /// The time that processors spent on it, its own and the kernel's for it.
    pub fn processor_time(self) -> Duration {
        let stat = self.read("stat");
        // The second field is a name in parentheses, which may have spaces in it.
        let (_, rest) = stat.rsplit_once(") ").expect("the name ends in a parenthesis");
        let fields: Vec<&str> = rest.split(' ').collect();
        // utime and stime are fields 14 and 15, and `fields` begins with field 3.
        let ticks = fields[11..=12].iter().map(|field| field.parse::<u64>().expect("a number"));
        Duration::from_millis(ticks.sum::<u64>() * 1_000 / TICKS_PER_SECOND)
    }

    /// How many files it has open, sockets among them.
    pub fn open_files(self) -> u64 {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.process_id));
        folder.expect("the process lives").count() as u64
    }

    /// Lets it open no more than this many files from now on; a maximum of its own stays.
    pub fn limit_open_files(self, open_files: u64) {
        let process_id = i32::try_from(self.process_id).expect("a process id is positive");
        let maximum = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: Some(open_files), maximum };
        prlimit(Pid::from_raw(process_id), Resource::Nofile, limit).expect("the process is ours");
    }

    fn status(self, name: &str) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kibibytes.and_then(|number| number.parse::<u64>().ok()).expect("a size in kB") * 1_024
    }

    fn read(self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.process_id)).expect("the process lives")
    }
}
