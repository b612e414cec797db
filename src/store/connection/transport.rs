//! What is between the socket's bytes and the store's protocol: nothing, or TLS.
//!
//! ```text
//!   Plain                            the bytes as they are
//!   Asking --'S'--> Tls              PostgreSQL is asked first whether it has TLS
//!      +-----'N'--> Plain            where that will do
//!   Tls                              handshake, then records
//! ```
//!
//! What the protocol writes before the TLS handshake is done waits for its end. So where TLS is
//! required, a password goes to nobody whose certificate was not verified as the URL wants it.
//!
//! Where it is allowed or preferred, that is not so: what one way fails with, the other way is
//! tried without, as libpq does, and with `prefer` that other way is plain text. Whoever stands in
//! between can bring it about. Invariant: `unsealed` is empty in `Plain`.

mod words;

use std::fmt;

#[cfg(not(feature = "tls"))]
use super::no_tls::{TlsClient, TlsSession};
#[cfg(feature = "tls")]
use super::tls::{TlsClient, TlsSession};
use super::tls_fault::{Dialect, tls_fault};
use crate::config::{Endpoint, TlsConfig, TlsDemand};
use crate::send_buffer::SendBuffer;
use crate::store::channel::Channel;
use crate::store::error::{Fault, StoreError};

/// How the connections to a store are encrypted.
#[derive(Clone, Debug)]
pub struct Encryption {
    client: TlsClient,
    demand: TlsDemand,
}

impl Encryption {
    /// As the URL wants it, for a store that speaks like this.
    ///
    /// # Errors
    /// A file of `config` does not hold what it should.
    pub fn new(config: &TlsConfig, dialect: Dialect) -> std::io::Result<Encryption> {
        Ok(Encryption { client: TlsClient::new(config, dialect)?, demand: config.demand })
    }
}

/// The transport of one connection, used again for the next one.
pub struct Transport {
    dialect: Dialect,
    encryption: Option<Encryption>,
    stage: Stage,
    send_buffer: SendBuffer,
    /// What the protocol wrote, and TLS is to encrypt.
    unsealed: Vec<u8>,
    /// What TLS decrypted of the last bytes.
    opened: Vec<u8>,
    /// What the server of the connection that was given up is to hear still: a TLS alert.
    last_words: Vec<u8>,
    /// The socket is connected.
    has_begun: bool,
    /// Anything came on this connection.
    has_received: bool,
    /// This is the first of two ways, with TLS or without, to the same server.
    has_other_way: bool,
    /// The last try was ended by what the other way may do without.
    is_second_way: bool,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Plain,
    /// The server has not said yet whether it has TLS.
    Asking(TlsSession),
    Tls(TlsSession),
}

impl Transport {
    /// One that encrypts nothing.
    pub fn plain(dialect: Dialect) -> Transport {
        Transport {
            dialect,
            encryption: None,
            stage: Stage::Plain,
            send_buffer: SendBuffer::default(),
            unsealed: Vec::new(),
            opened: Vec::new(),
            last_words: Vec::new(),
            has_begun: false,
            has_received: false,
            has_other_way: false,
            is_second_way: false,
        }
    }

    /// Encrypts the connections from now on.
    pub fn encrypt(&mut self, encryption: Encryption) {
        self.encryption = Some(encryption);
    }

    /// The same for a connection to another server of the store.
    pub fn for_node(&self) -> Transport {
        Transport { encryption: self.encryption.clone(), ..Transport::plain(self.dialect) }
    }

    /// The socket is connected to `endpoint`.
    ///
    /// # Errors
    /// No certificate can be for such a host.
    pub fn begin(&mut self, endpoint: &Endpoint) -> Result<(), Fault> {
        self.end(); // Nothing of the last connection comes before the first bytes of this one.
        (self.has_begun, self.has_received, self.has_other_way) = (true, false, false);
        let (Some(encryption), Endpoint::Tcp { host, .. }) = (&self.encryption, endpoint) else {
            return Ok(());
        };
        let is_optional = encryption.demand != TlsDemand::Require;
        self.has_other_way = is_optional && !self.is_second_way;
        let is_tls_first = encryption.demand != TlsDemand::Allow;
        if is_tls_first == self.is_second_way {
            return Ok(());
        }
        let session = encryption.client.session(host)?;
        self.stage = match self.dialect {
            Dialect::Redis => Stage::Tls(session),
            Dialect::Postgres => {
                self.send_buffer.writer().extend_from_slice(&SSL_REQUEST);
                Stage::Asking(session)
            }
        };
        Ok(())
    }

    /// Where the protocol writes.
    pub fn writer(&mut self) -> &mut Vec<u8> {
        match self.stage {
            Stage::Plain => self.send_buffer.writer(),
            Stage::Asking(_) | Stage::Tls(_) => &mut self.unsealed,
        }
    }

