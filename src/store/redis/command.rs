//! The commands of a handshake and of a change, and what the replies of their scripts mean.

use std::sync::LazyLock;

use redis::{Cmd, Value, cmd};

use super::reply::{self, not_redis};
use crate::config::RedisUrl;
use crate::counter::Count;
use crate::limits::ANSWER_TTL;
use crate::store::change::Change;
use crate::store::counters::Origin;
use crate::store::error::Fault;
use crate::store::request::LastGrant;

/// Creates the counter, and drops old answers.
pub const HANDSHAKE: &str = include_str!("handshake.lua");
const CHANGE: &str = include_str!("change.lua");
/// Its SHA-1, once: many counters are confirmed on each connection.
static HANDSHAKE_HASH: LazyLock<String> =
    LazyLock::new(|| redis::Script::new(HANDSHAKE).get_hash().to_owned());

/// The introduction, in RESP3.
pub fn hello(url: &RedisUrl) -> Cmd {
    let mut hello = cmd("HELLO");
    hello.arg(3);
    if let Some(password) = &url.password {
        let user = url.user.as_deref().unwrap_or("default");
        hello.arg("AUTH").arg(user).arg(password.reveal());
    }
    hello.arg("SETNAME").arg("headcount");
    hello
}

/// The database of the URL.
pub fn select(database: u32) -> Cmd {
    command(&["SELECT", &database.to_string()])
}

/// Has a script ready for EVALSHA.
pub fn load(script: &str) -> Cmd {
    command(&["SCRIPT", "LOAD", script])
}

/// Switches tracking on, for what [`cache`] precedes.
pub fn track() -> Cmd {
    command(&["CLIENT", "TRACKING", "ON", "OPTIN"])
}

/// The next read is tracked.
pub fn cache() -> Cmd {
    command(&["CLIENT", "CACHING", "YES"])
}

/// What the server says of itself.
pub fn info() -> Cmd {
    command(&["INFO"])
}

/// Runs `handshake.lua`.
pub fn create(key: &str, limit: u64, may_create: bool, reply_slot: &str, last: LastGrant) -> Cmd {
    let mut create = cmd("EVALSHA");
    create.arg(HANDSHAKE_HASH.as_str()).arg(1).arg(key);
    create.arg(u8::from(may_create)).arg(limit).arg(ANSWER_TTL.as_secs());
    create.arg(reply_slot).arg(last.sequence).arg(last.epoch);
    create
}

/// Whether `handshake.lua` did not find the answer to the last grant.
pub fn is_answer_lost(value: &Value) -> bool {
    reply::text(value) == Some(b"lost")
}

/// What `handshake.lua` found.
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
pub fn check(key: &str) -> Cmd {
    command(&["SETRANGE", key, "0", ""])
}

/// The read in its place, where the user may not do that.
pub fn check_read(key: &str) -> Cmd {
    command(&["HGET", key, "version"])
}

/// Reads the epoch of a counter that is to be changed, as it stands there.
pub fn read(key: &str) -> Cmd {
    command(&["HGET", key, "epoch"])
}

/// Runs `change.lua` on the epoch that was read.
pub fn change(key: &str, change: &Change, read_epoch: &[u8], limit_default: u64) -> Cmd {
    let text = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
    let mut command = cmd("EVAL");
    command.arg(CHANGE).arg(1).arg(key).arg(change.token.as_str()).arg(read_epoch);
    command.arg(text(change.limit)).arg(text(change.taken)).arg(limit_default);
    command
}

/// What `change.lua` left.
pub fn changed(value: &Value) -> Result<Count, Fault> {
    let Value::Array(parts) = value else {
        return Err(not_redis("a change that was not understood"));
    };
    match parts.iter().map(reply::number).collect::<Option<Vec<u64>>>().as_deref() {
        Some(&[taken, limit]) => Ok(Count { taken, limit }),
        _ => Err(not_redis("a change that was not understood")),
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    words.iter().for_each(|word| {
        command.arg(word);
    });
    command
}
