//! Resets and sets under way, and what befalls them.

use super::World;
use crate::simulation::operator::Operator;

impl World {
    pub(super) fn operate(&mut self, taken: Option<u64>) {
        if self.operators.len() < 2 {
            let limit = self.limit.max(taken.unwrap_or_default());
            self.operators.push(Operator::new(self.random.u64(..), limit, taken, self.now));
        }
    }

    pub(super) fn step_operator(&mut self) {
        if let Some(operator) = self.random.choice(&mut self.operators) {
            operator.step(&mut self.store, self.is_store_up, self.now);
        }
    }

    pub(super) fn answer_operator(&mut self) {
        if let Some(index) = self.random.choice(0..self.operators.len()) {
            self.operators[index].receive(self.is_store_up, self.now);
            if self.operators[index].has_ended(self.now) {
                self.operators.swap_remove(index);
            }
        }
    }

    pub(super) fn cut_operator(&mut self) {
        if let Some(index) = self.random.choice(0..self.operators.len()) {
            self.late.extend(self.operators[index].cut(self.now));
        }
    }
}
