//! Redis behind Sentinel as the store: `redis+sentinel://` as a value.
//!
//! User and password are the data nodes'; the sentinels' own are parameters. As everywhere in a
//! store's URL, no error repeats anything of its text.

use url::Url;

use super::endpoint::{Endpoint, HINT, Secret, decoded};
use super::postgres_hosts::split_hosts;
use super::redis_url::{RedisUrl, Sentinels, database, other_hosts, redis_url, wait_of};
use super::value::{ConfigError, refuse};

/// `redis+sentinel://[user:password@]h1[:26379][,h2...]/MASTER[/db][?sentinel_user=..]`.
pub(super) fn parse(text: &str) -> Result<RedisUrl, ConfigError> {
    let malformed = || ConfigError::new(format!("the user, host or port is malformed; {HINT}"));
    // `url` gives schemes that it does not know no host's rules.
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let text = format!("redis://{rest}");
    let (first, others) = split_hosts(&text);
    let url = Url::parse(&first).map_err(|_| malformed())?;
    if url.fragment().is_some() || url.path().contains('@') {
        return refuse(format!("a redis+sentinel:// URL has no # and one @ at most; {HINT}"));
    }
    let endpoint = Endpoint::tcp(&url, SENTINEL_PORT)?;
    let others = other_hosts(&others, SENTINEL_PORT)?;
    let user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded).transpose()?;
    let password = url.password().map(decoded).transpose()?;
    let mut path = url.path().trim_start_matches('/').splitn(2, '/');
    let master = decoded(path.next().unwrap_or_default())?;
    if master.is_empty() {
        return refuse("the name of the primary is missing: redis+sentinel://host/MASTER");
    }
    let number = match path.next().unwrap_or_default() {
        "" => 0,
        digits => database(digits)?,
    };
    let mut sentinels = Sentinels { others, master, user: None, password: None };
    let query = url.query().unwrap_or_default();
    own_login(query, &mut sentinels)?;
    let wait = wait_of(query)?;
    let url = redis_url(endpoint, user, password, number)?;
    Ok(RedisUrl { sentinels: Some(Box::new(sentinels)), wait, ..url })
}

/// The sentinels' own user and password.
fn own_login(query: &str, sentinels: &mut Sentinels) -> Result<(), ConfigError> {
    for (index, parameter) in query.split('&').filter(|text| !text.is_empty()).enumerate() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "sentinel_user" => sentinels.user = Some(decoded(value)?).filter(|it| !it.is_empty()),
            "sentinel_password" => sentinels.password = Secret::from_text(decoded(value)?),
            "wait" => {} // Read apart.
            // Not named: it may be what follows a bare & in the password.
            _ => {
                let number = index + 1;
                return refuse(format!(
                    "query parameter {number} is unknown: sentinel_user, sentinel_password and \
                     wait are allowed; {HINT}"
                ));
            }
        }
    }
    match sentinels.user.is_some() && sentinels.password.is_none() {
        true => refuse("sentinel_user needs a sentinel_password"),
        false => Ok(()),
    }
}

/// The port on which sentinels listen unless told otherwise.
const SENTINEL_PORT: u16 = 26_379;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_with_every_default_and_without_a_password() {
        let table = [
            ("redis+sentinel://h/m", "redis+sentinel://h:26379/m/0"),
            (
                "redis+sentinel://h1,h2:7,[::1]/m/3",
                "redis+sentinel://h1:26379,h2:7,[::1]:26379/m/3",
            ),
            ("redis+sentinel://u:zq@h/m", "redis+sentinel://u@h:26379/m/0"),
            ("redis+sentinel://h/m?wait=1", "redis+sentinel://h:26379/m/0?wait=1"),
            (
                "redis+sentinel://h/m?wait=2&sentinel_user=s&sentinel_password=zq",
                "redis+sentinel://h:26379/m/0?sentinel_user=s&wait=2",
            ),
            (
                "redis+sentinel://:zq@h/m%20x?sentinel_user=s&sentinel_password=zq2",
                "redis+sentinel://h:26379/m%20x/0?sentinel_user=s",
            ),
        ];
        for (text, shown) in table {
            let url = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(url.to_string(), shown, "{text}");
            assert!(!format!("{url:?}").contains("zq"), "{url:?}");
        }
        let url = parse("redis+sentinel://:a%2Cb@h1,h2/m").expect("it is good");
        assert_eq!(url.password.as_ref().map(Secret::reveal), Some("a,b"));
        assert_eq!(url.other_sentinels().count(), 1);
    }

    #[test]
    fn a_wrong_url_is_refused_by_its_part() {
        let table = [
            ("redis+sentinel://h", "the name of the primary is missing"),
            ("redis+sentinel://h/", "the name of the primary is missing"),
            ("redis+sentinel:///m", "the host is missing"),
            ("redis+sentinel://h/m/x", "the database is a number"),
            ("redis+sentinel://h/m?password=zq", "query parameter 1 is unknown"),
            ("redis+sentinel://h/m?wait=zq", "wait is a number of replicas from 0 to 16"),
            ("redis+sentinel://h/m?sentinel_user=u", "sentinel_user needs a sentinel_password"),
            ("redis+sentinel://u@h/m", "a user needs a password"),
            ("redis+sentinel://h,/m", "the host is missing"),
            ("redis+sentinel://h/m#x", "has no #"),
        ];
        for (text, expected) in table {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(expected) && !error.contains("zq"), "{text}: {error}");
        }
    }
}
