//! The tickets: with which secret they are signed, from whom they are, and how long they are good.
//!
//! Reads no file itself: how is passed in.

use std::io;
use std::path::Path;

use super::flags::{TICKET_ISSUER, TICKET_SECRET_FILE, TICKET_TTL};
use super::setting::{Setting, Sources};
use super::text_file::without_line_end;
use super::value::{ConfigError, quoted};
use crate::limits::{CONFIG_FILE_BYTES_MAX, TICKET_ISSUER_BYTES_MAX, TICKET_SECRET_BYTES_MIN};

/// How a ticket is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TicketConfig {
    /// Who knows it can make tickets, and who verifies them must know it.
    pub secret: TicketSecret,
    /// Whom a ticket names as its issuer: at most [`TICKET_ISSUER_BYTES_MAX`] bytes that stand in a
    /// JSON string as they are.
    pub issuer: String,
    /// How long a ticket is good; `None`: for ever.
    pub ttl_s: Option<u64>,
}

/// A secret: `Debug` shows `***`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketSecret(Vec<u8>);

impl TicketSecret {
    /// Its bytes, to sign with.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for TicketSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// How tickets are signed, if there are to be any.
pub(super) fn tickets(
    sources: &Sources,
    read_file: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
) -> Result<Option<TicketConfig>, ConfigError> {
    let Some(file) = sources.find(&TICKET_SECRET_FILE)? else {
        let others = [sources.find(&TICKET_ISSUER)?, sources.find(&TICKET_TTL)?];
        return match others.into_iter().flatten().next() {
            Some(other) => Err(other.refusal("only together with --ticket-secret-file")),
            None => Ok(None),
        };
    };
    let secret = secret(&file, read_file)?;
    let issuer = sources.find_or_default(&TICKET_ISSUER)?;
    if !is_issuer(issuer.text()) {
        return Err(issuer.invalid());
    }
    let ttl_s = sources.find_or_default(&TICKET_TTL)?.span()?.duration().as_secs();
    let ttl_s = (ttl_s > 0).then_some(ttl_s);
    Ok(Some(TicketConfig { secret, issuer: issuer.text().to_owned(), ttl_s }))
}

fn secret(
    setting: &Setting,
    read_file: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
) -> Result<TicketSecret, ConfigError> {
    let path = quoted(setting.text());
    let bytes = read_file(Path::new(setting.text()))
        .map_err(|error| setting.refusal(format!("cannot read {path}: {error}")))?;
    if bytes.len() > CONFIG_FILE_BYTES_MAX {
        let reason = format!("{path} has more than {CONFIG_FILE_BYTES_MAX} bytes");
        return Err(setting.refusal(reason));
    }
    let secret = without_line_end(&bytes);
    let (length, min) = (secret.len(), TICKET_SECRET_BYTES_MIN);
    if length < min {
        let reason = format!("the secret in {path} has {length} bytes: expected {min} or more");
        return Err(setting.refusal(reason));
    }
    Ok(TicketSecret(secret.to_vec()))
}

fn is_issuer(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    (1..=TICKET_ISSUER_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}
