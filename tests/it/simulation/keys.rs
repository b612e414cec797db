//! The keys of the counters in the model store, and what operators do to them by mistake.

use std::collections::BTreeMap;

/// The names of the counters; a world has the first few of them.
pub const NAMES: [&str; 4] = ["shoes", "hats", "caps", "ties"];

/// The place of the counter with this key.
pub fn place(key: &str) -> usize {
    let name = key.strip_prefix("headcount:{").and_then(|it| it.strip_suffix('}'));
    NAMES.iter().position(|it| Some(*it) == name).expect("a counter's key")
}

/// The key of the counter in this place.
pub fn key_of(place: usize) -> String {
    format!("headcount:{{{}}}", NAMES[place])
}

/// The fields of a counter's hash; without any, it is not there.
pub type Fields = BTreeMap<String, String>;

const NONSENSE: &str = "many";

/// What is at the key of a counter.
#[derive(Clone, Debug, Default)]
pub struct Key {
    pub fields: Fields,
    /// A text stands in its place.
    pub is_text: bool,
    /// A field that holds nonsense, and what it held before.
    damaged: Option<(&'static str, String)>,
}

impl Key {
    /// Puts a text in its place, or nonsense into one of its fields.
    pub fn damage(&mut self, how: usize) {
        self.mend();
        let name = ["taken", "limit", "version"].get(how);
        match name.and_then(|name| Some((*name, self.fields.get_mut(*name)?))) {
            Some((name, value)) => {
                self.damaged = Some((name, std::mem::replace(value, NONSENSE.to_owned())));
            }
            None => self.is_text = true,
        }
    }

    /// Puts things right, unless that was done already.
    pub fn mend(&mut self) {
        self.is_text = false;
        if let Some((name, value)) = self.damaged.take()
            && let Some(held) = self.fields.get_mut(name).filter(|it| *it == NONSENSE)
        {
            *held = value;
        }
    }

    /// Whether it is as an operator has left it by mistake.
    pub fn is_damaged(&self) -> bool {
        let is_nonsense = |(name, _): &(&str, String)| {
            self.fields.get(*name).is_some_and(|value| value == NONSENSE)
        };
        self.is_text || self.damaged.as_ref().is_some_and(is_nonsense)
    }
}
