//! Redis behind Sentinel as the store: `redis+sentinel://` and `rediss+sentinel://` as a value.
//!
//! User and password are the data nodes'; the sentinels' own are parameters. TLS is that of the
//! data nodes and of the sentinels. As everywhere in a store's URL, no error repeats anything of
//! its text.

use url::Url;

use super::endpoint::{Endpoint, HINT, decoded};
use super::postgres_hosts::split_hosts;
use super::query::Query;
use super::redis_url::{RedisUrl, database, other_hosts, parameter_names, redis_url, wait_of};
use super::sentinels::{LOGIN_PARAMETERS, Sentinels, scheme};
use super::tls::TlsConfig;
use super::value::{ConfigError, refuse};

/// `redis+sentinel://[user:password@]h1[:26379][,h2...]/MASTER[/db][?sentinel_user=..]`, and the
/// same of TLS with its parameters.
pub(super) fn parse(text: &str, is_tls: bool) -> Result<RedisUrl, ConfigError> {
    let malformed = || ConfigError::new(format!("the user, host or port is malformed; {HINT}"));
    // `url` gives schemes that it does not know no host's rules.
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let text = format!("redis://{rest}");
    let (first, others) = split_hosts(&text);
    let url = Url::parse(&first).map_err(|_| malformed())?;
    let query = url.query().unwrap_or_default();
    // A raw @ behind the hosts is what is left of a password: as a name or a path it would be
    // shown.
    if url.fragment().is_some() || url.path().contains('@') || query.contains('@') {
        let scheme = scheme(is_tls);
        return refuse(format!("a {scheme}:// URL has no # and one @ at most; {HINT}"));
    }
    let endpoint = Endpoint::tcp(&url, SENTINEL_PORT)?;
    let others = other_hosts(&others, SENTINEL_PORT)?;
    let user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded).transpose()?;
    let password = url.password().map(decoded).transpose()?;
    let (master, database) = primary(url.path(), is_tls)?;
    let names = [&LOGIN_PARAMETERS[..], &parameter_names(is_tls)].concat();
    let mut query = Query::parse(query, &names)?;
    let sentinels = Some(Box::new(Sentinels::new(others, master, &mut query)?));
    let tls = is_tls.then(|| TlsConfig::of_redis(&mut query)).transpose()?.map(Box::new);
    let wait = wait_of(&mut query)?;
    let url = redis_url(endpoint, user, password, database)?;
    Ok(RedisUrl { sentinels, tls, wait, ..url })
}

/// The name of the primary and the number of the database.
fn primary(path: &str, is_tls: bool) -> Result<(String, u32), ConfigError> {
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let master = decoded(parts.next().unwrap_or_default())?;
    if master.is_empty() {
        let scheme = scheme(is_tls);
        return refuse(format!("the name of the primary is missing: {scheme}://host/MASTER"));
    }
    match parts.next().unwrap_or_default() {
        "" => Ok((master, 0)),
        digits => Ok((master, database(digits)?)),
    }
}

/// The port on which sentinels listen unless told otherwise.
const SENTINEL_PORT: u16 = 26_379;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::endpoint::Secret;

    fn of_scheme(text: &str) -> Result<RedisUrl, ConfigError> {
        parse(text, text.starts_with("rediss"))
    }

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
            (
                "redis+sentinel://h/m?sentinel_password_file=/a%20b&sentinel_password=",
                "redis+sentinel://h:26379/m/0?sentinel_password_file=/a%20b",
            ),
            (
                "rediss+sentinel://u:zq@h,h2/m?key=/k&cert=/c&wait=1&ca=/a&sentinel_password=zq",
                "rediss+sentinel://u@h:26379,h2:26379/m/0?ca=/a&cert=/c&key=/k&wait=1",
            ),
        ];
        for (text, shown) in table {
            let url = of_scheme(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(url.to_string(), shown, "{text}");
            assert!(!format!("{url:?}").contains("zq"), "{url:?}");
        }
        let url = of_scheme("redis+sentinel://:a%2Cb@h1,h2/m").expect("it is good");
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
            ("redis+sentinel://h/m#x", "a redis+sentinel:// URL has no #"),
            ("redis+sentinel://h/m?ca=zq", "query parameter 1 is unknown"),
            ("redis+sentinel://h/m?sentinal_user=zq", "1 is unknown; did you mean sentinel_user?"),
            ("redis+sentinel://u:1/m?sentinel_password_file=zq@h/m", "one @ at most"),
            (
                "redis+sentinel://h/m?sentinel_password=zq&sentinel_password_file=/f",
                "sentinel_password and sentinel_password_file: one of them is enough",
            ),
            (
                "redis+sentinel://h/m?sentinel_user=u&sentinel_user=u",
                "sentinel_user is given twice",
            ),
            ("rediss+sentinel://h", "is missing: rediss+sentinel://host/MASTER"),
            ("rediss+sentinel://u:1/m?ca=zq@h", "a rediss+sentinel:// URL has no # and one @"),
            ("rediss+sentinel://h/m?cert=c", "cert and key go together: one of them is missing"),
        ];
        for (text, expected) in table {
            let error = of_scheme(text).expect_err(text).to_string();
            assert!(error.contains(expected) && !error.contains("zq"), "{text}: {error}");
        }
    }
}
