//! Idempotency keys, and the numbers that belong to them.
//!
//! A key names a take: whoever takes with it again gets its number again, for as long as the sale
//! lasts. To a store it is a word, which it keeps beside a number.

use std::ops::Deref;
use std::sync::Arc;

use crate::limits::KEY_BYTES_MAX;
use crate::store::error::StoreError;

/// A key: 1 to [`KEY_BYTES_MAX`] visible ASCII bytes. A copy costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The key of these bytes; `None` if they are none.
    pub fn new(bytes: &[u8]) -> Option<Key> {
        let is_key = (1..=KEY_BYTES_MAX).contains(&bytes.len());
        // Without a branch, so that the compiler does 16 at once.
        let is_visible = bytes.iter().fold(true, |all, byte| all & byte.is_ascii_graphic());
        let text = str::from_utf8(bytes).ok().filter(|_| is_key && is_visible)?;
        Some(Key(text.into()))
    }

    /// As it was sent, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The keys of one request, in its order; most have none, which costs no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Option<Arc<[Key]>>);

impl Keys {
    /// Those of a request without keys.
    pub const NONE: Keys = Keys(None);
}

impl Deref for Keys {
    type Target = [Key];

    fn deref(&self) -> &[Key] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Keys {
        let mut keys = keys.into_iter().peekable();
        let is_some = keys.peek().is_some();
        Keys(is_some.then(|| keys.collect()))
    }
}

/// What a request has brought for one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyedNumber {
    /// This number belongs to the key from now on.
    Granted(u64),
    /// The key had this number already, from this epoch of the sale: a set has perhaps begun
    /// another one since.
    Replayed {
        /// The number.
        number: u64,
        /// The epoch that it was granted in.
        epoch: u64,
    },
    /// It has none, and there was none left for it.
    NoneLeft,
    /// It has none, and gets none for this reason.
    Refused(StoreError),
}

/// How many of these numbers were granted to their keys by this request.
pub fn granted_to(keyed: &[KeyedNumber]) -> u64 {
    keyed.iter().filter(|it| matches!(it, KeyedNumber::Granted(_))).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_visible_bytes_and_not_too_long() {
        let longest = "k".repeat(KEY_BYTES_MAX);
        for good in ["k", "8e03978e-40d5-43dd-bc93-6894a57f9324", "!~;,\"\\", &longest] {
            assert_eq!(Key::new(good.as_bytes()).expect("it is a key").as_str(), good);
        }
        let too_long = "k".repeat(KEY_BYTES_MAX + 1);
        for bad in ["", " ", "a b", "a\tb", "a\x7f", "a\0", "ä", &too_long] {
            assert_eq!(Key::new(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(Key::new(b"\xff"), None);
    }

    #[test]
    fn keys_keep_their_order_and_none_are_none() {
        let key = |text: &str| Key::new(text.as_bytes()).expect("it is a key");
        let keys: Keys = [key("b"), key("a")].into_iter().collect();
        assert_eq!(keys[..], [key("b"), key("a")]);
        assert_eq!(std::iter::empty().collect::<Keys>(), Keys::NONE);
        assert!(Keys::NONE.is_empty());
    }
}
