//! PostgreSQL's messages: what is sent, and what came, within bounds. Pure functions of bytes.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{DataRowBody, Header, Message};
use postgres_protocol::message::frontend;

use super::error::not_postgres;
use super::row::{self, ReadBefore};
use crate::config::PostgresUrl;
use crate::limits::{REPLY_BYTES_MAX, STATUS_PAGE};
use crate::store::change::{Change, ChangeKind};
use crate::store::counters::Counter;
use crate::store::error::{Fault, StoreError};
use crate::store::high_water::Position;
use crate::store::request::{LastGrant, Request};

const TAKE: &str = include_str!("take.sql");
const PEEK: &str = include_str!("peek.sql");
const ANSWER: &str = include_str!("answer.sql");
const LOST: &str = include_str!("lost.sql");
pub(super) const TABLE: &str = include_str!("table.sql");
pub(super) const MIGRATE: &str = include_str!("migrate.sql");
const READ: &str = include_str!("read.sql");
const CHANGE: &str = include_str!("change.sql");
const CREATE: &str = include_str!("create.sql");
const LIMIT: &str = include_str!("limit.sql");
const LIST: &str = include_str!("list.sql");
/// The epoch and the sale are by the server's clock: the table says so.
pub(super) const INSERT: &str =
    "insert into headcount (name, taken, max) values ($1, 0, $2) on conflict do nothing";
/// Removes the answers to links that were granted nothing for a day; a link that still runs gets
/// its row again.
const CLEAN: &str = "delete from headcount_answer where (link, counter) in \
    (select link, counter from headcount_answer where at < now() - interval '1 day' \
    and link <> $1 for update skip locked)";
/// Gives a row where the answer to the link's last granted request is not there: the request $3, in
/// the epoch $4.
const ENTER: &str = "with entered as (insert into headcount_answer (link, counter) values ($1, $2) \
    on conflict do nothing) \
    select true where $3 > 0 and not exists (select from headcount_answer \
    where link = $1 and counter = $2 and sequence >= $3 and epoch = $4)";
/// A write to a row that is no counter's, and this link's alone.
const CHECK: &str = "insert into headcount_answer (link, counter) values ($1, '') \
    on conflict (link, counter) do update set at = now()";

/// How `take.sql`, `peek.sql` and `answer.sql` lock a row.
const LOCK: &str = "for no key update";
const LOCK_NOWAIT: &str = "for no key update nowait";

/// What a statement does where somebody else holds a row that it has to lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locks {
    /// It waits, and whatever is behind it on the connection waits, too.
    Wait,
    /// It fails at once.
    Fail,
}

impl Locks {
    fn take(self) -> &'static str {
        if self == Locks::Wait { "take" } else { "take_nowait" }
    }

    fn peek(self) -> &'static str {
        if self == Locks::Wait { "peek" } else { "peek_nowait" }
    }

    fn answer(self) -> &'static str {
        if self == Locks::Wait { "answer" } else { "answer_nowait" }
    }
}

/// Takes the first whole message from the bytes received. One that is too long is refused as soon
/// as its length is there, before the rest of it is waited for.
pub fn next(unread: &mut BytesMut) -> Result<Option<Message>, Fault> {
    let malformed = |_| not_postgres("bytes that are no message");
    match Header::parse(unread).map_err(malformed)? {
        None => Ok(None),
        Some(header) if header.len() as usize > REPLY_BYTES_MAX => {
            Err(not_postgres("a message that is too long"))
        }
        Some(_) => Message::parse(unread).map_err(malformed),
    }
}

/// The first message of a connection.
pub fn startup(url: &PostgresUrl, out: &mut BytesMut) {
    let parameters = [
        ("user", url.user.as_str()),
        ("database", &url.database),
        ("application_name", &url.application_name),
        ("client_encoding", "UTF8"),
    ];
    frontend::startup_message(parameters, out).expect(WRITABLE);
}

/// Makes the session's settings and asks whether it may write, in one query.
///
/// The statements are made for READ COMMITTED. They are planned once: a new plan for each request
/// costs more than the request itself.
pub fn settings(statement_timeout: Duration, lock_timeout: Duration, out: &mut BytesMut) {
    // 0 would be no timeout at all.
    let statement_ms = statement_timeout.as_millis().max(2);
    let lock_ms = lock_timeout.as_millis().clamp(1, statement_ms - 1);
    let query = format!(
        "set statement_timeout = {statement_ms}; set lock_timeout = {lock_ms}; \
         set default_transaction_isolation = 'read committed'; \
         set plan_cache_mode = 'force_generic_plan'; show transaction_read_only"
    );
    frontend::query(&query, out).expect(WRITABLE);
}

