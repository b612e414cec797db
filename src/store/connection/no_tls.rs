//! In the place of `tls.rs` in a build without TLS: there is no client, and so no session.
//!
//! The configuration refuses what would need one.

use std::io;

use super::tls_fault::Dialect;
use crate::config::TlsConfig;
use crate::store::channel::Channel;
use crate::store::error::Fault;

/// There is none.
#[derive(Clone, Debug)]
pub enum TlsClient {}

/// There is none.
#[derive(Debug)]
pub enum TlsSession {}

impl TlsClient {
    /// # Errors
    /// Always.
    pub fn new(_: &TlsConfig, _: Dialect) -> io::Result<TlsClient> {
        Err(io::Error::other("this build has no TLS"))
    }

    /// See `tls.rs`.
    pub fn session(&self, _: &str) -> Result<TlsSession, Fault> {
        match *self {}
    }
}

impl TlsSession {
    /// See `tls.rs`.
    pub fn is_handshaking(&self) -> bool {
        match *self {}
    }

    /// See `tls.rs`.
    pub fn has_received(&self) -> bool {
        match *self {}
    }

    /// See `tls.rs`.
    pub fn take_channel(&mut self) -> Option<Channel> {
        match *self {}
    }

    /// See `tls.rs`.
    pub fn write_records(&mut self, _: &mut Vec<u8>) {
        match *self {}
    }

    /// See `tls.rs`.
    pub fn open(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Fault> {
        match *self {}
    }

    /// See `tls.rs`.
    pub fn seal(&mut self, _: &mut Vec<u8>, _: &mut Vec<u8>) {
        match *self {}
    }

    /// See `tls.rs`.
    pub fn outcome(&self) -> String {
        match *self {}
    }
}
