//! The body of a change: JSON in, values out.

use serde_json::{Map, Value};

use crate::limits::LIMIT_MAX;
use crate::store::change::ChangeKind;

/// What is to be changed of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRequest {
    /// Its limit alone.
    Limit(u64),
    /// How many are taken, and perhaps the limit.
    Taken {
        /// How many are taken from now on.
        taken: u64,
        /// The limit from now on; `None` keeps it.
        limit: Option<u64>,
    },
    /// Begin it anew.
    Reset {
        /// The epoch that the client was shown: in another one it is not done.
        epoch: u64,
        /// The limit from now on; `None` keeps it.
        limit: Option<u64>,
    },
}

impl ChangeRequest {
    /// What it is called in the log.
    pub fn word(self) -> &'static str {
        match self {
            ChangeRequest::Limit(_) | ChangeRequest::Taken { .. } => "set",
            ChangeRequest::Reset { .. } => "reset",
        }
    }

    /// What the store is asked to do, and the epoch in which alone it is to do it.
    pub fn kind(self) -> (ChangeKind, Option<u64>) {
        match self {
            ChangeRequest::Limit(limit) => (ChangeKind::SetLimit { limit }, None),
            ChangeRequest::Taken { taken, limit } => (ChangeKind::SetTaken { taken, limit }, None),
            ChangeRequest::Reset { epoch, limit } => (ChangeKind::Reset { limit }, Some(epoch)),
        }
    }
}

/// What is wrong with a body, and so what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It is no JSON object.
    Malformed,
    /// It is one, and says something else.
    Unusable(&'static str),
}

const SET_ALLOWED: &str = "expected {\"limit\":N}, {\"taken\":N} or both, N from 0 to \
    9007199254740991";
const RESET_ALLOWED: &str = "expected {\"epoch\":E} or {\"epoch\":E,\"limit\":N}: E as \
    GET /counters/NAME shows it, N from 0 to 9007199254740991";
const TAKEN_PAST_LIMIT: &str = "taken is above limit: expected taken to be at most limit";

/// What a `PUT /counters/NAME` asks.
pub fn set(body: &[u8]) -> Result<ChangeRequest, BodyFault> {
    let object = object(body)?;
    let number = |name| number(&object, name, SET_ALLOWED);
    only(&object, &["limit", "taken"], SET_ALLOWED)?;
    match (number("taken")?, number("limit")?) {
        (Some(taken), Some(limit)) if taken > limit => Err(BodyFault::Unusable(TAKEN_PAST_LIMIT)),
        (Some(taken), limit) => Ok(ChangeRequest::Taken { taken, limit }),
        (None, Some(limit)) => Ok(ChangeRequest::Limit(limit)),
        (None, None) => Err(BodyFault::Unusable(SET_ALLOWED)),
    }
}

/// What a `POST /counters/NAME/reset` asks.
pub fn reset(body: &[u8]) -> Result<ChangeRequest, BodyFault> {
    let object = object(body)?;
    let number = |name| number(&object, name, RESET_ALLOWED);
    only(&object, &["epoch", "limit"], RESET_ALLOWED)?;
    let epoch = number("epoch")?.ok_or(BodyFault::Unusable(RESET_ALLOWED))?;
    Ok(ChangeRequest::Reset { epoch, limit: number("limit")? })
}

fn object(body: &[u8]) -> Result<Map<String, Value>, BodyFault> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(BodyFault::Malformed),
    }
}

fn only(
    object: &Map<String, Value>,
    names: &[&str],
    allowed: &'static str,
) -> Result<(), BodyFault> {
    let is_known = object.keys().all(|name| names.contains(&name.as_str()));
    if is_known { Ok(()) } else { Err(BodyFault::Unusable(allowed)) }
}

fn number(
    object: &Map<String, Value>,
    name: &str,
    allowed: &'static str,
) -> Result<Option<u64>, BodyFault> {
    let Some(value) = object.get(name) else {
        return Ok(None);
    };
    let number = value.as_u64().filter(|number| *number <= LIMIT_MAX);
    number.map(Some).ok_or(BodyFault::Unusable(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_says_a_limit_or_a_count_or_both() {
        let taken = |taken, limit| Ok(ChangeRequest::Taken { taken, limit });
        assert_eq!(set(br#"{"limit":0}"#), Ok(ChangeRequest::Limit(0)));
        assert_eq!(set(br#" {"taken" : 5} "#), taken(5, None));
        assert_eq!(set(br#"{"taken":9007199254740991}"#), taken(LIMIT_MAX, None));
        assert_eq!(set(br#"{"limit":5,"taken":5}"#), taken(5, Some(5)));
    }

    #[test]
    fn a_reset_names_the_epoch_that_was_shown() {
        let reset_to = |epoch, limit| Ok(ChangeRequest::Reset { epoch, limit });
        assert_eq!(reset(br#"{"epoch":7}"#), reset_to(7, None));
        assert_eq!(reset(br#"{"epoch":7,"limit":9}"#), reset_to(7, Some(9)));
        let without = [&br#"{}"#[..], br#"{"limit":9}"#, br#"{"epoch":7,"taken":1}"#];
        for body in without {
            assert_eq!(reset(body), Err(BodyFault::Unusable(RESET_ALLOWED)));
        }
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for body in [&b""[..], b"{", b"[]", b"7", b"{}{}", b"\xFF", b"limit=5", b"null"] {
            assert_eq!(set(body), Err(BodyFault::Malformed), "{}", body.escape_ascii());
            assert_eq!(reset(body), Err(BodyFault::Malformed));
        }
        let deep = [&b"{\"limit\":"[..], &b"[".repeat(1_000)].concat();
        assert_eq!(set(&deep), Err(BodyFault::Malformed));
    }

    #[test]
    fn what_is_no_number_in_range_is_refused_with_what_is_allowed() {
        let bodies = [
            &br#"{}"#[..],
            br#"{"limit":-1}"#,
            br#"{"limit":1.5}"#,
            br#"{"limit":1e3}"#,
            br#"{"limit":"5"}"#,
            br#"{"limit":null}"#,
            br#"{"limit":9007199254740992}"#,
            br#"{"limit":99999999999999999999}"#,
            br#"{"limit":5,"limi":5}"#,
        ];
        for body in bodies {
            let refused = Err(BodyFault::Unusable(SET_ALLOWED));
            assert_eq!(set(body), refused, "{}", body.escape_ascii());
        }
        let past = Err(BodyFault::Unusable(TAKEN_PAST_LIMIT));
        assert_eq!(set(br#"{"limit":5,"taken":6}"#), past);
    }
}
