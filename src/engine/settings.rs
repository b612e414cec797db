//! How an engine answers: what the flags say, in the words of the engine.

use std::sync::Arc;
use std::time::Duration;

use crate::api::admin::rules::AdminRules;
use crate::api::take_policy::TakePolicy;
use crate::api::ticket::TicketSigner;
use crate::http::Status;
use crate::limits::STORE_TIMEOUT_MS_DEFAULT;

/// How an engine answers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The status of a take past the limit.
    pub halted_status: Status,
    /// How long a request may wait for the store.
    pub store_timeout: Duration,
    /// Who may do what at the admin listener.
    pub admin_rules: Arc<AdminRules>,
    /// Who may take.
    pub take_policy: Arc<TakePolicy>,
    /// Signs a number's ticket; without it there are no tickets.
    pub tickets: Option<TicketSigner>,
    /// Whether the line of a number says who took it.
    pub is_audited: bool,
}

impl Default for Settings {
    /// As a process without flags answers, without an admin listener.
    fn default() -> Settings {
        Settings {
            halted_status: Status::Ok,
            store_timeout: Duration::from_millis(STORE_TIMEOUT_MS_DEFAULT),
            admin_rules: Arc::default(),
            take_policy: Arc::default(),
            tickets: None,
            is_audited: false,
        }
    }
}
