//! Waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take before the test fails: far past anything the contract allows, so
/// that a busy machine does not fail a test and a hang does.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between two looks at a condition.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Looks until `condition` gives a value.
///
/// # Panics
/// When it gave none within [`PATIENCE`]; `what` says what was waited for.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Looks until `condition` holds; see [`wait_for`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}
