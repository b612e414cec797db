//! Resets and sets under way, and what befalls them.

use super::World;
use crate::simulation::reset_run::ResetRun;

impl World {
    pub(super) fn operate(&mut self, taken: Option<u64>) {
        if self.resets.len() < 2 {
            let limit = self.limit.max(taken.unwrap_or_default());
            self.resets.push(ResetRun::new(self.random.u64(..), limit, taken, self.now));
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
                self.resets.swap_remove(index);
            }
        }
    }

    pub(super) fn cut_reset(&mut self) {
        if let Some(index) = self.random.choice(0..self.resets.len()) {
            self.late.extend(self.resets[index].cut(self.now));
        }
    }
}
