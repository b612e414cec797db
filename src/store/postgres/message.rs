//! PostgreSQL's messages: what is sent, and what came, within bounds. Pure functions of bytes.

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};
use postgres_protocol::message::frontend;

use super::cleaning::EndedKey;
use super::error::not_postgres;
use super::keyed;
use super::row::ReadBefore;
use super::settings::TransactionSettings;
use super::statement::{INT8, Mode, Session, Statement, TEXT, WRITABLE, execute};
use crate::config::PostgresUrl;
use crate::limits::{KEYS_REMOVED_AT_ONCE, REPLY_BYTES_MAX, STATUS_PAGE};
use crate::store::change::{Change, ChangeKind};
use crate::store::counters::Counter;
use crate::store::error::Fault;
use crate::store::high_water::Position;
use crate::store::request::{LastGrant, Request};

const LOST: &str = include_str!("lost.sql");
pub(super) const TABLE: &str = include_str!("table.sql");
pub(super) const MIGRATE: &str = include_str!("migrate.sql");
const READ: &str = include_str!("read.sql");
const CHANGE: &str = include_str!("change.sql");
const CREATE: &str = include_str!("create.sql");
const LIMIT: &str = include_str!("limit.sql");
const LIST: &str = include_str!("list.sql");
const CLEAN_KEYS: &str = include_str!("clean_keys.sql");
/// The epoch and the sale are by the server's clock: the table says so.
pub(super) const INSERT: &str =
    "insert into headcount (name, taken, max) values ($1, 0, $2) on conflict do nothing";
/// Removes the answers to links that were granted nothing for a day; a link that still runs gets
/// its row again.
const CLEAN: &str = "delete from headcount_answer where (link, counter) in \
    (select link, counter from headcount_answer where at < now() - interval '1 day' \
    and link <> $1 for update skip locked)";
/// A write to a row that is no counter's, and this link's alone.
const CHECK: &str = "insert into headcount_answer (link, counter) values ($1, '') \
    on conflict (link, counter) do update set at = now()";

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

/// Removes what no link needs any more.
pub fn clean(id: u64, out: &mut BytesMut) {
    execute(CLEAN, &[INT8], &[Some(&id.to_be_bytes())], out);
}

/// Writes something of the link `id` that changes no counter.
pub fn check(id: u64, out: &mut BytesMut) {
    execute(CHECK, &[INT8], &[Some(&id.to_be_bytes())], out);
}

/// One request of the link `id` for numbers. No Sync follows, nor behind the next four.
pub fn take(name: &str, id: u64, request: &Request, mode: Mode, out: &mut BytesMut) {
    let Request { sequence, count, seen, .. } = *request;
    let numbers = [count, id, sequence, seen.epoch, seen.taken].map(u64::to_be_bytes);
    let [count, id, sequence, epoch, taken] = &numbers;
    let values = [name.as_bytes(), count, id, sequence, epoch, taken];
    Statement::Take(mode.locks).run(mode.session, &values.map(Some), out);
}

/// The same of a request with keys: two statements.
pub fn take_keys(name: &str, id: u64, request: &Request, mode: Mode, out: &mut BytesMut) {
    let Request { sequence, count, seen, ref keys, .. } = *request;
    let numbers = [count, id, sequence, seen.epoch, seen.taken].map(u64::to_be_bytes);
    let [count, id, sequence, epoch, taken] = &numbers;
    let values = [name.as_bytes(), id, sequence, epoch];
    Statement::LockForKeys(mode.locks).run(mode.session, &values.map(Some), out);
    let keys = keyed::texts(keys);
    let values = [name.as_bytes(), count, id, sequence, epoch, taken, &keys];
    Statement::TakeKeys(mode.locks).run(mode.session, &values.map(Some), out);
}

/// Reads the counter, for one who has `seen` so much.
pub fn peek(name: &str, seen: Position, mode: Mode, out: &mut BytesMut) {
    let [epoch, taken] = &[seen.epoch, seen.taken].map(u64::to_be_bytes);
    let values = [name.as_bytes(), epoch, taken];
    Statement::Peek(mode.locks).run(mode.session, &values.map(Some), out);
}

/// Reads the answer that the link `id` was given to this request before.
pub fn answer(name: &str, id: u64, request: &Request, mode: Mode, out: &mut BytesMut) {
    let numbers = [id, request.sequence, request.seen.epoch].map(u64::to_be_bytes);
    let [id, sequence, epoch] = &numbers;
    let values = [name.as_bytes(), id, sequence, epoch];
    Statement::Answer(mode.locks).run(mode.session, &values.map(Some), out);
}

