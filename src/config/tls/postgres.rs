//! The parameters of a PostgreSQL URL that are about TLS, with libpq's names and meanings.
//!
//! Three things differ: `ssl=true` is `sslmode=require`, as there, but beside another `sslmode` it
//! is refused; there is no `~/.postgresql`, since an image without an operating system has
//! no home, so a file that is not named is not looked for; and `channel_binding` is not built in.
//! See PostgreSQL's manual, "SSL Support" of libpq.

use super::{ClientIdentity, PemFile, Roots, TlsConfig, TlsDemand, Verification};
use crate::config::tls::{HAS_TLS, NOT_BUILT_IN};
use crate::config::value::{ConfigError, refuse};

/// The values as they stand in the URL, without their percent-encoding; none is empty.
#[derive(Default)]
pub(in crate::config) struct TlsParameters {
    pub(in crate::config) mode: Option<String>,
    pub(in crate::config) ssl: Option<String>,
    pub(in crate::config) root: Option<String>,
    pub(in crate::config) certificate: Option<String>,
    pub(in crate::config) key: Option<String>,
    pub(in crate::config) channel_binding: Option<String>,
}

impl TlsParameters {
    /// Where one of the parameters is kept, if it is one.
    pub(in crate::config) fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            "sslmode" => &mut self.mode,
            "ssl" => &mut self.ssl,
            "sslrootcert" => &mut self.root,
            "sslcert" => &mut self.certificate,
            "sslkey" => &mut self.key,
            "channel_binding" => &mut self.channel_binding,
            _ => return None,
        })
    }

    /// What they mean together; `None` for no TLS.
    pub(in crate::config) fn understand(self) -> Result<Option<TlsConfig>, ConfigError> {
        self.refuse_channel_binding()?;
        let given = mode(self.mode.as_deref(), self.ssl.as_deref())?;
        let names = ["sslcert", "sslkey"];
        let client = ClientIdentity::from_paths(self.certificate, self.key, names)?;
        let is_public = self.root.as_deref() == Some(SYSTEM);
        let mode = given.unwrap_or(if is_public { VERIFY_FULL } else { "prefer" });
        let demand = match mode {
            "disable" => return Ok(None),
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

    fn refuse_channel_binding(&self) -> Result<(), ConfigError> {
        match self.channel_binding.as_deref() {
            None | Some("disable" | "prefer") => Ok(()),
            Some("require") => refuse(
                "channel_binding=require is not built in: use sslmode=verify-full, which keeps out \
                 whoever stands in between too",
            ),
            Some(_) => refuse("channel_binding is disable or prefer"),
        }
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
        ];
        for (query, expected) in table {
            let url = StoreUrl::parse(&format!("postgres://u:zq@h/d?{query}")).unwrap();
            let found = url.tls().map(|tls| (tls.demand, tls.verification));
            assert_eq!(found, expected, "{query}");
            let shown = url.to_string();
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
            ("channel_binding=require", "channel_binding=require is not built in"),
            ("channel_binding=x", "channel_binding is disable or prefer"),
            ("sslmode=allow&sslmode=allow", "sslmode is given twice"),
        ];
        for (query, expected) in table {
            let error = StoreUrl::parse(&format!("postgres://h?{query}")).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{query}: {error}");
        }
    }
}
