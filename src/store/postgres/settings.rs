//! The settings that the statements need, of a session or of a transaction.
//!
//! A session of its own has them made once. A pooler's session is other clients', too, before and
//! after: what they have left there must not change what a statement does, and nothing of ours may
//! stay. So each transaction begins with its own settings, whatever its statements are, and they
//! end with it.

use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::escape::escape_literal;
use postgres_protocol::message::backend::DataRowBody;
use postgres_protocol::message::frontend;

use super::error::not_postgres;
use super::row;
use super::statement::{WRITABLE, parse_and_run};
use crate::store::error::{Fault, StoreError};

/// The statements are made for it. It has to be set before a query of the transaction runs, and so
/// not by one. Without `local`, with which the server would warn each time, it ends with the
/// transaction all the same: the next one begins with the default.
const ISOLATION: &str = "set transaction_isolation = 'read committed'";

/// When the server gives up a statement, and waiting for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    statement_ms: u128,
    lock_ms: u128,
}

/// What each transaction behind a pooler begins with.
pub struct TransactionSettings {
    query: String,
    messages: BytesMut,
}

impl TimeLimits {
    /// The wait for a lock ends before the statement does.
    pub fn new(statement: Duration, lock: Duration) -> TimeLimits {
        // 0 would be no limit at all.
        let statement_ms = statement.as_millis().max(2);
        TimeLimits { statement_ms, lock_ms: lock.as_millis().clamp(1, statement_ms - 1) }
    }
}

impl TransactionSettings {
    /// Statements that it has: each is executed before those of the transaction.
    pub const STATEMENTS: u32 = 2;

    /// These limits, and the tables as this search path has them. It gives no row.
    pub fn new(limits: TimeLimits, search_path: &str) -> TransactionSettings {
        let TimeLimits { statement_ms, lock_ms } = limits;
        let search_path = escape_literal(search_path);
        let select = format!(
            "select from (select set_config('statement_timeout', '{statement_ms}', true) as one, \
             set_config('lock_timeout', '{lock_ms}', true) as two, \
             set_config('search_path', {search_path}, true) as three offset 0) as settings \
             where one is null or two is null or three is null"
        );
        let mut messages = BytesMut::new();
        parse_and_run(ISOLATION, &[], &[], &mut messages);
        parse_and_run(&select, &[], &[], &mut messages);
        TransactionSettings { query: format!("{ISOLATION}; {select}; "), messages }
    }

    /// As messages, behind which others follow up to a Sync.
    pub fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// As the begin of a simple query of several statements.
    pub fn query(&self) -> &str {
        &self.query
    }
}

/// Asks for the right to write and makes the session's settings, if it is that of the process whose
/// id the server has given; a pooler has given another one, or none, and the settings of its
/// sessions are not to be changed.
///
/// The statements are planned once: a new plan for each request costs more than the request itself.
pub fn write(process_id: Option<i32>, limits: TimeLimits, out: &mut BytesMut) {
    let TimeLimits { statement_ms, lock_ms } = limits;
    let process_id = process_id.unwrap_or_default();
    let query = format!(
        "select current_setting('transaction_read_only'), is_pooled, \
         (select reset_val from pg_catalog.pg_settings where name = 'search_path'), \
         set_config('statement_timeout', '{statement_ms}', is_pooled), \
         set_config('lock_timeout', '{lock_ms}', is_pooled), \
         set_config('default_transaction_isolation', 'read committed', is_pooled), \
         set_config('plan_cache_mode', 'force_generic_plan', is_pooled) \
         from (select pg_backend_pid() <> {process_id} as is_pooled) as session"
    );
    frontend::query(&query, out).expect(WRITABLE);
}

/// What came of [`write()`]: if the session is a pooler's, its search path, where no client
/// has set another one.
///
/// # Errors
/// The server is read-only, and would refuse the first take.
pub fn pooled_search_path(row: Option<&DataRowBody>) -> Result<Option<String>, Fault> {
    match row.and_then(row::columns) {
        Some([Some(b"off"), Some(b"t"), Some(path), Some(_), Some(_), Some(_), Some(_)]) => {
            let path = str::from_utf8(path).ok().filter(|path| !path.contains('\0'));
            let path = path.ok_or_else(|| not_postgres("a search path that is no text"))?;
            Ok(Some(path.to_owned()))
        }
        Some([Some(b"off"), Some(b"f"), Some(_), Some(_), Some(_), Some(_), Some(_)]) => Ok(None),
        Some([Some(b"on"), ..]) => Err(Fault {
            error: StoreError::ReadOnly,
            detail: "the server says that its transactions are read-only".to_owned(),
        }),
        _ => Err(not_postgres("settings without an answer")),
    }
}
