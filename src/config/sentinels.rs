//! The sentinels of a store's URL, and their own login.

use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::utf8_percent_encode;

use super::endpoint::{ENCODED, ENCODED_IN_PATH, Endpoint, Secret};
use super::query::Query;
use super::text_file::{text_of, without_line_end};
use super::value::{ConfigError, quoted, refuse};

/// The sentinels who know where the primary is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sentinels {
    /// Those beside the first.
    pub others: Vec<Endpoint>,
    /// The name by which they know the primary.
    pub master: String,
    /// Their own user, if not the default one.
    pub user: Option<String>,
    /// Their own password.
    pub password: Option<Secret>,
    /// The file that has the password, where the URL does not hold it.
    password_file: Option<PathBuf>,
}

impl Sentinels {
    /// The sentinels' own user and password.
    pub(super) fn new(
        others: Vec<Endpoint>,
        master: String,
        query: &mut Query,
    ) -> Result<Sentinels, ConfigError> {
        let [user, password, file] = LOGIN_PARAMETERS.map(|name| query.take(name));
        match (&user, &password, &file) {
            (_, Some(_), Some(_)) => {
                refuse("sentinel_password and sentinel_password_file: one of them is enough")
            }
            (Some(_), None, None) => {
                refuse("sentinel_user needs a sentinel_password, or a sentinel_password_file")
            }
            _ => Ok(Sentinels {
                others,
                master,
                user,
                password: password.and_then(Secret::from_text),
                password_file: file.map(PathBuf::from),
            }),
        }
    }

    /// Reads the password, if it is in a file.
    ///
    /// # Errors
    /// There is none in it. Says the path alone.
    pub(super) fn read_password(
        &mut self,
        read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<(), ConfigError> {
        let Some(path) = &self.password_file else {
            return Ok(());
        };
        let mut text = text_of(path, read_file)?;
        text.truncate(without_line_end(text.as_bytes()).len());
        self.password = Secret::from_text(text);
        match self.password {
            Some(_) => Ok(()),
            None => {
                let path = quoted(&path.to_string_lossy());
                refuse(format!("{path} is empty: expected the sentinels' password"))
            }
        }
    }

    /// Whether the URL itself holds their password.
    pub(super) fn has_password_in_url(&self) -> bool {
        self.password.is_some() && self.password_file.is_none()
    }

    /// The login as it stands in a URL, without the password.
    pub(super) fn parameters(&self) -> Vec<String> {
        let encoded = |user: &String| utf8_percent_encode(user, ENCODED).to_string();
        let user = self.user.as_ref().map(|user| format!("sentinel_user={}", encoded(user)));
        let file = self.password_file.as_ref().map(|path| {
            let path = path.to_string_lossy();
            let path = utf8_percent_encode(&path, ENCODED_IN_PATH);
            format!("sentinel_password_file={path}")
        });
        user.into_iter().chain(file).collect()
    }
}

/// That of a URL that names sentinels.
pub(super) fn scheme(is_tls: bool) -> &'static str {
    if is_tls { "rediss+sentinel" } else { "redis+sentinel" }
}

/// Of the sentinels' own login.
pub(super) const LOGIN_PARAMETERS: [&str; 3] =
    ["sentinel_user", "sentinel_password", "sentinel_password_file"];
