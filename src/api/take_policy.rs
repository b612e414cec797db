//! Who may take a number: a GET is something that the web repeats on its own, and a page of
//! another site can send one, or a POST, with anybody's browser.
//!
//! A request is judged by what its browser says of it: `Sec-Purpose` and its elders (is it a
//! prefetch?), Fetch Metadata (whose page sent it?) and, where a browser does not send that, as to
//! a plain `http` site, `Origin`. A client that says none of these is no browser, and passes.
//! What is ambiguous, as a field that comes twice, is refused.

use std::net::Ipv6Addr;

use crate::api::cors::Cors;
use crate::api::idempotency::{KeyFault, KeyRules};
use crate::http::{Fields, Method, Request};
use crate::metrics::RefusedTake;

/// The value of an `Allow` field.
pub type Allow = &'static str;

/// Which takes are refused, and which origins may read an answer.
#[derive(Debug)]
pub struct TakePolicy {
    get: bool,
    post: bool,
    allow: Allow,
    cors: Cors,
    keys: KeyRules,
}

/// Why a take is refused; nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeRefusal {
    /// A browser fetches ahead what perhaps nobody will look at.
    Prefetch,
    /// Takes have other methods here: these are all that the path has.
    Method(Allow),
    /// The page that sent it is of another origin, which is not allowed.
    Origin,
    /// Its idempotency key is malformed, or is missing where there must be one.
    Key(KeyFault),
}

impl TakeRefusal {
    /// The same as the metrics name it.
    pub fn reason(self) -> RefusedTake {
        match self {
            TakeRefusal::Prefetch => RefusedTake::Prefetch,
            TakeRefusal::Method(_) => RefusedTake::Method,
            TakeRefusal::Origin => RefusedTake::Origin,
            TakeRefusal::Key(_) => RefusedTake::Key,
        }
    }
}

impl TakePolicy {
    /// Of GET and POST those among `methods` take; pages of `origins` may take and read, of every
    /// origin if `*` is among them. The bounds of [`Cors::new`] hold.
    pub fn new(methods: &[Method], origins: &[String], keys: KeyRules) -> TakePolicy {
        let (get, post) = (methods.contains(&Method::Get), methods.contains(&Method::Post));
        let (allow, takes) = match (get, post) {
            (true, true) => ("GET, HEAD, POST, OPTIONS", "GET, POST"),
            (true, false) => ("GET, HEAD, OPTIONS", "GET"),
            (false, true) => ("HEAD, POST, OPTIONS", "POST"),
            (false, false) => ("HEAD, OPTIONS", ""),
        };
        TakePolicy { get, post, allow, cors: Cors::new(origins, takes, keys.field()), keys }
    }

    /// The methods of a path that takes. HEAD is always one: it takes nothing.
    pub fn allow(&self) -> Allow {
        self.allow
    }

    /// Where its key is.
    pub fn keys(&self) -> &KeyRules {
        &self.keys
    }

    /// What an answer says of origins.
    pub fn cors(&self) -> &Cors {
        &self.cors
    }

    /// Whether a request that takes, a GET or a POST, may do so.
    ///
    /// # Errors
    /// Why not.
    #[inline]
    pub fn judge(&self, request: &Request<'_>) -> Result<(), TakeRefusal> {
        let is_get = request.method == Method::Get;
        let may_take = if is_get { self.get } else { self.post };
        match (may_take, request.has_browser_fields) {
            (false, _) => Err(TakeRefusal::Method(self.allow)),
            (true, false) => Ok(()),
            (true, true) => self.judge_browser(is_get, request.fields),
        }
    }

    /// Apart from the way of the others, which is to stay short.
    #[cold]
    fn judge_browser(&self, is_get: bool, fields: Fields<'_>) -> Result<(), TakeRefusal> {
        if is_prefetch(fields) {
            return Err(TakeRefusal::Prefetch);
        }
        match self.cors.allows_any() || self.is_from_allowed_page(is_get, fields) {
            true => Ok(()),
            false => Err(TakeRefusal::Origin),
        }
    }

