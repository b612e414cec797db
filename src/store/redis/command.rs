//! The commands of a handshake and of a change, and what the replies of their scripts mean.

use std::sync::LazyLock;
use std::time::Duration;

use super::reply::{self, not_redis};
use super::resp::{self, Command};
use super::value::Value;
use crate::config::{RedisUrl, Secret};
use crate::counter::CounterId;
use crate::limits::{ANSWER_TTL, STATUS_PAGE};
use crate::store::change::{Change, ChangeKind};
use crate::store::counters::{Counters, Origin};
use crate::store::error::Fault;
use crate::store::request::LastGrant;

/// Creates the counter, and drops old answers.
pub const CONFIRM: &str = include_str!("confirm.lua");
const CHANGE: &str = include_str!("change.lua");
/// Its SHA-1, once: many counters are confirmed on each connection.
static CONFIRM_HASH: LazyLock<String> = LazyLock::new(|| hash(CONFIRM));
const CREATE: &str = include_str!("create.lua");
const LIMIT: &str = include_str!("limit.lua");
/// Words of a take without keys: four of EVALSHA, and the script's arguments.
const TAKE_WORDS: usize = 4 + 7;

/// What a change has read of its counter, as it stands there; empty where there is nothing.
#[derive(Clone, Default)]
pub struct ReadBefore {
    /// The epoch.
    pub epoch: Vec<u8>,
    /// The token of the last change before.
    pub token: Vec<u8>,
}

/// The introduction, in RESP3.
pub fn hello(url: &RedisUrl) -> Command {
    hello_as(url.user.as_deref(), url.password.as_ref()).word("SETNAME").word("headcount")
}

/// The same to a server for which there are other names.
pub fn hello_as(user: Option<&str>, password: Option<&Secret>) -> Command {
    let hello = Command::new("HELLO").number(3);
    match password {
        Some(password) => {
            hello.word("AUTH").word(user.unwrap_or("default")).word(password.reveal())
        }
        None => hello,
    }
}

/// Asks a sentinel where the primary of this name is.
pub fn primary_of(master: &str) -> Command {
    words(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", master])
}

/// The database of the URL.
pub fn select(database: u32) -> Command {
    words(&["SELECT", &database.to_string()])
}

/// Has a script ready for EVALSHA.
pub fn load(script: &str) -> Command {
    words(&["SCRIPT", "LOAD", script])
}

/// The next command may touch a slot that this node is being given.
pub fn asking() -> Command {
    words(&["ASKING"])
}

/// Switches tracking on, for what [`cache`] precedes.
pub fn track() -> Command {
    words(&["CLIENT", "TRACKING", "ON", "OPTIN"])
}

/// The next read is tracked.
pub fn cache() -> Command {
    words(&["CLIENT", "CACHING", "YES"])
}

/// What the server says of itself.
pub fn info() -> Command {
    words(&["INFO"])
}

/// Runs `confirm.lua`.
pub fn confirm(
    key: &str,
    limit: u64,
    may_create: bool,
    reply_slot: &str,
    last: LastGrant,
) -> Command {
    let confirm = Command::new("EVALSHA").word(CONFIRM_HASH.as_str()).number(1).word(key);
    let confirm = confirm.number(u64::from(may_create)).number(limit).number(ANSWER_TTL.as_secs());
    confirm.word(reply_slot).number(last.sequence).number(last.epoch)
}

/// Whether `confirm.lua` did not find the answer to the last grant.
pub fn is_answer_lost(value: &Value) -> bool {
    reply::text(value) == Some(b"lost")
}

/// What `confirm.lua` found.
pub fn origin(value: &Value) -> Result<Origin, Fault> {
    match reply::text(value) {
        Some(b"created") => Ok(Origin::Created),
        Some(b"migrated") => Ok(Origin::Migrated),
        Some(b"found") => Ok(Origin::Found),
        _ => Err(not_redis("a handshake that was not understood")),
    }
}

/// A write that changes nothing: it appends no bytes to a text that is not there, and is refused
/// with WRONGTYPE where the counter is. What refuses every write (READONLY, MISCONF, OOM,
/// NOREPLICAS) comes before that.
pub fn check(key: &str) -> Command {
    words(&["SETRANGE", key, "0", ""])
}

/// A write that the replicas are sent, whatever its key holds: all of ours together have one field.
pub fn mark(key: &str) -> Command {
    words(&["HSET", &format!("{key}:wait"), "mark", "1"])
}

/// How many replicas have what this connection wrote: asks until they are so many, or the time is
/// over.
pub fn wait(replicas: u8, timeout: Duration) -> Command {
    let wait = Command::new("WAIT").number(u64::from(replicas));
    wait.number(timeout.as_millis() as u64)
}

/// The read in its place, where the user may not do that.
pub fn check_read(key: &str) -> Command {
    words(&["HGET", key, "version"])
}

/// A page of the keys that look like counters.
pub fn scan(cursor: &[u8]) -> Command {
    let scan = Command::new("SCAN").word(cursor).word("MATCH").word("headcount:{*}");
    scan.word("COUNT").number(STATUS_PAGE as u64)
}

/// The script of a change, on what was read.
pub fn change(key: &str, change: &Change, before: &ReadBefore, limit_default: u64) -> Command {
    let text = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
    let script = match change.kind {
        ChangeKind::Create { .. } => CREATE,
        ChangeKind::SetLimit { .. } => LIMIT,
        ChangeKind::SetTaken { .. } | ChangeKind::Reset { .. } => CHANGE,
    };
    let command = Command::new("EVAL").word(script).number(1).word(key).word(&change.token);
    match change.kind {
        ChangeKind::Create { limit } => command.number(limit),
        ChangeKind::SetLimit { limit } => {
            command.word(&before.epoch).word(&before.token).number(limit)
        }
        ChangeKind::SetTaken { .. } | ChangeKind::Reset { .. } => {
            let (limit, taken) = (text(change.limit()), text(change.taken()));
            command.word(&before.epoch).word(limit).word(taken).number(limit_default)
        }
    }
}

/// The first words of EVALSHA, which names the script by its hash and the counter by its key.
pub fn take_head(hash: &str, key: &str) -> Vec<u8> {
    let mut words = Vec::new();
    resp::write_count(TAKE_WORDS, &mut words);
    resp::write_word(b"EVALSHA", &mut words);
    resp::write_word(hash.as_bytes(), &mut words);
    resp::write_number(1, &mut words);
    resp::write_word(key.as_bytes(), &mut words);
    words
}

/// Appends such a head of a take that has so many keys behind its other words.
pub fn write_keyed_head(head: &[u8], keys: usize, out: &mut Vec<u8>) {
    resp::write_count(TAKE_WORDS + keys, out);
    let count_length = head.iter().position(|byte| *byte == b'$').unwrap_or_default();
    out.extend_from_slice(&head[count_length..]);
}

/// The hash of a counter. The braces make its name a Redis Cluster hash tag.
pub fn key(counters: &Counters, counter: CounterId) -> String {
    format!("headcount:{{{}}}", counters.get(counter).name)
}

/// The SHA-1 by which EVALSHA names a script.
pub fn hash(script: &str) -> String {
    sha1_smol::Sha1::from(script).digest().to_string()
}

/// A command of plain words.
fn words(words: &[&str]) -> Command {
    let (name, rest) = words.split_first().expect("a command has a name");
    rest.iter().fold(Command::new(name), |command, word| command.word(word))
}