/// Prepares the statements of [`take`], [`peek`], [`answer`] and [`enter`]; with [`Locks::Fail`] if
/// there are `many` counters.
pub fn prepare(many: bool, out: &mut BytesMut) {
    // First those that tell the layout of the table.
    prepare_locking(Locks::Wait, str::to_owned, out);
    frontend::parse("enter", ENTER, [INT8, TEXT, INT8, INT8], out).expect(WRITABLE);
    if many {
        // An update finds its row locked by the same statement, and so waits for none.
        prepare_locking(Locks::Fail, |sql| sql.replace(LOCK, LOCK_NOWAIT), out);
    }
    frontend::sync(out);
}

fn prepare_locking(locks: Locks, sql: impl Fn(&str) -> String, out: &mut BytesMut) {
    let types = [TEXT, INT8, INT8, INT8, INT8, INT8];
    frontend::parse(locks.take(), &sql(TAKE), types, out).expect(WRITABLE);
    frontend::parse(locks.peek(), &sql(PEEK), [TEXT, INT8, INT8], out).expect(WRITABLE);
    frontend::parse(locks.answer(), &sql(ANSWER), [TEXT, INT8, INT8, INT8], out).expect(WRITABLE);
}

/// Removes what no link needs any more.
pub fn clean(id: u64, out: &mut BytesMut) {
    frontend::parse("", CLEAN, [INT8], out).expect(WRITABLE);
    execute("", &[Some(&id.to_be_bytes())], out);
}

/// Writes something of the link `id` that changes no counter.
pub fn check(id: u64, out: &mut BytesMut) {
    frontend::parse("", CHECK, [INT8], out).expect(WRITABLE);
    execute("", &[Some(&id.to_be_bytes())], out);
}

/// One request of the link `id` for numbers. No Sync follows, nor behind the next three.
pub fn take(name: &str, id: u64, request: Request, locks: Locks, out: &mut BytesMut) {
    let Request { sequence, count, seen, .. } = request;
    let numbers = [count, id, sequence, seen.epoch, seen.taken].map(u64::to_be_bytes);
    let [count, id, sequence, epoch, taken] = &numbers;
    run(locks.take(), &[name.as_bytes(), count, id, sequence, epoch, taken].map(Some), out);
}

/// Reads the counter, for one who has `seen` so much.
pub fn peek(name: &str, seen: Position, locks: Locks, out: &mut BytesMut) {
    let [epoch, taken] = &[seen.epoch, seen.taken].map(u64::to_be_bytes);
    run(locks.peek(), &[name.as_bytes(), epoch, taken].map(Some), out);
}

/// Reads the answer that the link `id` was given to this request before.
pub fn answer(name: &str, id: u64, request: Request, locks: Locks, out: &mut BytesMut) {
    let numbers = [id, request.sequence, request.seen.epoch].map(u64::to_be_bytes);
    let [id, sequence, epoch] = &numbers;
    run(locks.answer(), &[name.as_bytes(), id, sequence, epoch].map(Some), out);
}

/// Writes down what was `seen` of a counter whose row is missing.
pub fn write_lost(name: &str, seen: Position, out: &mut BytesMut) {
    let [epoch, taken] = &[seen.epoch, seen.taken].map(u64::to_be_bytes);
    frontend::parse("", LOST, [TEXT, INT8, INT8], out).expect(WRITABLE);
    execute("", &[name.as_bytes(), epoch, taken].map(Some), out);
}

/// Creates what is missing of the tables.
pub fn create_tables(out: &mut BytesMut) {
    frontend::query(TABLE, out).expect(WRITABLE);
}

/// Gives the tables of headcount 0.1 today's layout.
pub fn migrate_tables(out: &mut BytesMut) {
    frontend::query(MIGRATE, out).expect(WRITABLE);
}

/// Creates the row of the counter if there is none.
pub fn insert_counter(counter: &Counter, out: &mut BytesMut) {
    frontend::parse("", INSERT, [TEXT, INT8], out).expect(WRITABLE);
    execute("", &[Some(counter.name.as_bytes()), Some(&counter.limit.to_be_bytes())], out);
}