    fn is_from_allowed_page(&self, is_get: bool, fields: Fields<'_>) -> bool {
        let Ok(origin) = at_most_one(fields, "Origin") else { return false };
        if origin.is_some_and(|origin| self.cors.allows(origin)) {
            return true;
        }
        match at_most_one(fields, "Sec-Fetch-Site") {
            Ok(Some(site)) => is_own_site(site) || (is_get && is_navigation(site, fields)),
            Ok(None) => origin.is_none_or(|origin| is_of_host(origin, fields)),
            Err(Repeated) => false,
        }
    }
}

impl Default for TakePolicy {
    /// Both methods, and no origin beside one's own.
    fn default() -> TakePolicy {
        TakePolicy::new(&[Method::Get, Method::Post], &[], KeyRules::default())
    }
}

/// A field that may stand once comes more often.
struct Repeated;

fn at_most_one<'a>(fields: Fields<'a>, name: &str) -> Result<Option<&'a [u8]>, Repeated> {
    let mut values = fields.values(name);
    let first = values.next();
    if values.next().is_some() { Err(Repeated) } else { Ok(first) }
}

/// Whether some token of the fields for it is `prefetch`: alone, in a list, with a parameter
/// (`prefetch;prerender`) or as one.
fn is_prefetch(fields: Fields<'_>) -> bool {
    let is_end = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_');
    let has_token =
        |value: &[u8]| value.split(is_end).any(|token| token.eq_ignore_ascii_case(b"prefetch"));
    ["Sec-Purpose", "Purpose", "X-Moz"].iter().any(|name| fields.values(name).any(has_token))
}

/// `none`: the user, who typed the address or opened a bookmark.
fn is_own_site(site: &[u8]) -> bool {
    is_one_of(site, &["same-origin", "none"])
}

/// Whether somebody follows a link from another site to here, and sees the answer as a page: not in
/// a frame, and not as an image or a script.
fn is_navigation(site: &[u8], fields: Fields<'_>) -> bool {
    let is = |name, value| fields.single(name).is_some_and(|it| is_one_of(it, &[value]));
    is_one_of(site, &["same-site", "cross-site"])
        && is("Sec-Fetch-Mode", "navigate")
        && is("Sec-Fetch-Dest", "document")
}

fn is_one_of(value: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether an `http` or `https` origin has the host and the port of the request's Host.
///
/// The scheme by which a client came is not known here: TLS ends at a proxy. So both are taken,
/// and a Host without a port has the default one of the origin's scheme, as with browsers, who
/// leave it out on both sides.
fn is_of_host(origin: &[u8], fields: Fields<'_>) -> bool {
    let (authority, port_default) = if let Some(authority) = origin.strip_prefix(b"https://") {
        (authority, 443)
    } else if let Some(authority) = origin.strip_prefix(b"http://") {
        (authority, 80)
    } else {
        return false;
    };
    let host = fields.single("Host").and_then(|host| host_and_port(host, port_default));
    let origin = host_and_port(authority, port_default);
    match (origin, host) {
        (Some((origin, port)), Some((host, host_port))) => {
            port == host_port && is_same_host(origin, host)
        }
        _ => false,
    }
}

/// The two parts of an authority; `None` if one is missing that must be there, or is no number.
fn host_and_port(authority: &[u8], port_default: u16) -> Option<(&[u8], u16)> {
    // The colons of an IPv6 address stand before its bracket.
    let host_end = authority.iter().rposition(|&byte| byte == b']').unwrap_or(0);
    let colon = authority[host_end..].iter().position(|&byte| byte == b':');
    let (host, port) = match colon {
        Some(colon) => (&authority[..host_end + colon], &authority[host_end + colon + 1..]),
        None => (authority, &b""[..]),
    };
    if host.is_empty() || !port.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // RFC 3986, section 3.2.3: an empty port is the default one.
    let port = match port {
        [] => port_default,
        digits => str::from_utf8(digits).ok()?.parse().ok()?,
    };
    Some((host, port))
}

fn is_same_host(one: &[u8], other: &[u8]) -> bool {
    match (ipv6(one), ipv6(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

fn ipv6(host: &[u8]) -> Option<Ipv6Addr> {
    let literal = host.strip_prefix(b"[")?.strip_suffix(b"]")?;
    str::from_utf8(literal).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
