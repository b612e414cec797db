//! Who we are, proved to a PostgreSQL: nothing (trust), MD5 or SCRAM-SHA-256.
//!
//! A password in clear text is never sent: whoever reads the wire, or stands in for the server,
//! would have it. With SCRAM the server proves itself too, and with SCRAM-SHA-256-PLUS that it is
//! the end of this very TLS connection (channel binding): whoever stands in between cannot pass the
//! login on. See PostgreSQL's manual, "SASL Authentication", and RFC 5802.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding as Gs2, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use super::error::not_postgres;
use crate::config::{ChannelBinding, PostgresUrl};
use crate::store::channel::Channel;
use crate::store::error::{Fault, StoreError};

/// How far it is.
#[derive(Default)]
pub enum Authentication {
    /// The server has asked for nothing that must be checked.
    #[default]
    Open,
    /// The server is yet to prove that it knows the password.
    Mutual(Box<ScramSha256>),
    /// It has proved that, over the channel that the URL wants.
    Proved,
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
        channel: &Channel,
        out: &mut BytesMut,
    ) -> Result<(), Fault> {
        self.refuse_unbound(&request, url)?;
        match (request, &mut *self) {
            (Message::AuthenticationOk, Authentication::Open | Authentication::Proved) => {
                *self = Authentication::Done;
            }
            (Message::AuthenticationMd5Password(body), Authentication::Open) => {
                let hash = md5_hash(url.user.as_bytes(), password(url)?.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), out).expect("hex has no NUL");
            }
            (Message::AuthenticationSasl(body), Authentication::Open) => {
                *self = Authentication::Mutual(Box::new(begin_scram(&body, url, channel, out)?));
            }
            (Message::AuthenticationSaslContinue(body), Authentication::Mutual(scram)) => {
                scram.update(body.data()).map_err(failed)?;
                frontend::sasl_response(scram.message(), out).map_err(failed)?;
            }
            (Message::AuthenticationSaslFinal(body), Authentication::Mutual(scram)) => {
                scram.finish(body.data()).map_err(failed)?;
                *self = Authentication::Proved;
            }
            (Message::AuthenticationOk, Authentication::Mutual(_)) => return refuse(NOT_PROVED),
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

    /// Where a login must be bound to its connection, only SCRAM-SHA-256-PLUS will do.
    fn refuse_unbound(&self, request: &Message, url: &PostgresUrl) -> Result<(), Fault> {
        let wanted = match (request, self) {
            (Message::AuthenticationOk, Authentication::Open) => "no password",
            (Message::AuthenticationMd5Password(_), Authentication::Open) => "MD5",
            _ => return Ok(()),
        };
        match url.channel_binding {
            ChannelBinding::Disable | ChannelBinding::Prefer => Ok(()),
            ChannelBinding::Require => refuse(&format!(
                "the server wants {wanted}, and channel_binding=require a login with \
                 scram-sha-256: {REMEDY}"
            )),
        }
    }
}

const NOT_PROVED: &str = "the server did not prove that it knows the password";

/// What helps where the server asks for what it does not get: a password in clear text is never
/// sent.
const REMEDY: &str = "let its pg_hba.conf say scram-sha-256";

fn begin_scram(
    body: &AuthenticationSaslBody,
    url: &PostgresUrl,
    channel: &Channel,
    out: &mut BytesMut,
) -> Result<ScramSha256, Fault> {
    let offered: Vec<&str> = body.mechanisms().collect().map_err(failed)?;
    let is_plus_offered = offered.contains(&SCRAM_SHA_256_PLUS);
    let (mechanism, binding) = bind(url.channel_binding, channel, is_plus_offered)?;
    if !offered.contains(&mechanism) {
        return refuse("the server wants a SASL mechanism other than SCRAM-SHA-256");
    }
    let scram = ScramSha256::new(password(url)?.as_bytes(), binding);
    frontend::sasl_initial_response(mechanism, scram.message(), out).map_err(failed)?;
    Ok(scram)
}

/// The mechanism, and what its first message says of binding (the gs2-cbind-flag of RFC 5802,
/// section 6): `p`, it is bound; `y`, it would be, but the server does not offer that, which the
/// server denies if somebody in between has taken the offer away; `n`, it cannot be.
fn bind(
    wanted: ChannelBinding,
    channel: &Channel,
    is_offered: bool,
) -> Result<(&'static str, Gs2), Fault> {
    let obstacle = match channel {
        _ if wanted == ChannelBinding::Disable => return Ok((SCRAM_SHA_256, Gs2::unsupported())),
        Channel::EndPoint(hash) if is_offered => {
            return Ok((SCRAM_SHA_256_PLUS, Gs2::tls_server_end_point(hash.clone())));
        }
        Channel::Plain if is_offered => return refuse(PLUS_WITHOUT_TLS),
        Channel::Plain => "the connection has no TLS",
        Channel::EndPoint(_) => "the server does not offer SCRAM-SHA-256-PLUS",
        Channel::Unbindable(why) => why,
    };
    match (wanted, channel) {
        (ChannelBinding::Require, _) => {
            refuse(&format!("channel_binding=require cannot be had: {obstacle}"))
        }
        (_, Channel::EndPoint(_)) => Ok((SCRAM_SHA_256, Gs2::unrequested())),
        _ => Ok((SCRAM_SHA_256, Gs2::unsupported())),
    }
}

/// A server offers it over TLS alone.
const PLUS_WITHOUT_TLS: &str = "the server offers SCRAM-SHA-256-PLUS to a connection without TLS: \
    somebody may stand in between";

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