/// Reads what a counter holds: a [`row::Held`].
pub fn read_counter(name: &str, out: &mut BytesMut) {
    frontend::parse("", READ, [TEXT], out).expect(WRITABLE);
    execute("", &[Some(name.as_bytes())], out);
}

/// Reads what the counters hold whose names come after `after`, or the one of this name: each a
/// [`row::listed`].
pub fn list(after: &str, name: Option<&str>, out: &mut BytesMut) {
    frontend::parse("", LIST, [TEXT, TEXT, INT8], out).expect(WRITABLE);
    let page = (STATUS_PAGE as u64).to_be_bytes();
    execute("", &[Some(after.as_bytes()), name.map(str::as_bytes), Some(&page)], out);
}

/// Changes a counter, if it is as it was read.
pub fn change_counter(counter: &Counter, change: &Change, before: &ReadBefore, out: &mut BytesMut) {
    let (name, token) = (Some(counter.name.as_bytes()), Some(change.token.as_bytes()));
    let epoch = before.epoch.to_be_bytes();
    match change.kind {
        ChangeKind::Create { limit } => {
            frontend::parse("", CREATE, [TEXT, TEXT, INT8], out).expect(WRITABLE);
            execute("", &[name, token, Some(&limit.to_be_bytes())], out);
        }
        ChangeKind::SetLimit { limit } => {
            let (limit, last_token) = (limit.to_be_bytes(), before.token.as_bytes());
            frontend::parse("", LIMIT, [TEXT, TEXT, INT8, TEXT, INT8], out).expect(WRITABLE);
            execute("", &[name, token, Some(&epoch), Some(last_token), Some(&limit)], out);
        }
        ChangeKind::SetTaken { .. } | ChangeKind::Reset { .. } => {
            let types = [TEXT, TEXT, INT8, INT8, INT8, INT8];
            frontend::parse("", CHANGE, types, out).expect(WRITABLE);
            let numbers = [change.limit(), change.taken()].map(|it| it.map(u64::to_be_bytes));
            let [limit, taken] = numbers.each_ref().map(|it| it.as_ref().map(<[u8; 8]>::as_slice));
            let limit_default = counter.limit.to_be_bytes();
            execute("", &[name, token, Some(&epoch), limit, taken, Some(&limit_default)], out);
        }
    }
}

/// Creates the row in which the answers to the link `id` are remembered, if there is none. Gives a
/// row if the answer to `last`, the last request that was granted something, is not there.
pub fn enter(name: &str, id: u64, last: LastGrant, out: &mut BytesMut) {
    let [id, sequence, epoch] = &[id, last.sequence, last.epoch].map(u64::to_be_bytes);
    run("enter", &[id.as_slice(), name.as_bytes(), sequence, epoch].map(Some), out);
}

/// What `show transaction_read_only` says: a server that is read-only would refuse the first take.
pub fn may_write(row: Option<&DataRowBody>) -> Result<(), Fault> {
    match row.and_then(row::columns) {
        Some([Some(b"off")]) => Ok(()),
        Some([Some(b"on")]) => Err(Fault {
            error: StoreError::ReadOnly,
            detail: "the server says that its transactions are read-only".to_owned(),
        }),
        _ => Err(not_postgres("settings without an answer")),
    }
}

/// Ends a transaction.
pub fn sync(out: &mut BytesMut) {
    frontend::sync(out);
}

/// Binds values to the statement that was just parsed and executes it, up to a Sync.
fn execute(statement: &str, values: &[Option<&[u8]>], out: &mut BytesMut) {
    run(statement, values, out);
    frontend::sync(out);
}

/// Binds values to a prepared statement and executes it, in binary.
fn run(statement: &str, values: &[Option<&[u8]>], out: &mut BytesMut) {
    let write = |value: &Option<&[u8]>, out: &mut BytesMut| {
        value.iter().for_each(|bytes| out.put_slice(bytes));
        Ok(if value.is_some() { IsNull::No } else { IsNull::Yes })
    };
    let bound = frontend::bind("", statement, [BINARY], values, write, [BINARY], out);
    bound.ok().expect(WRITABLE);
    frontend::execute("", 0, out).expect(WRITABLE);
}

/// Format code of parameters and results.
const BINARY: i16 = 1;

// Object identifiers of the parameters' types, as in the server's pg_type.dat.
const INT8: u32 = 20;
const TEXT: u32 = 25;

const WRITABLE: &str = "texts are short and have no NUL: config sees to it";
