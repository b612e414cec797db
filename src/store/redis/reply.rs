//! What a Redis reply means: pure functions from a RESP3 value.

pub use super::resp::not_redis;
use super::value::{ServerError, Value};

use crate::counter::Grant;
use crate::limits::{KEYS_PER_BATCH_MAX, LIMIT_MAX};
use crate::store::counters::Made;
use crate::store::error::{Fault, StoreError};
use crate::store::keys::KeyedNumber;

/// The known error codes; each says that nothing was written.
/// See redis.io/docs/latest/develop/reference/protocol-spec, "Simple errors".
pub fn fault(error: &ServerError) -> Fault {
    let (code, details) = (error.code.as_str(), error.detail.as_str());
    let known = match code {
        "LOADING" => StoreError::Loading,
        "READONLY" | "MASTERDOWN" => StoreError::ReadOnly,
        "OOM" => StoreError::OutOfMemory,
        "MISCONF" => StoreError::Disk,
        "NOREPLICAS" => StoreError::Replicas,
        "NOAUTH" | "WRONGPASS" => StoreError::Authentication,
        "NOPERM" => StoreError::Permission,
        "WRONGTYPE" => StoreError::Type,
        "MISSING" => StoreError::Missing,
        "BACKWARDS" => StoreError::Backwards,
        "RECREATED" => StoreError::Recreated,
        "DAMAGED" => StoreError::Damaged,
        "LAYOUT" => StoreError::Layout,
        "DECLINED" => StoreError::Declined,
        "LINKS" => StoreError::Connections,
        "MOVED" | "ASK" | "CLUSTERDOWN" | "TRYAGAIN" | "CROSSSLOT" => StoreError::Cluster,
        // It mends itself: the next handshake sees to the unclaimed numbers.
        "UNCONFIRMED" => StoreError::Connecting,
        "NOPROTO" => StoreError::Version,
        "ERR" if details.contains("can't run this command") => StoreError::Permission,
        "ERR" if details.starts_with("max number of clients") => StoreError::Connections,
        "ERR" if details.starts_with("unknown command") => StoreError::Version,
        _ => StoreError::Refused,
    };
    let detail = match known {
        StoreError::Declined => details.to_owned(),
        _ => format!("{code} {details}"),
    };
    Fault { error: known, detail }
}

/// HELLO tells the server's role: a replica would refuse the first take.
pub fn primary(hello: &Value) -> Result<(), Fault> {
    if !matches!(hello, Value::Map(_)) {
        return Err(not_redis("HELLO was not answered with a map"));
    }
    if matches!(hello_field(hello, b"role"), Some(b"replica" | b"slave")) {
        return Err(Fault {
            error: StoreError::ReadOnly,
            detail: "the server says that it is a replica".to_owned(),
        });
    }
    Ok(())
}

/// Whether HELLO tells of a node of a Cluster.
pub fn is_cluster(hello: &Value) -> bool {
    hello_field(hello, b"mode") == Some(b"cluster")
}

/// Whether HELLO tells of a sentinel.
pub fn is_sentinel(hello: &Value) -> bool {
    hello_field(hello, b"role") == Some(b"sentinel")
}

/// The text of one of the fields that HELLO is answered with.
fn hello_field<'a>(hello: &'a Value, wanted: &[u8]) -> Option<&'a [u8]> {
    let Value::Map(fields) = hello else {
        return None;
    };
    let (_, value) = fields.iter().find(|(name, _)| text(name) == Some(wanted))?;
    text(value)
}

/// The bytes of a text.
pub fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Text(bytes) => Some(bytes),
        _ => None,
    }
}

/// A number from 0, as an integer or in digits.
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        value => str::from_utf8(text(value)?).ok()?.parse().ok(),
    }
}

/// A whole reply.
pub enum Reply {
    /// Four integers, none of them negative: a take's, as a rule. An allocation and a few hundred
    /// instructions are saved by not making a value of it.
    Numbers([u64; 4]),
    /// Any.
    Value(Value),
}

