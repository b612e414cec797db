//! PostgreSQL's messages: what is sent, and what came, within bounds. Pure functions of bytes.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{DataRowBody, Header, Message};
use postgres_protocol::message::frontend;

use crate::config::PostgresUrl;
use crate::counter::Grant;
use crate::limits::REPLY_BYTES_MAX;
use crate::store::counter::Counter;
use crate::store::high_water::Position;
use crate::store::protocol::Ask;
use crate::store::{Fault, StoreError};

const TAKE: &str = include_str!("../take.sql");
const TABLE: &str = include_str!("../table.sql");
const INSERT: &str = "insert into headcount (name, taken, max, generation) \
    values ($1, 0, $2, $3) on conflict do nothing";
const RESET: &str = "update headcount set taken = 0, max = $2, \
    generation = greatest($3, generation + 1) where name = $1";
/// Links that asked nothing for a day are gone; one that is not gets its row again.
const ENTER: &str = "with gone as (delete from headcount_answer where link in \
    (select link from headcount_answer where at < now() - interval '1 day' \
    for update skip locked)) \
    insert into headcount_answer (link) values ($1) on conflict do nothing";

/// What came is not what a PostgreSQL sends.
pub fn not_postgres(words: &str) -> Fault {
    Fault { error: StoreError::Protocol, words: words.to_owned() }
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
/// The statement is made for READ COMMITTED. It is planned once: a new plan for each ask costs
/// more than the ask. The wait for a lock ends before the statement does, so that the error says
/// what was waited for.
pub fn settings(statement_timeout: Duration, out: &mut BytesMut) {
    // 0 would be no timeout at all.
    let statement_ms = statement_timeout.as_millis().max(2);
    let lock_ms = statement_ms - statement_ms.div_ceil(10);
    let query = format!(
        "set statement_timeout = {statement_ms}; set lock_timeout = {lock_ms}; \
         set default_transaction_isolation = 'read committed'; \
         set plan_cache_mode = 'force_generic_plan'; show transaction_read_only"
    );
    frontend::query(&query, out).expect(WRITABLE);
}

/// Prepares the statement that [`take`] executes. Without a Sync.
pub fn prepare_take(out: &mut BytesMut) {
    let types = [TEXT, INT8, INT8, INT8, INT8, INT8];
    frontend::parse("take", TAKE, types, out).expect(WRITABLE);
}

/// One ask of the link `id`, of a store that must hold no less than was `seen`.
pub fn take(name: &str, id: u64, ask: Ask, seen: Position, out: &mut BytesMut) {
    let Ask { sequence, count } = ask;
    let numbers = [count, id, sequence, seen.epoch, seen.taken].map(u64::to_be_bytes);
    let [count, id, sequence, epoch, taken] = &numbers;
    execute("take", &[name.as_bytes(), count, id, sequence, epoch, taken], out);
}

/// Creates what is missing of the tables.
pub fn create_tables(out: &mut BytesMut) {
    frontend::query(TABLE, out).expect(WRITABLE);
}

/// Creates the row of the counter if there is none.
pub fn insert_counter(counter: &Counter, out: &mut BytesMut) {
    execute_once(INSERT, counter, out);
}

/// Begins the counter anew.
pub fn reset_counter(counter: &Counter, out: &mut BytesMut) {
    execute_once(RESET, counter, out);
}

/// Creates the row in which the answers to the link `id` are remembered, if there is none.
pub fn enter(id: u64, out: &mut BytesMut) {
    frontend::parse("", ENTER, [INT8], out).expect(WRITABLE);
    execute("", &[&id.to_be_bytes()], out);
}

/// All that is needed for `user` to take from the counter, in one line of SQL.
pub fn creation_sql(counter: &Counter, user: &str) -> String {
    let Counter { name, limit, born, .. } = counter;
    let table = TABLE.split_whitespace().collect::<Vec<_>>().join(" ");
    let insert = INSERT.replace("$1", &format!("'{name}'")).replace("$2", &limit.to_string());
    let insert = insert.replace("$3", &born.to_string());
    let user = user.replace('"', "\"\"");
    format!(
        "{table}; {insert}; grant select, update on headcount to \"{user}\"; \
         grant select, insert, update, delete on headcount_answer to \"{user}\""
    )
}

/// `(first, granted, limit, epoch)`, if it keeps a grant's invariants, and whether the link is
/// known.
pub fn grant(row: &DataRowBody) -> Result<(Grant, bool), Fault> {
    whole_grant(row).ok_or_else(|| Fault {
        error: StoreError::Type,
        words: "the table headcount gave a grant that makes no sense".to_owned(),
    })
}

/// What `show transaction_read_only` says: a server that is read-only would refuse the first take.
pub fn may_write(row: Option<&DataRowBody>) -> Result<(), Fault> {
    match row.and_then(columns) {
        Some([Some(b"off")]) => Ok(()),
        Some([Some(b"on")]) => Err(Fault {
            error: StoreError::ReadOnly,
            words: "the server says that its transactions are read-only".to_owned(),
        }),
        _ => Err(not_postgres("settings without an answer")),
    }
}

fn whole_grant(row: &DataRowBody) -> Option<(Grant, bool)> {
    let [first, granted, limit, epoch, known] = columns(row)?.map(|column| {
        let bytes = <[u8; 8]>::try_from(column?).ok()?;
        u64::try_from(i64::from_be_bytes(bytes)).ok()
    });
    let grant = Grant { first: first?, granted: granted?, limit: limit?, epoch: epoch? };
    grant.is_sound().then_some((grant, known? > 0))
}

/// The columns of a row, if there are so many; `None` in them is NULL.
fn columns<const COUNT: usize>(row: &DataRowBody) -> Option<[Option<&[u8]>; COUNT]> {
    let ranges: Vec<_> = row.ranges().collect().ok()?;
    let columns: Vec<_> = ranges.into_iter().map(|it| it.map(|it| &row.buffer()[it])).collect();
    columns.try_into().ok()
}

/// Executes a statement that is prepared for this one time.
fn execute_once(statement: &str, counter: &Counter, out: &mut BytesMut) {
    let Counter { name, limit, born, .. } = counter;
    frontend::parse("", statement, [TEXT, INT8, INT8], out).expect(WRITABLE);
    execute("", &[name.as_bytes(), &limit.to_be_bytes(), &born.to_be_bytes()], out);
}

/// Binds values to a prepared statement and executes it, in binary, up to a Sync.
fn execute(statement: &str, values: &[&[u8]], out: &mut BytesMut) {
    let write = |value: &&[u8], out: &mut BytesMut| {
        out.put_slice(value);
        Ok(IsNull::No)
    };
    let bound = frontend::bind("", statement, [BINARY], values, write, [BINARY], out);
    bound.ok().expect(WRITABLE);
    frontend::execute("", 0, out).expect(WRITABLE);
    frontend::sync(out);
}

/// Format code of parameters and results.
const BINARY: i16 = 1;

// Object identifiers of the parameters' types, as in the server's pg_type.dat.
const INT8: u32 = 20;
const TEXT: u32 = 25;

const WRITABLE: &str = "texts are short and have no NUL: config sees to it";
