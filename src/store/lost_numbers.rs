//! The log's lines of numbers that nobody gets.

use log::warn;

use crate::store::request::Reply;

/// Logs the numbers that were granted and go to nobody. Those of keys are not among them: they are
/// their keys'.
pub fn log_spent(counter: &str, reply: &Reply) {
    let Some(grant) = reply.grant() else {
        return;
    };
    for request_num in grant.first..grant.first + grant.granted {
        warn!(counter, request_num, reason = "nobody was left to take them";
            "number spent: granted, and handed out to nobody");
    }
}

/// Logs how many numbers nobody knows of: the store may have granted them.
pub fn log_in_doubt(numbers: u64) {
    if numbers > 0 {
        warn!(numbers; "numbers in doubt: requested, perhaps taken, never handed out");
    }
}
