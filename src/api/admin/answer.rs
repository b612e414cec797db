//! What the admin listener answers: the text of each answer, and its status.

use crate::api::admin::change::BodyFault;
use crate::api::admin::rules::AdminRefusal;
use crate::api::body::PLAIN;
use crate::counter::Count;
use crate::http::{Response, Status};
use crate::metrics::TakeTotals;
use crate::store::counters::Seen;
use crate::store::error::StoreError;

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeResult {
    /// It is done.
    Done {
        /// What was there, if it could be read.
        before: Option<Count>,
        /// What is there.
        after: Count,
    },
    /// The store has no such counter.
    NoCounter,
    /// The counter is in another epoch than the client was shown.
    OtherEpoch(u64),
    /// It was not done, for this reason.
    Refused(String),
    /// The store did not answer, or not in time.
    Unavailable(String),
}

/// What is known of one counter.
#[derive(Clone, Copy, Debug)]
pub struct CounterReport<'a> {
    /// Its name.
    pub name: &'a str,
    /// What was read of it last, if it ever was.
    pub seen: Option<Seen>,
    /// Why nothing can be taken from it, if so.
    pub refusal: Option<StoreError>,
}

/// What is known of the process, beside its counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessReport {
    /// Whether counters can be changed here.
    pub has_token: bool,
    /// The process is stopping.
    pub is_draining: bool,
    /// Why the store is away, if it is.
    pub store_error: Option<StoreError>,
    /// Takes since the start.
    pub takes: TakeTotals,
}

