//! Who we are, proved to a PostgreSQL: nothing (trust), MD5 or SCRAM-SHA-256.
//!
//! A password in clear text is never sent: whoever reads the wire, or stands in for the server,
//! would have it. With SCRAM the server proves itself too. See PostgreSQL's manual, "SASL
//! Authentication", and RFC 5802.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use super::error::not_postgres;
use crate::config::PostgresUrl;
use crate::store::error::{Fault, StoreError};

/// How far it is.
#[derive(Default)]
pub enum Authentication {
    /// The server has asked for nothing that must be checked.
    #[default]
    Open,
    /// The server is yet to prove that it knows the password.
    Mutual(Box<ScramSha256>),
    /// The server is content, and so are we.
    Done,
}

impl Authentication {
    /// Whether what is not about authentication may follow.
    pub fn is_done(&self) -> bool {
        matches!(self, Authentication::Done)
    }

    /// Writes the reply to one request of the server.
    pub fn respond(
        &mut self,
        request: Message,
        url: &PostgresUrl,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        match (request, &mut *self) {
            (Message::AuthenticationOk, Authentication::Open) => *self = Authentication::Done,
            (Message::AuthenticationMd5Password(body), Authentication::Open) => {
                let hash = md5_hash(url.user.as_bytes(), password(url)?.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), out).expect("hex has no NUL");
            }
            (Message::AuthenticationSasl(body), Authentication::Open) => {
                *self = Authentication::Mutual(Box::new(begin_scram(&body, url, out)?));
            }
            (Message::AuthenticationSaslContinue(body), Authentication::Mutual(scram)) => {
                scram.update(body.data()).map_err(failed)?;
                frontend::sasl_response(scram.message(), out).map_err(failed)?;
            }
            (Message::AuthenticationSaslFinal(body), Authentication::Mutual(scram)) => {
                scram.finish(body.data()).map_err(failed)?;
                *self = Authentication::Open;
            }
            (Message::AuthenticationOk, Authentication::Mutual(_)) => {
                return refuse("the server did not prove that it knows the password");
            }
            (Message::AuthenticationCleartextPassword, _) => {
                return refuse(&format!("the server wants the password in clear text; {REMEDY}"));
            }
            (Message::AuthenticationGss | Message::AuthenticationSspi, _)
            | (Message::AuthenticationKerberosV5 | Message::AuthenticationScmCredential, _) => {
                return refuse(&format!("the server wants what is not built in; {REMEDY}"));
            }
            _ => return Err(not_postgres("a message that is not expected before the handshake")),
        }
        Ok(())
    }
}

/// What helps where the server asks for what it does not get: a password in clear text is never
/// sent.
const REMEDY: &str = "let its pg_hba.conf say scram-sha-256";

fn begin_scram(
    body: &AuthenticationSaslBody,
    url: &PostgresUrl,
    out: &mut BytesMut,
) -> Result<ScramSha256, Fault> {
    let mut names = body.mechanisms();
    if !names.any(|name| Ok(name == SCRAM_SHA_256)).map_err(failed)? {
        return refuse("the server wants a SASL mechanism other than SCRAM-SHA-256");
    }
    let scram = ScramSha256::new(password(url)?.as_bytes(), ChannelBinding::unsupported());
    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), out).map_err(failed)?;
    Ok(scram)
}

fn password(url: &PostgresUrl) -> Result<&str, Fault> {
    match &url.password {
        Some(password) => Ok(password.reveal()),
        None => refuse("the server wants a password and --store has none"),
    }
}

/// What the crate says of the server's part in SCRAM repeats nothing of ours.
fn failed(error: std::io::Error) -> Fault {
    Fault { error: StoreError::Authentication, detail: error.to_string() }
}

fn refuse<T>(detail: &str) -> Result<T, Fault> {
    Err(Fault { error: StoreError::Authentication, detail: detail.to_owned() })
}
