//! What befalls the store: failovers, losses, and what operators do by hand.

use super::ModelStore;
use crate::simulation::keys::Key;
use crate::simulation::lua::Data;
use crate::simulation::oracle::Oracle;

impl ModelStore {
    /// What is there now may be restored later, but for what an operator has damaged.
    pub fn back_up(&mut self) {
        let mut keys = self.data.borrow().keys.clone();
        keys.iter_mut().for_each(Key::mend);
        self.backup = Some(keys);
        self.oracles.iter_mut().for_each(Oracle::backed_up);
    }

    /// A replica that is as old as the backup, if there is one, takes over, with its own clock.
    pub fn roll_back(&mut self, clock_us: u64) -> bool {
        let Some(keys) = self.backup.take() else {
            return false;
        };
        self.lose(keys, clock_us);
        true
    }

    /// All data is lost; the clock is another one.
    pub fn flush(&mut self, clock_us: u64) {
        self.lose(vec![Key::default(); self.oracles.len()], clock_us);
    }

    fn lose(&mut self, keys: Vec<Key>, clock_us: u64) {
        *self.data.borrow_mut() = Data::new(keys, clock_us);
        for counter in 0..self.oracles.len() {
            self.changes[counter] += 1;
            let held = self.held(counter);
            self.oracles[counter].lost(held.as_ref());
        }
    }

    /// Somebody deletes one counter, and all connections go on.
    pub fn delete(&mut self, counter: usize) {
        self.data.borrow_mut().keys[counter] = Key::default();
        self.changes[counter] += 1;
        self.oracles[counter].deleted();
    }

    /// An operator writes nonsense over a counter, or at least one of its fields; returns whether
    /// it is all of it.
    pub fn damage(&mut self, counter: usize, how: usize) -> bool {
        self.data.borrow_mut().keys[counter].damage(how);
        self.noticed(counter);
        self.data.borrow().keys[counter].is_text
    }

    /// An operator puts things right again.
    pub fn mend(&mut self, counter: usize) {
        self.data.borrow_mut().keys[counter].mend();
        self.noticed(counter);
    }

    pub fn is_damaged(&self, counter: usize) -> bool {
        self.data.borrow().keys[counter].is_damaged()
    }

    /// An operator writes the field by hand, if there is a counter, and room.
    pub fn set_limit(&mut self, counter: usize, limit: u64) -> bool {
        if self.held(counter).is_none() || self.is_full() {
            return false;
        }
        let text = limit.to_string();
        self.data.borrow_mut().keys[counter].fields.insert("limit".to_owned(), text);
        self.noticed(counter);
        true
    }
}