    /// What the socket is to send.
    pub fn send_buffer(&mut self) -> &mut SendBuffer {
        if let Stage::Tls(session) = &mut self.stage {
            session.seal(&mut self.unsealed, self.send_buffer.writer());
        }
        &mut self.send_buffer
    }

    /// Whether the protocol wrote what the socket can send now, and has not yet.
    pub fn has_unsent(&self) -> bool {
        let is_unsealed = match &self.stage {
            Stage::Tls(session) => !session.is_handshaking() && !self.unsealed.is_empty(),
            Stage::Plain | Stage::Asking(_) => false,
        };
        is_unsealed || !self.send_buffer.unsent().is_empty()
    }

    /// Bytes came from the socket: those that the protocol is to have.
    ///
    /// # Errors
    /// The connection must be given up.
    pub fn receive<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
        let is_first = !std::mem::replace(&mut self.has_received, true);
        let bytes = match &self.stage {
            Stage::Asking(_) if bytes.is_empty() => bytes,
            Stage::Asking(_) => self.answered(bytes)?,
            Stage::Plain if is_first && bytes.first() == Some(&TLS_ALERT) => {
                return Err(tls_fault(self.dialect.plain_to_tls()));
            }
            Stage::Plain | Stage::Tls(_) => bytes,
        };
        let Stage::Tls(session) = &mut self.stage else {
            return Ok(bytes);
        };
        self.opened.clear();
        session.open(bytes, &mut self.opened)?;
        Ok(&self.opened)
    }

    /// What a login can be bound to: once, when the TLS handshake is done.
    pub fn take_channel(&mut self) -> Option<Channel> {
        match &mut self.stage {
            Stage::Tls(session) => session.take_channel(),
            Stage::Plain | Stage::Asking(_) => None,
        }
    }

    /// The connection is lost, for this reason: whether the next one is to try the other way, to
    /// the same server. `is_login_refused`: the server has said so, before anybody was logged in.
    ///
    /// What this side refuses of a login, such as a password in clear text, no other way mends.
    /// Each way is tried once; then the first one is that of the next try again.
    pub fn choose_way(&mut self, error: StoreError, is_login_refused: bool) -> bool {
        use StoreError::{Timeout, Tls, Unreachable};
        let may_help = match &self.stage {
            Stage::Tls(session) if session.is_handshaking() => {
                matches!(error, Tls | Unreachable | Timeout)
            }
            Stage::Tls(session) if session.has_received() => is_login_refused,
            // In TLS 1.3 a client certificate is refused behind the handshake.
            Stage::Tls(_) | Stage::Plain | Stage::Asking(_) => is_login_refused || error == Tls,
        };
        self.is_second_way = std::mem::take(&mut self.has_other_way) && may_help;
        self.is_second_way
    }

    /// The connection is gone.
    pub fn end(&mut self) {
        self.last_words.clear();
        if let Stage::Tls(session) = &mut self.stage
            && self.send_buffer.unsent().is_empty()
        {
            session.write_records(&mut self.last_words);
        }
        (self.stage, self.has_begun) = (Stage::Plain, false);
        self.send_buffer.clear();
        self.unsealed.clear();
        self.opened.clear();
    }

    /// What the server is to be sent before the socket is closed, if that takes it at once.
    pub fn take_last_words(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.last_words)
    }

    /// The server has said whether it has TLS: what follows that.
    fn answered<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
        let Stage::Asking(session) = std::mem::take(&mut self.stage) else {
            return Ok(bytes);
        };
        let is_required = self.encryption.as_ref().is_none_or(|it| it.demand == TlsDemand::Require);
        match bytes {
            [b'S'] => {
                self.stage = Stage::Tls(session);
                Ok(&[])
            }
            // Somebody in between may have put them there, to be taken for encrypted ones.
            [b'S', ..] => {
                self.has_other_way = false;
                Err(tls_fault(MORE_THAN_AN_ANSWER))
            }
            [b'N', ..] if is_required => Err(tls_fault(NO_TLS)),
            [b'N', rest @ ..] => {
                self.has_other_way = false;
                self.send_buffer.writer().append(&mut self.unsealed);
                Ok(rest)
            }
            _ => {
                let detail = "an answer to SSLRequest that is neither S nor N".to_owned();
                Err(Fault { error: StoreError::Protocol, detail })
            }
        }
    }
}

/// The bytes stay out of every log: a password may be among them.
impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("Transport");
        fields.field("encryption", &self.encryption).field("stage", &self.stage);
        fields.field("is_second_way", &self.is_second_way).finish_non_exhaustive()
    }
}

/// PostgreSQL's manual, "Message Formats": the length, and 1234 and 5679.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The first byte of an alert (RFC 8446, section 5.1). No reply of a store begins so.
const TLS_ALERT: u8 = 0x15;

const MORE_THAN_AN_ANSWER: &str = "the server sent more than its answer before TLS began: \
    somebody may stand in between";

const NO_TLS: &str = "the server has no TLS: set ssl=on there, or sslmode=prefer in --store \
    (without channel_binding=require)";

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests;
