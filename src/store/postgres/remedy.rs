//! The SQL that an operator with more rights runs, in one line: an error says it.

use super::message::{INSERT, MIGRATE, TABLE};
use crate::store::counters::Counter;

/// All that is needed for `user` to take from the counter, in one line of SQL.
pub fn creation_sql(counter: &Counter, user: &str) -> String {
    let Counter { name, limit, .. } = counter;
    let insert = INSERT.replace("$1", &format!("'{name}'")).replace("$2", &limit.to_string());
    format!("{}; {insert}; {}", one_line(TABLE), grants(user))
}

/// All that gives the tables of headcount 0.1 today's layout, in one line of SQL.
pub fn migration_sql(user: &str) -> String {
    format!("{} {}; {}", one_line(MIGRATE), one_line(TABLE), grants(user))
}

fn grants(user: &str) -> String {
    let user = user.replace('"', "\"\"");
    format!(
        "grant select, insert, update on headcount to \"{user}\"; \
         grant select, insert, update, delete on headcount_answer, headcount_key to \"{user}\""
    )
}

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}
