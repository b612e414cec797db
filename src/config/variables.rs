//! The variables of the environment that are settings.
//!
//! A misspelt one must not be passed over in silence: every `HEADCOUNT_…` that is no setting is
//! refused. Kubernetes adds variables for each service of a namespace; those are ignored.

use std::ffi::{OsStr, OsString};

use super::flags::variable_names;
use super::suggestion::{is_plain, nearest};
use super::value::{ConfigError, refuse};

/// What every variable of this program begins with.
pub(super) const PREFIX: &str = "HEADCOUNT_";

/// The settings that the environment gives.
pub(super) struct Variables(Vec<(&'static str, OsString)>);

impl Variables {
    /// Keeps the settings among the variables. An empty variable counts as unset.
    ///
    /// # Errors
    /// A variable has the program's prefix and is none of its settings.
    pub(super) fn collect(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Variables, ConfigError> {
        let mut kept = Vec::new();
        for (name, value) in environment {
            let is_ours = name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
            if !is_ours || value.is_empty() {
                continue;
            }
            let name = name.to_str().unwrap_or_default();
            match variable_names().find(|known| *known == name) {
                Some(known) => kept.push((known, value)),
                None if is_service_link(name) => {}
                None => return refuse(unknown(name)),
            }
        }
        Ok(Variables(kept))
    }

    pub(super) fn value(&self, name: &str) -> Option<&OsStr> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_os_str())
    }
}

/// Whether it is one of those that Kubernetes adds for a service whose name begins with
/// `headcount`: `HEADCOUNT_SERVICE_HOST`, `HEADCOUNT_PORT_8080_TCP_ADDR`,
/// `HEADCOUNT_REDIS_SERVICE_PORT`.
fn is_service_link(name: &str) -> bool {
    name.contains("SERVICE_") || name.contains("PORT")
}

fn unknown(name: &str) -> String {
    if name.is_empty() || !is_plain(name) {
        return format!("unknown variable {PREFIX}... (its name is not shown); see --help");
    }
    // The prefix is right in all of them, and no sign of likeness.
    let without_prefix = |name: &'static str| name.strip_prefix(PREFIX);
    let wrong = name.strip_prefix(PREFIX).unwrap_or(name);
    match nearest(wrong, variable_names().filter_map(without_prefix)) {
        Some(known) => format!("unknown variable {name}; did you mean {PREFIX}{known}?"),
        None => format!("unknown variable {name}; see --help"),
    }
}
