//! What the operating system knows of this process (proc(5)).

use std::fs;
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit};

use crate::metrics::process_stats::ProcessStats;

/// Units of the times in `/proc` a second: `USER_HZ`, which Linux keeps at this for programs,
/// whatever the kernel's own clock.
const TICKS_PER_SECOND: u64 = 100;
const TICK_NS: u64 = 1_000_000_000 / TICKS_PER_SECOND;

/// Reads what is known now. Where there is no `/proc`, what it would say is 0.
pub fn read() -> ProcessStats {
    static BOOTED_AT_S: OnceLock<u64> = OnceLock::new();
    let booted_at_s = BOOTED_AT_S.get_or_init(|| booted_at_s(&text_of("/proc/stat")));
    let stats = of_stat(&text_of("/proc/self/stat"), *booted_at_s);
    // Reading the folder opens it, and that is one too many.
    let open =
        fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64).saturating_sub(1);
    ProcessStats {
        resident_memory_bytes: resident_bytes(&text_of("/proc/self/status")),
        open_fds: open,
        max_fds: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        ..stats
    }
}

fn text_of(path: &str) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The fields of `/proc/self/stat`, of which the second is a name in parentheses with any bytes.
fn of_stat(stat: &str, booted_at_s: u64) -> ProcessStats {
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    // proc(5) counts from 1, and the first of these is the third.
    let field = |number: usize| -> u64 {
        let field = fields.split_ascii_whitespace().nth(number - 3);
        field.and_then(|field| field.parse().ok()).unwrap_or(0)
    };
    let (user, system, start, virtual_bytes) = (field(14), field(15), field(22), field(23));
    ProcessStats {
        cpu_ns: user.saturating_add(system).saturating_mul(TICK_NS),
        virtual_memory_bytes: virtual_bytes,
        start_time_ns: booted_at_s
            .saturating_mul(1_000_000_000)
            .saturating_add(start.saturating_mul(TICK_NS)),
        ..ProcessStats::default()
    }
}

/// The line `VmRSS:      1234 kB` of `/proc/self/status`.
fn resident_bytes(status: &str) -> u64 {
    number_after(status, "VmRSS:").saturating_mul(1_024)
}

/// The line `btime 1764187200` of `/proc/stat`.
fn booted_at_s(stat: &str) -> u64 {
    number_after(stat, "btime ")
}

fn number_after(text: &str, start: &str) -> u64 {
    let rest = text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or("");
    let number = rest.split_ascii_whitespace().next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_whatever_the_name_of_the_program() {
        let stat = "7 (a) 1 (b) c) S 1 7 7 0 -1 4194560 90 0 1 0 250 75 3 4 20 0 3 0 12345 \
            8192000 500 18446744073709551615 1 1 0";
        let stats = of_stat(stat, 1_764_187_200);
        let expected = ProcessStats {
            cpu_ns: 3_250_000_000,
            virtual_memory_bytes: 8_192_000,
            start_time_ns: 1_764_187_323_450_000_000,
            ..ProcessStats::default()
        };
        assert_eq!(stats, expected);
    }

    #[test]
    fn the_files_with_names_are_read_by_them() {
        assert_eq!(resident_bytes("VmHWM:\t 9 kB\nVmRSS:\t    1234 kB\n"), 1_234 * 1_024);
        assert_eq!(booted_at_s("cpu 1 2\nbtime 1764187200\nprocesses 3\n"), 1_764_187_200);
    }

    #[test]
    fn what_is_not_there_is_0() {
        for text in ["", "7 (a", "7 (a) S", "VmRSS:", "btime x", ") "] {
            assert_eq!(of_stat(text, 0), ProcessStats::default());
            assert_eq!((resident_bytes(text), booted_at_s(text)), (0, 0));
        }
    }

    #[test]
    fn this_process_has_some_of_everything() {
        let stats = read();
        assert!(stats.virtual_memory_bytes > stats.resident_memory_bytes);
        assert!(stats.resident_memory_bytes > 100_000, "{stats:?}");
        assert!((3..stats.max_fds).contains(&stats.open_fds), "{stats:?}");
        assert!(stats.start_time_ns > 1_700_000_000_000_000_000, "{stats:?}");
    }
}
