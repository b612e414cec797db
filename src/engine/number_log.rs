//! The log's line of each number: who got it, or for whom it is kept.

use log::{debug, info};

use crate::api::body::Outcome;
use crate::engine::clients::Clients;
use crate::engine::shared::LOG_TARGET;
use crate::store::keys::KeyedNumber;
use crate::token::Token;

/// An answer was given. A number is logged as taken once, however often its key gets it.
#[inline(always)]
pub fn answered(counter: &str, outcome: Outcome, token: Token, clients: &mut Clients) {
    match outcome {
        Outcome::Number(request_num) if !clients.is_audited() => {
            info!(target: LOG_TARGET, counter, request_num; "number taken");
        }
        Outcome::Number(request_num) => {
            audited(counter, request_num, "number taken", token, clients);
        }
        Outcome::Replayed { number, .. } => replayed(counter, number, token, clients),
        _ => {}
    }
}

#[cold]
fn replayed(counter: &str, request_num: u64, token: Token, clients: &mut Clients) {
    if clients.is_audited() {
        return audited(counter, request_num, "number replayed", token, clients);
    }
    debug!(target: LOG_TARGET, counter, request_num; "number replayed");
}

/// Numbers that were granted to keys whose clients did not wait for them.
pub fn kept(counter: &str, keyed: &[KeyedNumber]) {
    for it in keyed {
        if let KeyedNumber::Granted(request_num) = it {
            info!(target: LOG_TARGET, counter, request_num;
                "number kept for its key: the client has left");
        }
    }
}

/// The same line with who asked.
#[cold]
fn audited(counter: &str, request_num: u64, message: &str, token: Token, clients: &mut Clients) {
    let Some((peer, audit)) = clients.take_answered(token) else {
        return; // It is here: it was just answered.
    };
    let peer = peer.address.to_string();
    let (forwarded_for, request_id) = (audit.forwarded_for.as_deref(), audit.request_id.as_deref());
    let (traceparent, key) = (audit.traceparent.as_deref(), audit.key.as_deref());
    info!(target: LOG_TARGET, counter, request_num, peer, forwarded_for, request_id, traceparent,
        key; "{message}");
}
