//! The statements that a request runs, and how they run.
//!
//! On a session of its own they are prepared once, and the settings are made once. A pooler, such
//! as pgbouncer, may give each transaction another session of the server, which other clients use
//! before and after: what is prepared there is not found again, and a setting would become theirs.
//! There each statement is parsed anew, and each transaction has its own settings (`settings.rs`).

use bytes::{BufMut, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;

const TAKE: &str = include_str!("take.sql");
const PEEK: &str = include_str!("peek.sql");
const ANSWER: &str = include_str!("answer.sql");
const LOCK_FOR_KEYS: &str = include_str!("lock.sql");
const TAKE_KEYS: &str = include_str!("take_keys.sql");
/// Gives a row where the answer to the link's last granted request is not there: the request $3, in
/// the epoch $4.
const ENTER: &str = "with entered as (insert into headcount_answer (link, counter) values ($1, $2) \
    on conflict do nothing) \
    select true where $3 > 0 and not exists (select from headcount_answer \
    where link = $1 and counter = $2 and sequence >= $3 and epoch = $4)";

/// How the statements lock a row.
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

/// Whose the session of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// The connection's.
    Own,
    /// A pooler's, which lends it for one transaction.
    Pooled,
}

/// How the statements of a request run.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    pub session: Session,
    pub locks: Locks,
}

/// A statement of a request. An update finds its row locked by the same statement, and so waits for
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    Take(Locks),
    Peek(Locks),
    Answer(Locks),
    /// Comes before [`Statement::TakeKeys`], in the same transaction.
    LockForKeys(Locks),
    TakeKeys(Locks),
    Enter,
}

impl Statement {
    /// By which it is prepared.
    fn name(self) -> &'static str {
        match self {
            Statement::Take(Locks::Wait) => "take",
            Statement::Take(Locks::Fail) => "take_nowait",
            Statement::Peek(Locks::Wait) => "peek",
            Statement::Peek(Locks::Fail) => "peek_nowait",
            Statement::Answer(Locks::Wait) => "answer",
            Statement::Answer(Locks::Fail) => "answer_nowait",
            Statement::LockForKeys(Locks::Wait) => "lock",
            Statement::LockForKeys(Locks::Fail) => "lock_nowait",
            Statement::TakeKeys(Locks::Wait) => "take_keys",
            Statement::TakeKeys(Locks::Fail) => "take_keys_nowait",
            Statement::Enter => "enter",
        }
    }

    fn parse(self, name: &str, out: &mut BytesMut) {
        let (sql, types): (_, &[u32]) = match self {
            Statement::Take(_) => (TAKE, &[TEXT, INT8, INT8, INT8, INT8, INT8]),
            Statement::Peek(_) => (PEEK, &[TEXT, INT8, INT8]),
            Statement::Answer(_) => (ANSWER, &[TEXT, INT8, INT8, INT8]),
            Statement::LockForKeys(_) => (LOCK_FOR_KEYS, &[TEXT, INT8, INT8, INT8]),
            Statement::TakeKeys(_) => (TAKE_KEYS, &[TEXT, INT8, INT8, INT8, INT8, INT8, TEXTS]),
            Statement::Enter => (ENTER, &[INT8, TEXT, INT8, INT8]),
        };
        let types = types.iter().copied();
        let parsed = match self {
            Statement::Take(Locks::Fail)
            | Statement::Peek(Locks::Fail)
            | Statement::Answer(Locks::Fail)
            | Statement::LockForKeys(Locks::Fail)
            | Statement::TakeKeys(Locks::Fail) => {
                frontend::parse(name, &sql.replace(LOCK, LOCK_NOWAIT), types, out)
            }
            _ => frontend::parse(name, sql, types, out),
        };
        parsed.expect(WRITABLE);
    }

    /// Runs it with these values. No Sync follows.
    pub fn run(self, session: Session, values: &[Option<&[u8]>], out: &mut BytesMut) {
        match session {
            Session::Own => run(self.name(), values, out),
            Session::Pooled => {
                self.parse("", out);
                run("", values, out);
            }
        }
    }
}

/// Prepares the statements, those with [`Locks::Fail`] if there are `many` counters. Where they do
/// not stay prepared, this tells whether the tables have the layout that they need.
pub fn prepare(session: Session, many: bool, out: &mut BytesMut) {
    // First those that tell the layout of the table.
    let of_one = [
        Statement::Take(Locks::Wait),
        Statement::Peek(Locks::Wait),
        Statement::Answer(Locks::Wait),
        Statement::LockForKeys(Locks::Wait),
        Statement::TakeKeys(Locks::Wait),
        Statement::Enter,
    ];
    let of_many = [
        Statement::Take(Locks::Fail),
        Statement::Peek(Locks::Fail),
        Statement::Answer(Locks::Fail),
        Statement::LockForKeys(Locks::Fail),
        Statement::TakeKeys(Locks::Fail),
    ];
    let of_many = of_many.iter().filter(|_| many);
    for statement in of_one.iter().chain(of_many) {
        let name = if session == Session::Own { statement.name() } else { "" };
        statement.parse(name, out);
    }
    frontend::sync(out);
}

/// Parses this text, binds values to it and executes it, up to a Sync.
pub fn execute(sql: &str, types: &[u32], values: &[Option<&[u8]>], out: &mut BytesMut) {
    parse_and_run(sql, types, values, out);
    frontend::sync(out);
}

/// The same without the Sync.
pub fn parse_and_run(sql: &str, types: &[u32], values: &[Option<&[u8]>], out: &mut BytesMut) {
    frontend::parse("", sql, types.iter().copied(), out).expect(WRITABLE);
    run("", values, out);
}

/// Binds values to a prepared statement and executes it, in binary.
fn run(name: &str, values: &[Option<&[u8]>], out: &mut BytesMut) {
    let write = |value: &Option<&[u8]>, out: &mut BytesMut| {
        value.iter().for_each(|bytes| out.put_slice(bytes));
        Ok(if value.is_some() { IsNull::No } else { IsNull::Yes })
    };
    let bound = frontend::bind("", name, [BINARY], values, write, [BINARY], out);
    bound.ok().expect(WRITABLE);
    frontend::execute("", 0, out).expect(WRITABLE);
}

/// Format code of parameters and results.
const BINARY: i16 = 1;

// Object identifiers of the parameters' types, as in the server's pg_type.dat.
pub const INT8: u32 = 20;
pub const TEXT: u32 = 25;
const TEXTS: u32 = 1009;

pub const WRITABLE: &str = "texts are short and have no NUL: config sees to it";
