//! The parameters of a `rediss://` URL: `ca`, `cert` and `key`.

use super::{ClientIdentity, PemFile, Roots, TlsConfig, TlsDemand, Verification};
use crate::config::query::Query;
use crate::config::value::ConfigError;

impl TlsConfig {
    /// From what stands behind the `?`. The server's certificate is always verified in full.
    pub(in crate::config) fn of_redis(query: &mut Query) -> Result<TlsConfig, ConfigError> {
        let [ca, cert, key] = TLS_PARAMETERS.map(|name| query.take(name));
        Ok(TlsConfig {
            demand: TlsDemand::Require,
            verification: Verification::IssuerAndName,
            roots: ca.map_or(Roots::Public, |path| Roots::File(PemFile::at(path))),
            client: ClientIdentity::from_paths(cert, key, ["cert", "key"])?,
        })
    }

    /// The same as it stands in a URL.
    pub(in crate::config) fn redis_parameters(&self) -> Vec<String> {
        let mut parameters = Vec::new();
        if let Roots::File(ca) = &self.roots {
            parameters.push(format!("ca={ca}"));
        }
        if let Some(ClientIdentity { certificate, key }) = &self.client {
            parameters.push(format!("cert={certificate}&key={key}"));
        }
        parameters
    }
}

/// The names of the parameters.
pub(in crate::config) const TLS_PARAMETERS: [&str; 3] = ["ca", "cert", "key"];

#[cfg(test)]
mod tests {
    use crate::config::StoreUrl;

    #[test]
    fn a_url_is_shown_as_it_is_read_and_a_wrong_one_is_refused_by_its_part() {
        let table = [
            ("rediss://h", "rediss://h:6379/0"),
            ("valkeys://u:zq@h:7/2?", "rediss://u@h:7/2"),
            ("rediss://:zq@h?ca=/a%20b.pem", "rediss://h:6379/0?ca=/a%20b.pem"),
            ("rediss://[::1]?key=k&ca=&cert=c", "rediss://[::1]:6379/0?cert=c&key=k"),
            ("rediss://h?wait=1", "rediss://h:6379/0?wait=1"),
            ("rediss://h?wait=2&ca=/a", "rediss://h:6379/0?ca=/a&wait=2"),
        ];
        for (text, shown) in table {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("zq"), "{url:?}");
            if !shown.contains('@') {
                let again = StoreUrl::parse(shown).unwrap();
                assert_eq!(again.to_string(), shown);
            }
        }
        for (text, part) in [
            ("rediss://h?cert=c", "cert and key go together: one of them is missing"),
            ("rediss://h?ca=a&ca=b", "ca is given twice"),
            ("rediss://h?crt=zq", "query parameter 1 is unknown; did you mean cert?"),
            ("rediss://h?x=zq", "query parameter 1 is unknown: ca, cert, key and wait are"),
            ("rediss://u:1?ca=zq@h", "a rediss:// URL has one @ at most"),
            ("rediss://h#zq", "a rediss:// URL has no #"),
        ] {
            let error = StoreUrl::parse(text).expect_err(text).to_string();
            assert!(error.starts_with(part) && !error.contains("zq"), "{text}: {error}");
        }
    }
}
