//! What PostgreSQL's errors mean: the SQLSTATE decides, the detail is for the log.
//!
//! An error of severity ERROR ends its transaction: nothing of it is written. FATAL and PANIC end
//! the connection. See PostgreSQL's manual, "PostgreSQL Error Codes".

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

use crate::store::error::{Fault, StoreError};
use crate::store::high_water::Position;
use crate::store::request::Answer;

/// What came is not what a PostgreSQL sends.
pub fn not_postgres(detail: &str) -> Fault {
    Fault { error: StoreError::Protocol, detail: detail.to_owned() }
}

/// An error, or a remark, of the server.
pub struct ServerError {
    /// It ends the connection.
    pub is_fatal: bool,
    code: String,
    detail: String,
}

impl ServerError {
    /// Reads what may be logged: severity, code and message. Details and hints stay unread, since
    /// they may repeat values.
    pub fn read(mut fields: ErrorFields) -> Result<ServerError, Fault> {
        let (mut severity, mut code, mut message) = (String::new(), String::new(), String::new());
        let malformed = |_| not_postgres("an error that is malformed");
        while let Some(field) = fields.next().map_err(malformed)? {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                // The second is the same in the server's language, and older.
                b'V' => severity = value,
                b'S' if severity.is_empty() => severity = value,
                b'C' => code = value,
                b'M' => message = value,
                _ => {}
            }
        }
        let is_fatal = matches!(severity.as_str(), "FATAL" | "PANIC");
        let detail = format!("{severity} {code}: {message}");
        Ok(ServerError { is_fatal, code, detail })
    }

    /// The error as the link takes it.
    pub fn fault(self) -> Fault {
        let error = match self.code.as_str() {
            "28000" | "28P01" => StoreError::Authentication,
            "3D000" => StoreError::Database,
            // The second: the role sees no schema in which to create.
            "42501" | "3F000" => StoreError::Permission,
            "53100" => StoreError::Disk,
            "53200" => StoreError::OutOfMemory,
            "53300" => StoreError::Connections,
            "57P03" => StoreError::Loading,
            "57P01" | "57P02" | "57P04" | "57P05" => StoreError::Unreachable,
            "25006" => StoreError::ReadOnly,
            // A take is slow when it waits for the row; a cancelled one waited, too.
            "55P03" | "57014" => StoreError::Locked,
            // The third: somebody else has given the same key a number meanwhile.
            "40001" | "40P01" | "23505" => StoreError::Conflict,
            "42P01" => StoreError::Missing,
            "42703" | "42804" | "42809" | "42883" => StoreError::Type,
            "42601" | "42704" => StoreError::Version,
            _ => StoreError::Refused,
        };
        Fault { error, detail: self.detail }
    }

    /// The error as the link takes it; a right that is missing comes with what somebody who has
    /// it should run.
    pub fn with_remedy(self, sql: impl FnOnce() -> String) -> Fault {
        let Fault { error, detail } = self.fault();
        match error {
            StoreError::Permission => {
                Fault { error, detail: format!("{detail}; to be run by one who may: {}", sql()) }
            }
            error => Fault { error, detail },
        }
    }

    /// There is no table (undefined_table).
    pub fn is_missing_table(&self) -> bool {
        self.code == "42P01"
    }

    /// There is no such column (undefined_column).
    pub fn is_missing_column(&self) -> bool {
        self.code == "42703"
    }

    /// The tables are missing, or those of an older headcount.
    pub fn is_of_the_layout(&self) -> bool {
        self.is_missing_table() || self.is_missing_column()
    }

    /// It has run out of something (class 53): whose statement that ends says nothing.
    pub fn is_of_the_server(&self) -> bool {
        self.code.starts_with("53")
    }

    /// Somebody else held a row for too long (lock_not_available, query_canceled).
    pub fn is_lock(&self) -> bool {
        matches!(self.code.as_str(), "55P03" | "57014")
    }

    /// The role may not do it (insufficient_privilege).
    pub fn is_missing_right(&self) -> bool {
        self.code == "42501"
    }

    /// A creation found that another session has done the same (duplicate_table, and
    /// unique_violation in the catalog if both were at it).
    pub fn is_created_already(&self) -> bool {
        matches!(self.code.as_str(), "42P07" | "23505")
    }

    /// What a request was told; an error if this connection will not do for the next one either.
    pub fn answer(self) -> Result<Answer, Fault> {
        // After a failover another connection leads to the new primary (25006); a new one has its
        // statement (26000), and one that fits the table (0A000).
        let needs_handshake = matches!(self.code.as_str(), "25006" | "26000" | "0A000");
        let fault = self.fault();
        match fault.error {
            _ if needs_handshake => Err(fault),
            StoreError::Locked | StoreError::Conflict => Ok(Answer::NotRun(Some(fault))),
            _ => Ok(Answer::Refused(fault)),
        }
    }
}

/// There is no row of the counter, for one who had `seen` so much of it.
pub fn missing(seen: Position) -> Fault {
    let mut detail = "the table headcount has no row of the counter".to_owned();
    if seen.epoch > 0 {
        detail += &format!("; {} taken (epoch {}) were seen", seen.taken, seen.epoch);
    }
    Fault { error: StoreError::Missing, detail }
}

/// What the operator of a PostgreSQL can do about an error.
pub fn hint(error: StoreError) -> &'static str {
    match error {
        StoreError::Loading => "wait: the server is starting, stopping or recovering",
        StoreError::ReadOnly => "point --store at the primary, or see why it is read-only",
        StoreError::OutOfMemory => "give the server more memory, then see its own log",
        StoreError::Authentication => "check user, password and db in --store, and pg_hba.conf",
        StoreError::Permission => {
            "have a privileged role run the SQL in detail, or grant what docs/postgres.md lists"
        }
        StoreError::Type => {
            "if an older headcount made the tables, run headcount create NAME as their owner; else \
             headcount is another table: rename it, or use another db"
        }
        StoreError::Version => "use PostgreSQL 12 or newer",
        StoreError::Connections => "raise max_connections, or run fewer processes",
        error => error.hint(),
    }
}
