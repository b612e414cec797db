//! How far the removing of ended sales' keys has come: see `ended_sales.rs`.

use std::collections::VecDeque;

use postgres_protocol::message::backend::DataRowBody;

use super::row::{self, columns, number};
use crate::counter::CounterId;
use crate::store::error::Fault;

/// The counters whose ended sales are being cleaned up; each stands there once at most.
#[derive(Default)]
pub struct Cleaning {
    /// The first one's turn it is.
    pub counters: VecDeque<CounterId>,
    /// Behind which key it goes on.
    pub from: EndedKey,
}

/// A key that was removed, of an ended sale. In the order of the table's primary key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedKey {
    /// The sale.
    pub sale: u64,
    /// The key, whatever it is.
    pub key: String,
}

/// The row of `clean_keys.sql`.
///
/// # Errors
/// It is no such row.
pub fn ended_key(row: &DataRowBody) -> Result<EndedKey, Fault> {
    let read = columns(row).and_then(|[sale, key]| {
        let key = str::from_utf8(key?).ok().filter(|key| !key.contains('\0'))?;
        Some(EndedKey { sale: number(sale?)?, key: key.to_owned() })
    });
    read.ok_or_else(row::senseless)
}