/// The body of `/counters`.
pub fn list<'a>(
    process: &ProcessReport,
    counters: impl Iterator<Item = CounterReport<'a>>,
) -> String {
    let ProcessReport { has_token, is_draining, store_error, takes } = process;
    let version = env!("CARGO_PKG_VERSION");
    let store = match store_error {
        None => r#"{"state":"up"}"#.to_owned(),
        Some(error) => format!(r#"{{"state":"away","reason":"{}"}}"#, error.word()),
    };
    let TakeTotals { granted, replayed, halted, failed, refused } = takes;
    let counters: Vec<String> = counters.map(|report| counter(&report)).collect();
    let counters = counters.join(",");
    format!(
        r#"{{"version":"{version}","changes":{has_token},"draining":{is_draining},"store":{store},"#
    ) + &format!(r#""takes":{{"granted":{granted},"replayed":{replayed},"halted":{halted},"#)
        + &format!(r#""failed":{failed},"refused":{refused}}},"counters":[{counters}]}}"#)
}

/// One counter: the body of `/counters/NAME`, and an element of that of `/counters`.
pub fn counter(report: &CounterReport<'_>) -> String {
    let CounterReport { name, seen, refusal } = report;
    let state = match (refusal, seen) {
        (Some(_), _) | (None, None) => "refused",
        (None, Some(seen)) if seen.count.limit == 0 => "closed",
        (None, Some(seen)) if seen.count.halted() => "halted",
        (None, Some(_)) => "open",
    };
    let reason = match (refusal, seen) {
        (Some(error), _) => Some(error.word()),
        (None, None) => Some(StoreError::Connecting.word()),
        (None, Some(_)) => None,
    };
    let reason = reason.map(|word| format!(r#","reason":"{word}""#)).unwrap_or_default();
    let numbers = seen.map(|seen| numbers(&seen)).unwrap_or_default();
    format!(r#"{{"counter":"{name}","state":"{state}"{reason}{numbers}}}"#)
}

fn numbers(seen: &Seen) -> String {
    let Count { taken, limit } = seen.count;
    let (remaining, halted, epoch) = (seen.count.remaining(), seen.count.halted(), seen.epoch);
    let made = seen.made.map(|made| format!(r#","made":"{}""#, made.word())).unwrap_or_default();
    format!(r#","taken":{taken},"limit":{limit},"remaining":{remaining},"#)
        + &format!(r#""halted":{halted},"epoch":{epoch}{made}"#)
}

/// The status and the body of a change's answer.
pub fn changed(name: &str, result: &ChangeResult) -> (Status, String) {
    match result {
        ChangeResult::Done { before, after } => {
            let before = before.map_or_else(|| "null".to_owned(), count);
            let after = count(*after);
            let text = format!(r#"{{"counter":"{name}","before":{before},"after":{after}}}"#);
            (Status::Ok, text)
        }
        ChangeResult::NoCounter => (Status::NotFound, error(NO_COUNTER_IN_STORE)),
        ChangeResult::OtherEpoch(epoch) => {
            let text = format!(r#"{{"error":"{OTHER_EPOCH}","epoch":{epoch}}}"#);
            (Status::Conflict, text)
        }
        ChangeResult::Refused(words) => (Status::Conflict, error(words)),
        ChangeResult::Unavailable(words) => (Status::ServiceUnavailable, error(words)),
    }
}

/// The status and the body of the answer to a change whose body cannot be used.
pub fn unusable(fault: BodyFault) -> (Status, String) {
    match fault {
        BodyFault::Malformed => (Status::BadRequest, error("the body is no JSON object")),
        BodyFault::Unusable(words) => (Status::UnprocessableContent, error(words)),
    }
}

/// The answer to one who may not do what it asks.
pub fn refused(refusal: AdminRefusal) -> Response<'static> {
    let (status, body): (Status, &[u8]) = match refusal {
        AdminRefusal::ForeignHost => (Status::MisdirectedRequest, FOREIGN_HOST),
        AdminRefusal::CrossSite => (Status::Forbidden, CROSS_SITE),
        AdminRefusal::NoToken => (Status::Forbidden, NO_TOKEN),
        AdminRefusal::Unauthorized => (Status::Unauthorized, UNAUTHORIZED),
        AdminRefusal::NotJson => (Status::UnsupportedMediaType, NOT_JSON),
        AdminRefusal::NoCounter => (Status::NotFound, NO_COUNTER),
    };
    // RFC 6750, section 3.
    let fields: &[u8] = match refusal {
        AdminRefusal::Unauthorized => b"WWW-Authenticate: Bearer realm=\"headcount\"\r\n",
        _ => b"",
    };
    Response { status, body, fields, ..PLAIN }
}

const FOREIGN_HOST: &[u8] =
    br#"{"error":"this address is loopback: ask for 127.0.0.1, [::1] or localhost"}"#;
const CROSS_SITE: &[u8] = br#"{"error":"a page of another origin may change nothing here"}"#;
const NO_TOKEN: &[u8] =
    br#"{"error":"no token is configured: start headcount with --admin-token-file FILE"}"#;
const UNAUTHORIZED: &[u8] =
    br#"{"error":"the token is missing or wrong: send Authorization: Bearer TOKEN"}"#;
const NOT_JSON: &[u8] = br#"{"error":"expected Content-Type: application/json"}"#;
const NO_COUNTER: &[u8] = br#"{"error":"this process serves no such counter"}"#;
const OTHER_EPOCH: &str = "the counter is in another epoch than the one given: look again";
const NO_COUNTER_IN_STORE: &str = "the store has no such counter: headcount create makes one";

/// The words of an error as a body. They may come from the store, so they are escaped.
pub fn error(words: &str) -> String {
    let words = serde_json::to_string(words).expect("a text is always JSON");
    format!(r#"{{"error":{words}}}"#)
}

fn count(count: Count) -> String {
    let Count { taken, limit } = count;
    format!(r#"{{"taken":{taken},"limit":{limit}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::counters::Made;
    use serde_json::{Value, json};

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).expect("an answer is JSON")
    }

    fn seen(taken: u64, limit: u64) -> Option<Seen> {
        let (count, made) = (Count { taken, limit }, Some(Made::Reset));
        Some(Seen { count, epoch: 7, made, read_at_s: 1 })
    }

    #[test]
    fn a_counter_says_its_state_in_words() {
        let rows = [
            (seen(1, 9), None, "open", None),
            (seen(9, 9), None, "halted", None),
            (seen(0, 0), None, "closed", None),
            (seen(1, 9), Some(StoreError::Missing), "refused", Some("missing")),
            (None, Some(StoreError::Type), "refused", Some("type")),
            (None, None, "refused", Some("connecting")),
        ];
        for (seen, refusal, state, reason) in rows {
            let report = parsed(&counter(&CounterReport { name: "shoes", seen, refusal }));
            assert_eq!(report["state"], state, "{report}");
            assert_eq!(report.get("reason").and_then(Value::as_str), reason, "{report}");
            assert_eq!(report.get("taken").is_some(), seen.is_some(), "{report}");
        }
        let report = CounterReport { name: "shoes", seen: seen(1, 9), refusal: None };
        let expected = json!({"counter": "shoes", "state": "open", "taken": 1, "limit": 9,
            "remaining": 8, "halted": false, "epoch": 7, "made": "reset"});
        assert_eq!(parsed(&counter(&report)), expected);
    }

    #[test]
    fn the_list_says_what_the_process_knows() {
        let takes = TakeTotals { granted: 1, replayed: 2, halted: 3, failed: 4, refused: 5 };
        let store_error = Some(StoreError::Timeout);
        let process = ProcessReport { has_token: true, is_draining: true, store_error, takes };
        let report = CounterReport { name: "shoes", seen: seen(1, 9), refusal: None };
        let list = parsed(&list(&process, [report, report].into_iter()));
        assert_eq!(list["counters"].as_array().map(Vec::len), Some(2));
        assert_eq!(list["store"], json!({"state": "away", "reason": "timeout"}));
        assert_eq!((&list["changes"], &list["draining"]), (&json!(true), &json!(true)));
        let takes = json!({"granted": 1, "replayed": 2, "halted": 3, "failed": 4, "refused": 5});
        assert_eq!(list["takes"], takes);
    }

    #[test]
    fn a_change_says_what_was_and_what_is() {
        let (before, after) = (Some(Count { taken: 1, limit: 9 }), Count { taken: 0, limit: 5 });
        let (status, text) = changed("shoes", &ChangeResult::Done { before, after });
        let expected = json!({"counter": "shoes", "before": {"taken": 1, "limit": 9},
            "after": {"taken": 0, "limit": 5}});
        assert_eq!((status, parsed(&text)), (Status::Ok, expected));
        let (status, text) = changed("shoes", &ChangeResult::OtherEpoch(8));
        assert_eq!((status, &parsed(&text)["epoch"]), (Status::Conflict, &json!(8)));
        let words = "a \"word\"\r\n of the store's".to_owned();
        let (status, text) = changed("shoes", &ChangeResult::Unavailable(words.clone()));
        assert_eq!((status, &parsed(&text)["error"]), (Status::ServiceUnavailable, &json!(words)));
    }

    #[test]
    fn each_refusal_is_json_and_says_what_to_do() {
        use AdminRefusal::{CrossSite, ForeignHost, NoCounter, NoToken, NotJson, Unauthorized};
        for refusal in [ForeignHost, CrossSite, NoToken, Unauthorized, NotJson, NoCounter] {
            let body = String::from_utf8(refused(refusal).body.to_vec()).expect("it is ASCII");
            assert!(parsed(&body)["error"].is_string(), "{body}");
        }
    }
}
