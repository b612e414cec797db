//! The parameters of a PostgreSQL URL that are about TLS, with libpq's names and meanings.
//!
//! Three things differ: `ssl=true` is `sslmode=require`, as there, but beside another `sslmode` it
//! is refused; there is no `~/.postgresql`, since an image without an operating system has
//! no home, so a file that is not named is not looked for; and `channel_binding=require`, which
//! nothing but TLS can satisfy, makes `sslmode=require` of `allow` and `prefer`.
//! See PostgreSQL's manual, "SSL Support" of libpq.

use super::{ChannelBinding, ClientIdentity, PemFile, Roots, TlsConfig, TlsDemand, Verification};
use crate::config::query::Query;
use crate::config::tls::{HAS_TLS, NOT_BUILT_IN};
use crate::config::value::{ConfigError, refuse};

/// The values as they stand in the URL, without their percent-encoding; none is empty.
#[derive(Default)]
pub(in crate::config) struct TlsParameters {
    mode: Option<String>,
    ssl: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    channel_binding: Option<String>,
}

impl TlsParameters {
    /// Takes them out of a query.
    pub(in crate::config) fn of(query: &mut Query) -> TlsParameters {
        TlsParameters {
            mode: query.take("sslmode"),
            ssl: query.take("ssl"),
            root: query.take("sslrootcert"),
            certificate: query.take("sslcert"),
            key: query.take("sslkey"),
            channel_binding: query.take("channel_binding"),
        }
    }

    /// What they mean together; `None` for no TLS.
    pub(in crate::config) fn understand(self) -> Result<Option<TlsConfig>, ConfigError> {
        let is_bound = self.binding()? == ChannelBinding::Require;
        let given = mode(self.mode.as_deref(), self.ssl.as_deref())?;
        let names = ["sslcert", "sslkey"];
        let client = ClientIdentity::from_paths(self.certificate, self.key, names)?;
        let is_public = self.root.as_deref() == Some(SYSTEM);
        let mode = given.unwrap_or(if is_public { VERIFY_FULL } else { "prefer" });
        let demand = match mode {
            "disable" if is_bound => return refuse(BOUND_TO_NOTHING),
            "disable" => return Ok(None),
            "allow" | "prefer" if is_bound => TlsDemand::Require,
            "allow" => TlsDemand::Allow,
            "prefer" => TlsDemand::Prefer,
            "require" | "verify-ca" | VERIFY_FULL => TlsDemand::Require,
            _ => return refuse(MODES),
        };
        if is_public && mode != VERIFY_FULL {
            return refuse(
                "sslrootcert=system needs sslmode=verify-full: anybody has a public certificate",
            );
        }
        if !HAS_TLS {
            return if demand == TlsDemand::Require { refuse(NOT_BUILT_IN) } else { Ok(None) };
        }
        let verification = match (mode, &self.root) {
            ("verify-ca" | VERIFY_FULL, None) => {
                return refuse(format!("sslmode={mode} needs sslrootcert=FILE, or =system"));
            }
            (VERIFY_FULL, Some(_)) => Verification::IssuerAndName,
            // As libpq has it: a root that is there is to be used.
            (_, Some(_)) => Verification::Issuer,
            (_, None) => Verification::Nothing,
        };
        let roots = match self.root {
            Some(path) if !is_public => Roots::File(PemFile::at(path)),
            _ => Roots::Public,
        };
        Ok(Some(TlsConfig { demand, verification, roots, client }))
    }

    /// What `channel_binding` says.
    pub(in crate::config) fn binding(&self) -> Result<ChannelBinding, ConfigError> {
        Ok(match self.channel_binding.as_deref() {
            Some("disable") => ChannelBinding::Disable,
            None | Some("prefer") => ChannelBinding::Prefer,
            Some("require") => ChannelBinding::Require,
            Some(_) => return refuse("channel_binding is disable, prefer or require"),
        })
    }
}

/// What `sslmode` is, said so or as JDBC says it.
fn mode<'a>(mode: Option<&'a str>, ssl: Option<&str>) -> Result<Option<&'a str>, ConfigError> {
    match (ssl, mode) {
        (None, mode) => Ok(mode),
        (Some("true"), None | Some("require")) => Ok(Some("require")),
        (Some("true"), Some(_)) => refuse(SSL_AND_MODE),
        (Some(_), _) => refuse("ssl is true, and then the same as sslmode=require"),
    }
}

impl ChannelBinding {
    /// As it stands in a URL, if it is not what is meant without a word.
    pub(in crate::config) fn parameter(self) -> Option<&'static str> {
        match self {
            ChannelBinding::Disable => Some("channel_binding=disable"),
            ChannelBinding::Prefer => None,
            ChannelBinding::Require => Some("channel_binding=require"),
        }
    }
}

