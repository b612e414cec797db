//! What a transport says of itself to the operator.

use super::{Stage, Transport};
use crate::store::error::StoreError;

impl Transport {
    /// What is to be said of the encryption once the store is ready; `None` where none was asked
    /// for.
    pub fn outcome(&self) -> Option<String> {
        self.encryption.as_ref()?;
        Some(match &self.stage {
            Stage::Tls(session) => session.outcome(),
            Stage::Plain | Stage::Asking(_) => "none: the connection is not encrypted".to_owned(),
        })
    }

    /// The detail of a loss, with what it is likely to mean.
    pub fn explain(&self, error: StoreError, detail: &str) -> String {
        match self.suspicion(error) {
            Some(suspicion) => format!("{detail}; {suspicion}"),
            None => detail.to_owned(),
        }
    }

    /// What a loss at this point is likely to mean, if it may be about TLS.
    pub(super) fn suspicion(&self, error: StoreError) -> Option<&'static str> {
        let is_silent = self.has_begun && !self.has_received;
        match (&self.stage, error) {
            (_, StoreError::Tls) => None,
            (Stage::Plain, StoreError::Unreachable) if is_silent => self.dialect.closed_plain(),
            (Stage::Tls(_), _) if is_silent => Some(self.dialect.silence()),
            (Stage::Tls(session), _) if !session.is_handshaking() && !session.has_received() => {
                Some(self.dialect.closed_after_handshake())
            }
            _ => None,
        }
    }
}