/// Writes down what was `seen` of a counter whose row is missing.
pub fn write_lost(name: &str, seen: Position, out: &mut BytesMut) {
    let [epoch, taken] = &[seen.epoch, seen.taken].map(u64::to_be_bytes);
    execute(LOST, &[TEXT, INT8, INT8], &[name.as_bytes(), epoch, taken].map(Some), out);
}

/// Removes some of the keys that the counter had in ended sales, behind `from`. Gives the last one
/// if there may be more: a [`cleaning::ended_key`].
pub fn clean_keys(name: &str, from: &EndedKey, out: &mut BytesMut) {
    let (sale, count) = (from.sale.to_be_bytes(), KEYS_REMOVED_AT_ONCE.to_be_bytes());
    let values = [name.as_bytes(), &sale, from.key.as_bytes(), &count];
    execute(CLEAN_KEYS, &[TEXT, INT8, TEXT, INT8], &values.map(Some), out);
}

/// Creates what is missing of the tables: a simple query, which begins with these settings.
pub fn create_tables(settings: Option<&TransactionSettings>, out: &mut BytesMut) {
    query_with(settings, TABLE, out);
}

/// Gives the tables of headcount 0.1 today's layout, in the same way.
pub fn migrate_tables(settings: Option<&TransactionSettings>, out: &mut BytesMut) {
    query_with(settings, MIGRATE, out);
}

fn query_with(settings: Option<&TransactionSettings>, sql: &str, out: &mut BytesMut) {
    let settings = settings.map_or("", TransactionSettings::query);
    frontend::query(&format!("{settings}{sql}"), out).expect(WRITABLE);
}

/// Creates the row of the counter if there is none.
pub fn insert_counter(counter: &Counter, out: &mut BytesMut) {
    let limit = counter.limit.to_be_bytes();
    execute(INSERT, &[TEXT, INT8], &[Some(counter.name.as_bytes()), Some(&limit)], out);
}

/// Reads what a counter holds: a [`row::Held`].
pub fn read_counter(name: &str, out: &mut BytesMut) {
    execute(READ, &[TEXT], &[Some(name.as_bytes())], out);
}

/// Reads what the counters hold whose names come after `after`, or the one of this name: each a
/// [`row::listed`].
pub fn list(after: &str, name: Option<&str>, out: &mut BytesMut) {
    let page = (STATUS_PAGE as u64).to_be_bytes();
    execute(
        LIST,
        &[TEXT, TEXT, INT8],
        &[Some(after.as_bytes()), name.map(str::as_bytes), Some(&page)],
        out,
    );
}

/// Changes a counter, if it is as it was read.
pub fn change_counter(counter: &Counter, change: &Change, before: &ReadBefore, out: &mut BytesMut) {
    let (name, token) = (Some(counter.name.as_bytes()), Some(change.token.as_bytes()));
    let epoch = before.epoch.to_be_bytes();
    match change.kind {
        ChangeKind::Create { limit } => {
            execute(CREATE, &[TEXT, TEXT, INT8], &[name, token, Some(&limit.to_be_bytes())], out);
        }
        ChangeKind::SetLimit { limit } => {
            let (limit, last_token) = (limit.to_be_bytes(), before.token.as_bytes());
            let values = [name, token, Some(epoch.as_slice()), Some(last_token), Some(&limit)];
            execute(LIMIT, &[TEXT, TEXT, INT8, TEXT, INT8], &values, out);
        }
        ChangeKind::SetTaken { .. } | ChangeKind::Reset { .. } => {
            let types = [TEXT, TEXT, INT8, INT8, INT8, INT8];
            let numbers = [change.limit(), change.taken()].map(|it| it.map(u64::to_be_bytes));
            let [limit, taken] = numbers.each_ref().map(|it| it.as_ref().map(<[u8; 8]>::as_slice));
            let limit_default = counter.limit.to_be_bytes();
            let values = [name, token, Some(&epoch), limit, taken, Some(&limit_default)];
            execute(CHANGE, &types, &values, out);
        }
    }
}

/// Creates the row in which the answers to the link `id` are remembered, if there is none. Gives a
/// row if the answer to `last`, the last request that was granted something, is not there.
pub fn enter(name: &str, id: u64, last: LastGrant, session: Session, out: &mut BytesMut) {
    let [id, sequence, epoch] = &[id, last.sequence, last.epoch].map(u64::to_be_bytes);
    let values = [id.as_slice(), name.as_bytes(), sequence, epoch];
    Statement::Enter.run(session, &values.map(Some), out);
}

/// Ends a transaction.
pub fn sync(out: &mut BytesMut) {
    frontend::sync(out);
}