impl TlsConfig {
    /// As it stands in a URL, if it is not what is meant without a word.
    pub(in crate::config) fn postgres_parameters(tls: Option<&TlsConfig>) -> Vec<String> {
        let Some(tls) = tls else {
            return vec!["sslmode=disable".to_owned()];
        };
        let mut parameters = Vec::new();
        match (tls.demand, tls.verification) {
            (TlsDemand::Prefer, _) => {}
            (TlsDemand::Allow, _) => parameters.push("sslmode=allow".to_owned()),
            (TlsDemand::Require, Verification::Nothing) => {
                parameters.push("sslmode=require".to_owned());
            }
            (TlsDemand::Require, Verification::Issuer) => {
                parameters.push("sslmode=verify-ca".to_owned());
            }
            (TlsDemand::Require, Verification::IssuerAndName) => {
                parameters.push(format!("sslmode={VERIFY_FULL}"));
            }
        }
        match &tls.roots {
            Roots::File(file) => parameters.push(format!("sslrootcert={file}")),
            Roots::Public if tls.verification == Verification::Nothing => {}
            Roots::Public => parameters.push(format!("sslrootcert={SYSTEM}")),
        }
        if let Some(ClientIdentity { certificate, key }) = &tls.client {
            parameters.push(format!("sslcert={certificate}&sslkey={key}"));
        }
        parameters
    }
}

const VERIFY_FULL: &str = "verify-full";

/// In the place of a file: the public authorities.
const SYSTEM: &str = "system";

const MODES: &str = "sslmode is disable, allow, prefer, require, verify-ca or verify-full";

const BOUND_TO_NOTHING: &str = "channel_binding=require needs TLS, and sslmode=disable has none";

const SSL_AND_MODE: &str = "ssl=true is sslmode=require, and sslmode says something else";

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests {
    use super::*;
    use crate::config::StoreUrl;

    #[test]
    fn the_six_words_mean_what_they_mean_in_libpq() {
        use TlsDemand::{Allow, Prefer, Require};
        use Verification::{Issuer, IssuerAndName, Nothing};
        let table = [
            ("", Some((Prefer, Nothing))),
            ("sslmode=disable", None),
            ("sslmode=disable&sslrootcert=r", None),
            ("sslmode=allow", Some((Allow, Nothing))),
            ("sslmode=prefer&sslrootcert=r%20%40", Some((Prefer, Issuer))),
            ("sslmode=require", Some((Require, Nothing))),
            ("ssl=true", Some((Require, Nothing))),
            ("ssl=true&sslmode=require", Some((Require, Nothing))),
            ("ssl=true&sslrootcert=r", Some((Require, Issuer))),
            ("sslmode=require&sslrootcert=r", Some((Require, Issuer))),
            ("sslmode=verify-ca&sslrootcert=r&sslkey=k&sslcert=c", Some((Require, Issuer))),
            ("sslmode=verify-full&sslrootcert=r", Some((Require, IssuerAndName))),
            ("sslmode=verify-full&sslrootcert=system", Some((Require, IssuerAndName))),
            ("sslrootcert=system&channel_binding=prefer", Some((Require, IssuerAndName))),
            ("sslmode=require&channel_binding=require", Some((Require, Nothing))),
            ("channel_binding=require", Some((Require, Nothing))),
            ("sslmode=allow&channel_binding=require&sslrootcert=r", Some((Require, Issuer))),
            ("sslmode=prefer&channel_binding=disable", Some((Prefer, Nothing))),
        ];
        for (query, expected) in table {
            let url = StoreUrl::parse(&format!("postgres://u:zq@h/d?{query}")).unwrap();
            let found = url.tls().map(|tls| (tls.demand, tls.verification));
            assert_eq!(found, expected, "{query}");
            let shown = url.to_string();
            assert_eq!(StoreUrl::parse(&shown).unwrap().to_string(), shown);
            assert_eq!(StoreUrl::parse(&shown).unwrap().tls(), url.tls(), "{shown}");
        }
        let socket = StoreUrl::parse("postgres:///d?host=/s&sslmode=verify-full&sslrootcert=r");
        assert_eq!(socket.unwrap().tls(), None, "nobody reads what goes over a socket");
    }

    #[test]
    fn what_goes_against_itself_is_refused() {
        let full = "sslrootcert=system needs sslmode=verify-full";
        let table = [
            ("sslmode=verify-ca", "sslmode=verify-ca needs sslrootcert=FILE, or =system"),
            ("sslmode=verify-full", "sslmode=verify-full needs sslrootcert=FILE, or =system"),
            ("sslmode=require&sslrootcert=system", full),
            ("sslmode=verify-ca&sslrootcert=system", full),
            ("sslmode=REQUIRE", MODES),
            ("ssl=true&sslmode=prefer", SSL_AND_MODE),
            ("ssl=true&sslmode=verify-full&sslrootcert=r", SSL_AND_MODE),
            ("ssl=true&sslrootcert=system", full),
            ("ssl=false", "ssl is true, and then the same as sslmode=require"),
            ("ssl=true&ssl=true", "ssl is given twice"),
            ("sslcert=c", "sslcert and sslkey go together: one of them is missing"),
            ("sslkey=k", "sslcert and sslkey go together: one of them is missing"),
            ("channel_binding=require&sslmode=disable", BOUND_TO_NOTHING),
            ("channel_binding=x", "channel_binding is disable, prefer or require"),
            ("sslmode=allow&sslmode=allow", "sslmode is given twice"),
        ];
        for (query, expected) in table {
            let error = StoreUrl::parse(&format!("postgres://h?{query}")).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{query}: {error}");
        }
    }
}
