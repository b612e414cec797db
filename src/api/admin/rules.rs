//! Who may do what at the admin listener.
//!
//! Reading needs no token. A change needs one, and what keeps a page of somebody else's from
//! making a browser send it: Fetch Metadata, a type that no form has, and on a loopback address a
//! `Host` of this machine, against names that are bound to it (DNS rebinding).

use std::fmt;
use std::net::IpAddr;

use subtle::ConstantTimeEq;

use crate::counter::CounterId;
use crate::http::Fields;

/// What a request at the admin listener asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRoute {
    /// `/`: the live page.
    Page,
    /// `/metrics`
    Metrics,
    /// `/counters`: all of them.
    List,
    /// `/counters/NAME`
    Counter(CounterId),
    /// `PUT /counters/NAME`: its limit, or how many are taken.
    Set(CounterId),
    /// `POST /counters/NAME/reset`
    Reset(CounterId),
    /// It may not be done.
    Refused(AdminRefusal),
}

/// Why a request at the admin listener may not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRefusal {
    /// The `Host` is not of this machine.
    ForeignHost,
    /// A page of another origin has sent it.
    CrossSite,
    /// No token is configured, so nothing can be changed.
    NoToken,
    /// The token is missing or wrong.
    Unauthorized,
    /// The body is not said to be JSON.
    NotJson,
    /// There is no such counter here.
    NoCounter,
}

/// Who may do what at the admin listener.
#[derive(Clone, Default)]
pub struct AdminRules {
    /// Who knows it may change counters; without one nobody may.
    pub token: Option<Vec<u8>>,
    /// The listener is on a loopback address.
    pub is_loopback: bool,
}

impl fmt::Debug for AdminRules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "***");
        let mut shown = formatter.debug_struct("AdminRules");
        shown.field("token", &token).field("is_loopback", &self.is_loopback).finish()
    }
}

impl AdminRoute {
    /// Whether it has a body that says what to change.
    pub fn is_change(self) -> bool {
        matches!(self, AdminRoute::Set(_) | AdminRoute::Reset(_))
    }
}

impl AdminRules {
    /// Whether one who sends these fields may ask at all.
    ///
    /// # Errors
    /// It names a host that is not of this machine.
    pub fn check_host(&self, fields: Fields<'_>) -> Result<(), AdminRefusal> {
        match !self.is_loopback || is_host_of_this_machine(fields) {
            true => Ok(()),
            false => Err(AdminRefusal::ForeignHost),
        }
    }

    /// Whether one who sends these fields may change a counter.
    ///
    /// # Errors
    /// The first thing that is not as it must be.
    pub fn check_change(&self, fields: Fields<'_>) -> Result<(), AdminRefusal> {
        let is_own = |site: &[u8]| site == b"same-origin" || site == b"none";
        if !fields.values("sec-fetch-site").all(is_own) {
            return Err(AdminRefusal::CrossSite);
        }
        let token = self.token.as_ref().ok_or(AdminRefusal::NoToken)?;
        let given = fields.single("authorization").and_then(bearer);
        if !given.is_some_and(|given| bool::from(given.ct_eq(token))) {
            return Err(AdminRefusal::Unauthorized);
        }
        let is_json = fields.single("content-type").is_some_and(is_json);
        if is_json { Ok(()) } else { Err(AdminRefusal::NotJson) }
    }
}

/// The token of a `Bearer` authorization (RFC 6750, section 2.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn is_json(value: &[u8]) -> bool {
    let name = value.split(|&byte| byte == b';').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Whether `Host` is a loopback address or `localhost`. HTTP/1.0 may have none, and no browser
/// speaks that.
fn is_host_of_this_machine(fields: Fields<'_>) -> bool {
    fields.values("host").all(|host| {
        let name = std::str::from_utf8(host).ok().map(without_port);
        name.is_some_and(|name| match name.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        })
    })
}

/// A host without its port, and an IPv6 address without its brackets.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}