impl Reply {
    /// One number from 0.
    pub fn number(&self) -> Option<u64> {
        match self {
            Reply::Numbers(_) => None,
            Reply::Value(value) => number(value),
        }
    }

    /// The reply as Redis has it.
    pub fn into_value(self) -> Value {
        match self {
            Reply::Numbers(numbers) => {
                Value::List(numbers.map(|number| Value::Integer(number.cast_signed())).into())
            }
            Reply::Value(value) => value,
        }
    }

    /// `[first, granted, limit, epoch]`, if it keeps a grant's invariants; behind that, in an epoch
    /// that is not the one that was seen, how it began.
    pub fn grant(&self) -> Option<(Grant, Option<Made>)> {
        let (numbers, made) = match self {
            Reply::Numbers(numbers) => (numbers.map(Some), None),
            Reply::Value(Value::List(parts)) => {
                let (numbers, rest) = parts.split_first_chunk::<4>()?;
                (numbers.each_ref().map(number), made(rest)?)
            }
            Reply::Value(_) => return None,
        };
        let [first, granted, limit, epoch] = numbers;
        let grant = Grant { first: first?, granted: granted?, limit: limit?, epoch: epoch? };
        grant.is_sound().then_some((grant, made))
    }

    /// `[first, granted, limit, epoch, number, …]`, with a number for each key, if each of them can
    /// be what the script says: those that were granted rise, and lie before `first`.
    pub fn grant_to_keys(&self) -> Option<(Grant, Box<[KeyedNumber]>)> {
        let Reply::Value(Value::List(parts)) = self else {
            return None;
        };
        let (numbers, rest) = parts.split_first_chunk::<4>()?;
        let ([first, granted, limit, epoch], keys) = (numbers.each_ref().map(number), rest.len());
        let grant = Grant { first: first?, granted: granted?, limit: limit?, epoch: epoch? };
        let keyed = rest.iter().map(|value| keyed_number(value, grant.epoch));
        let keyed: Box<[KeyedNumber]> = keyed.collect::<Option<_>>()?;
        let is_bounded = (1..=KEYS_PER_BATCH_MAX).contains(&keys);
        (is_bounded && grant.is_sound() && rise_to(grant.first, &keyed)).then_some((grant, keyed))
    }
}

/// `n` was granted, `-n` was the key's before, as was `n e` of the epoch e, and of 0 there is none.
fn keyed_number(value: &Value, epoch: u64) -> Option<KeyedNumber> {
    let &Value::Integer(shown) = value else {
        let (number, epoch) = str::from_utf8(text(value)?).ok()?.split_once(' ')?;
        let (number, epoch) = (number.parse().ok()?, epoch.parse().ok()?);
        return (number <= LIMIT_MAX).then_some(KeyedNumber::Replayed { number, epoch });
    };
    let number = shown.unsigned_abs();
    Some(match shown.signum() {
        _ if number > LIMIT_MAX => return None,
        0 => KeyedNumber::NoneLeft,
        1 => KeyedNumber::Granted(number),
        _ => KeyedNumber::Replayed { number, epoch },
    })
}

fn rise_to(first: u64, keyed: &[KeyedNumber]) -> bool {
    let granted = keyed.iter().filter_map(|it| match it {
        KeyedNumber::Granted(number) => Some(*number),
        _ => None,
    });
    granted.chain([first]).is_sorted_by(|before, after| before < after)
}

fn made(rest: &[Value]) -> Option<Option<Made>> {
    match rest {
        [] => Some(None),
        [made] => match text(made)? {
            b"created" => Some(Some(Made::Created)),
            b"reset" => Some(Some(Made::Reset)),
            b"set" => Some(Some(Made::Set)),
            _ => None,
        },
        _ => None,
    }
}
