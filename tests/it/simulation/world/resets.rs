//! Resets and sets under way, and what befalls them.

use super::World;
use crate::simulation::reset_run::ResetRun;

impl World {
    /// A set begins: to a number that will do, or at times to one that is too low.
    pub(super) fn set(&mut self, counter: usize) {
        let taken = self.store.held(counter).map_or(0, |held| held.taken);
        let target = match self.random.u8(..4) {
            0 => taken.saturating_sub(self.random.u64(1..4)),
            1 => taken,
            _ => self.store.oracles[counter].highest(),
        };
        self.change(counter, Some(target));
    }

    /// A set begins, or a reset: it names a limit, or keeps the one that is there.
    pub(super) fn change(&mut self, counter: usize, taken: Option<u64>) {
        if self.resets.len() < 2 {
            let limit = self.limits[counter].max(taken.unwrap_or_default());
            let limit = self.random.bool().then_some(limit);
            self.resets.push(ResetRun::new(counter, self.random.u64(..), limit, taken, self.now));
        }
    }

    pub(super) fn step_reset(&mut self) {
        if let Some(reset) = self.random.choice(&mut self.resets) {
            reset.step(&mut self.store, self.is_store_up, self.now);
        }
    }

    pub(super) fn answer_reset(&mut self) {
        if let Some(index) = self.random.choice(0..self.resets.len()) {
            self.resets[index].receive(self.is_store_up, self.now);
            if self.resets[index].has_ended(self.now) {
                let reset = self.resets.swap_remove(index);
                if reset.is_done() || reset.is_declined() {
                    self.store.oracles[reset.counter]
                        .told_of_change(reset.token(), reset.is_done());
                }
            }
        }
    }

    pub(super) fn cut_reset(&mut self) {
        if let Some(index) = self.random.choice(0..self.resets.len()) {
            self.late.extend(self.resets[index].cut(self.now));
        }
    }
}
