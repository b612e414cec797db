//! The power fails under load: a file system on a block device is shut down by the kernel, which
//! drops all that was not brought to the device (EXT4_IOC_SHUTDOWN), and is mounted again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::check_kept;
use crate::support::daemon::Daemon;
use crate::support::load::{GENTLE_CONNECTIONS, Load, Tally};
use crate::support::process::Folder;

/// `HEADCOUNT_POWER_LOSSES=50` for more.
const LOSSES: u64 = 5;

/// An ext4 on a loop device, mounted in a folder.
struct Device {
    folder: Folder,
}

impl Device {
    /// `None` where nothing can be mounted: without root, or without loop devices.
    fn create() -> Option<Device> {
        let device = Device { folder: Folder::create() };
        let image = device.image();
        File::create(&image).and_then(|file| file.set_len(64 * 1024 * 1024)).ok()?;
        fs::create_dir(device.mount_point()).ok()?;
        let is_made = run(&["mkfs.ext4", "-q", text(&image)]);
        (is_made && device.mount()).then_some(device)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount_point(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn url(&self) -> String {
        format!("file:{}/count", self.mount_point().display())
    }

    fn mount(&self) -> bool {
        run(&["mount", "-o", "loop", text(&self.image()), text(&self.mount_point())])
    }

    /// From one moment to the next nothing reaches the device any more.
    fn cut_power(&self) {
        // EXT4_IOC_SHUTDOWN is _IOR('X', 125, __u32); 2 is "without flushing the log".
        const SHUTDOWN: &str = "import fcntl, os, struct, sys; \
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
        assert!(run(&["python3", "-c", SHUTDOWN, text(&self.mount_point())]), "it was shut down");
    }

    fn restore_power(&self) {
        assert!(run(&["umount", text(&self.mount_point())]), "nobody uses it any more");
        assert!(self.mount(), "it can be mounted again");
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        run(&["umount", "--lazy", text(&self.mount_point())]);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("its name is text")
}

fn run(words: &[&str]) -> bool {
    let output = Command::new(words[0]).args(&words[1..]).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn the_power_fails_under_load_and_nothing_that_was_told_is_told_again() {
    let Some(device) = Device::create() else {
        eprintln!("no block device can be made here: the simulated disk alone lost its power");
        return;
    };
    let losses = std::env::var("HEADCOUNT_POWER_LOSSES");
    let losses = losses.map_or(LOSSES, |it| it.parse().expect("a number"));
    let (mut told, mut refused) = (Tally::default(), 0);
    let arguments = ["--limit", "1000000000", "--threads", "2"];
    let start_there = || Daemon::start_with_store(&device.url(), &arguments);
    for loss in 0..losses {
        let doomed = start_there();
        let load = Load::start_gentle(doomed.address());
        load.wait_for_numbers(20 + (loss as usize * 37) % 100);
        // Who syncs at this very moment may be told by the kernel that all is well, which is not so
        // (one in a hundred; no power loss tells anybody anything). So nobody does.
        doomed.signal("STOP");
        device.cut_power();
        doomed.signal("CONT");
        load.wait_for_unavailable(1); // What is not on the device is not told.
        doomed.wait_for_log("the failure", |line| line["level"] == "ERROR");
        drop(doomed);
        let tally = load.stop();
        told.numbers.extend(tally.numbers);
        refused += tally.unavailable;
        device.restore_power();
    }
    let taken = start_there().taken();
    let lost = check_kept(&told, taken, losses * GENTLE_CONNECTIONS as u64);
    eprintln!(
        "{losses} losses of power: {taken} taken, {lost} of them with answers on their way, \
         {refused} refused"
    );
}
