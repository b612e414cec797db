//! What was promised of idempotency keys.

use super::{Grant, Held, KeyReply, Oracle, Take};

impl Oracle {
    /// A take has run for its keys, in their order, and before those without one.
    pub(super) fn took_with_keys(&mut self, take: &Take, before: &Held, is_first: bool) {
        let mut last = before.taken;
        for (place, (key, reply)) in take.keyed.iter().enumerate() {
            let known = self.keyed.get(*key).copied();
            match *reply {
                KeyReply::New(number) if is_first => {
                    assert_eq!(known, None, "a second number for the key {key}: {take:?}");
                    last += 1;
                    let is_next = number == last && number <= before.limit;
                    assert!(is_next, "{number} is not the next one: {take:?}");
                    self.granted(take.asker, Some(key), before.epoch, number..=number);
                    self.keyed.insert((*key).to_owned(), number);
                }
                KeyReply::New(number) => {
                    assert_eq!(known, Some(number), "not the number of the key {key}: {take:?}");
                    self.granted_again(take.asker, Some(key), before.epoch, number..=number);
                }
                KeyReply::Replay(number) => {
                    assert_eq!(known, Some(number), "not the number of the key {key}: {take:?}");
                    let is_once_more = take.keyed[..place].iter().any(|(other, _)| other == key);
                    let is_new = !is_once_more && self.was_granted(take, key, before.epoch);
                    assert!(!is_new, "{number} was new to the key {key}: {take:?}");
                }
                KeyReply::None => assert_eq!(known, None, "none for the key {key}: {take:?}"),
            }
        }
    }

    /// Whether this very request was granted a number for the key when it ran before, and is no
    /// late one, which nobody waits for: a later one of its link was granted something.
    fn was_granted(&self, take: &Take, key: &str, epoch: u64) -> bool {
        let asker = (take.asker.link, take.asker.sequence);
        let is_later = |it: &Grant| it.asker.link == asker.0 && it.asker.sequence > asker.1;
        let is_its = |grant: &Grant| {
            (grant.asker.link, grant.asker.sequence) == asker
                && (grant.epoch, grant.key.as_deref()) == (epoch, Some(key))
                && grant.lost_in.is_none()
        };
        self.grants.iter().any(is_its) && !self.grants.iter().any(is_later)
    }

    /// A link has handed a number out to the key that has it already, for a request that was sent
    /// in this moment.
    pub fn replayed(&mut self, number: u64, key: &str, link: u64, sent: usize) {
        let since = &self.history[sent.min(self.history.len())..];
        let sale = |epoch| self.epoch_index(epoch).map(|place| self.epochs[place].sale);
        let last_call = self.losses_heard_of.get(&link).copied().unwrap_or_default();
        let is_its = self.grants.iter().any(|grant| {
            grant.key.as_deref() == Some(key)
                && grant.numbers.contains(&number)
                && grant.lost_in.is_none_or(|loss| loss > last_call)
                && since.iter().flatten().any(|it| sale(it.epoch) == Some(grant.sale))
        });
        assert!(is_its, "{link} handed {number} out to the key {key}, which never had it");
    }
}
