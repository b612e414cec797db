//! The admin listener: where it is, and who may change counters there.
//!
//! Reads no file itself: how is passed in.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::flags::{ADMIN_LISTEN, ADMIN_TOKEN_FILE};
use super::setting::{Setting, Sources};
use super::text_file::without_line_end;
use super::value::{ConfigError, quoted};
use crate::limits::{ADMIN_TOKEN_BYTES_MAX, ADMIN_TOKEN_BYTES_MIN};

/// A second listener, for those who run the process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminConfig {
    /// Where it is; port 0 is any free port.
    pub listen: SocketAddr,
    /// Who knows this may change counters; without one nobody may.
    pub token: Option<AdminToken>,
}

/// A token: `Debug` shows `***`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken(Vec<u8>);

impl AdminToken {
    /// Its bytes, to compare.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for AdminToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// The admin listener, if one is asked for.
pub(super) fn admin(
    sources: &Sources,
    read_file: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
) -> Result<Option<AdminConfig>, ConfigError> {
    let token_file = sources.find(&ADMIN_TOKEN_FILE)?;
    let Some(listen) = sources.find(&ADMIN_LISTEN)? else {
        return match token_file {
            Some(file) => Err(file.refusal("only together with --admin-listen")),
            None => Ok(None),
        };
    };
    let token = token_file.map(|file| token(&file, read_file)).transpose()?;
    let listen = listen.text().parse().map_err(|_| listen.invalid())?;
    Ok(Some(AdminConfig { listen, token }))
}

fn token(
    setting: &Setting,
    read_file: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
) -> Result<AdminToken, ConfigError> {
    let path = quoted(setting.text());
    let bytes = read_file(Path::new(setting.text()))
        .map_err(|error| setting.refusal(format!("cannot read {path}: {error}")))?;
    let token = without_line_end(&bytes);
    let length = token.len();
    if !(ADMIN_TOKEN_BYTES_MIN..=ADMIN_TOKEN_BYTES_MAX).contains(&length) {
        let (min, max) = (ADMIN_TOKEN_BYTES_MIN, ADMIN_TOKEN_BYTES_MAX);
        let reason = format!("the token in {path} has {length} bytes: expected {min} to {max}");
        return Err(setting.refusal(reason));
    }
    // What stands in a field of a request (RFC 6750, section 2.1).
    if !token.iter().all(u8::is_ascii_graphic) {
        let reason = format!("the token in {path} has a byte that is no visible ASCII character");
        return Err(setting.refusal(reason));
    }
    Ok(AdminToken(token.to_vec()))
}
