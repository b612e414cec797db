//! Redis Sentinel: who is the primary now.
//!
//! ```text
//!   ask a sentinel --its address--> connect to the primary --role master--> serve
//!        ^  next sentinel: none, unknown         |  lost, replica
//!        +---------------------------------------+
//! ```
//!
//! At every connect a sentinel is asked anew; what one has said before is never trusted for long,
//! and what the server says of its own role (in HELLO) counts more.
//! See redis.io/docs/latest/develop/reference/sentinel-clients.

use super::Redis;
use super::reply;
use super::resp::not_redis;
use super::value::Value;
use super::{Due, command};
use crate::config::Endpoint;
use crate::store::error::{Fault, StoreError};
use crate::store::hosts::Hosts;
use crate::store::request::WireEvent;

impl Redis {
    /// The hosts that are tried in turn.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The same, to say which of them serve.
    pub fn hosts_mut(&mut self) -> &mut Hosts {
        &mut self.hosts
    }

    /// Whether the connection that comes is to a sentinel.
    pub fn is_asking_sentinel(&self) -> bool {
        self.url.sentinels.is_some() && self.primary.is_none()
    }

    /// Whether the connection that comes is to the primary that a sentinel has named.
    pub fn is_to_named_primary(&self) -> bool {
        self.primary.is_some()
    }

    /// Whether the server may be one of several.
    pub fn is_one_of_several(&self) -> bool {
        self.is_cluster || !self.url.seeds.is_empty() || self.is_to_named_primary()
    }

    /// Where the next connection leads to.
    pub fn endpoint(&self) -> &Endpoint {
        self.primary.as_ref().unwrap_or(self.hosts.current())
    }

    /// A connection is lost, or never came; `has_served`: its handshake was done. Whether there
    /// is a sentinel to ask who may name another one: not when all have failed in a row.
    pub fn lost(&mut self, has_served: bool) -> bool {
        self.task.tour = None; // A survey that a node has left unfinished begins anew.
        if self.url.sentinels.is_none() {
            return false;
        }
        self.primary = None;
        // The sentinel that named a primary who served knows of the next one as soon as the others.
        has_served || self.hosts.try_next()
    }

    /// Asks a sentinel for the primary.
    pub(super) fn ask_sentinel(&mut self, out: &mut Vec<u8>) {
        let Some(sentinels) = self.url.sentinels.clone() else {
            return;
        };
        let (user, password) = (sentinels.user.as_deref(), sentinels.password.as_ref());
        self.send(&command::hello_as(user, password), Due::SentinelHello, out);
        self.send(&command::primary_of(&sentinels.master), Due::Primary, out);
    }

    /// A sentinel has named the primary, or knows none.
    pub(super) fn primary_named(&mut self, value: &Value) -> Result<Option<WireEvent>, Fault> {
        let address = match value {
            Value::Nil => {
                let detail = "the sentinel knows no primary of this name".to_owned();
                return Err(Fault { error: StoreError::Unresolved, detail });
            }
            Value::List(parts) => address(parts),
            _ => None,
        };
        let address =
            address.ok_or_else(|| not_redis("a primary's address that makes no sense"))?;
        self.primary = Some(address);
        Ok(Some(WireEvent::PrimaryNamed))
    }
}

/// If --store names a sentinel as if it were the store, every command fails, and no error says why.
pub(super) fn refuse_sentinel(hello: &Value) -> Result<(), Fault> {
    if !reply::is_sentinel(hello) {
        return Ok(());
    }
    let detail = "it is a sentinel: use redis+sentinel:// and the primary's name in --store";
    Err(Fault { error: StoreError::Protocol, detail: detail.to_owned() })
}

fn address(parts: &[Value]) -> Option<Endpoint> {
    let [host, port] = parts else {
        return None;
    };
    let host = str::from_utf8(reply::text(host)?).ok()?;
    let port = u16::try_from(reply::number(port)?).ok()?;
    Endpoint::of_host(host, port)
}
