//! `/readyz` and `/readyz/NAME`: whether the store takes writes, and which counters it refuses.

use std::time::Instant;

use super::Engine;
use crate::api::body::{self, Outcome};
use crate::counter::CounterId;
use crate::store::error::StoreError;
use crate::token::Token;

impl Engine {
    /// Answers those who wait to hear whether the store takes writes, if that was seen not long
    /// ago; else has a write tried.
    pub(super) fn check_writes(&mut self, now: Instant) {
        // Those that were refused are tried again, so that the next answer knows.
        for counter in (0..self.counters.len() as u32).map(CounterId) {
            if self.store.refusal(counter).is_some() {
                self.store.recheck(counter, now);
            }
        }
        if let Some(result) = self.store.check_writes(now) {
            self.answer_write_checks(result, now);
        }
    }

    /// Those who ask for one counter are told if the store refuses writes, and else what a look at
    /// their counter tells.
    pub(super) fn answer_write_checks(&mut self, result: Result<(), StoreError>, now: Instant) {
        if self.write_checks.is_empty() {
            return;
        }
        let refusing = result.err().filter(|error| error.is_of_writes());
        let (mut tokens, mut looks) = (Vec::new(), Vec::new());
        for (waiter, counter) in self.write_checks.take() {
            match (counter, refusing) {
                (None, _) => tokens.push(waiter.token),
                (Some(counter), None) => looks.push((counter, waiter)),
                (Some(_), Some(error)) => {
                    self.clients.answer(waiter.token, Outcome::Failed(error));
                }
            }
        }
        self.answer_process_ready(&tokens, result);
        for (counter, waiter) in looks {
            // Others may have come since whose time is up later.
            self.counters[counter.index()].batcher.requeue(vec![waiter], now);
            self.activate(counter);
        }
    }

    /// The process is ready if the store takes writes and any of the counters can be taken from.
    fn answer_process_ready(&mut self, tokens: &[Token], result: Result<(), StoreError>) {
        let refusal = |index| self.store.refusal(CounterId(index as u32));
        let refused: Vec<(&str, StoreError)> = (0..self.counters.len())
            .filter_map(|index| Some((self.counters[index].name.as_str(), refusal(index)?)))
            .collect();
        let is_any_well = refused.len() < self.counters.len();
        let result = match refused.first() {
            Some((_, error)) if !is_any_well => result.and(Err(*error)),
            _ => result,
        };
        let text = body::ready_text(&refused);
        for token in tokens {
            match result {
                Ok(()) => self.clients.answer_with(*token, body::to_ready(&text)),
                Err(error) => self.clients.answer(*token, Outcome::Failed(error)),
            };
        }
    }
}
