//! What was promised of the numbers, by one who knows all that the store ever held.
//!
//! - The store grants nothing past its limit, no number twice in the same sale unless it has lost
//!   some in between, and nothing to one who has seen more of the counter than it holds. Once one
//!   of those has spoken, and the store could write that, it grants nothing to anybody, until a
//!   reset, another loss, or a set to no less than they had seen.
//! - A sale is begun by a reset, not by a set: it goes on with the numbers of the sale.
//! - A number is handed out once for each time that it was granted, by the link that it was granted
//!   to, for a request that was open while the store was in the number's epoch with a limit no
//!   lower than it.
//! - A key has one number in a sale, which nobody else is handed out, unless the store has lost it.
//! - A grant that the store has lost is given up once its link has called the store again.
//! - After a loss a process says that it has seen all that any of its links had handed out before.
//! - A reset or a set begins one epoch at most, however often it is sent, unless that was lost. Who
//!   is told that it is done can rely on that, and who is told that it is declined, too.

mod facts;
mod grant;
mod keyed;

use std::collections::HashMap;
use std::ops::RangeInclusive;

pub use facts::{Asker, Held, KeyReply, Take};
use grant::{Epoch, Grant, Moment};

#[derive(Debug, Default)]
pub struct Oracle {
    epochs: Vec<Epoch>,
    sale: usize,
    /// What the store held after each change.
    history: Vec<Option<Moment>>,
    grants: Vec<Grant>,
    /// The numbers of the keys that the store holds, and that it held when it was backed up.
    keyed: HashMap<String, u64>,
    keyed_at_backup: HashMap<String, u64>,
    /// Rollbacks and deletions so far.
    losses: u64,
    /// Those before the state that may be restored.
    losses_at_backup: u64,
    /// The furthest that those had seen who have spoken since the last loss, and had seen more than
    /// the store holds.
    floor: Option<(u64, u64)>,
    /// Losses so far when each link called the store last: as the store knows, and as the link
    /// does, once it has read what the store said.
    losses_by_link: HashMap<u64, u64>,
    losses_heard_of: HashMap<u64, u64>,
    /// The furthest number that each process has handed out, after its epoch: now, and at the last
    /// loss.
    handed_out: HashMap<usize, (u64, u64)>,
    handed_out_at_loss: HashMap<usize, (u64, u64)>,
    /// Losses so far when each reset or set was done last.
    losses_by_token: HashMap<String, u64>,
    /// The token of the last one that was done.
    last_token: String,
}

impl Oracle {
    /// The moment that a request is sent in.
    pub fn moment(&self) -> usize {
        self.history.len().saturating_sub(1)
    }

    /// How many resets and sets were done.
    pub fn changes(&self) -> usize {
        self.losses_by_token.len()
    }

    /// The highest number that was granted in any epoch.
    pub fn highest(&self) -> u64 {
        self.grants.iter().map(|grant| *grant.numbers.end()).max().unwrap_or_default()
    }

    /// The store holds this now.
    pub fn changed(&mut self, held: Option<&Held>) {
        let moment = |held: &Held| Moment {
            epoch: held.epoch,
            limit: held.limit,
            is_halted: held.taken >= held.limit,
        };
        self.history.push(held.map(moment));
        let Some(held) = held else {
            return;
        };
        let is_new_change = |token: &String| !self.losses_by_token.contains_key(token);
        // After a loss a reset may give the number of an epoch that was lost, where the clock is
        // behind: it is another epoch all the same.
        if self.epoch_index(held.epoch).is_none() || held.token.as_ref().is_some_and(is_new_change)
        {
            let is_followed = held.made != "created";
            self.sale += usize::from(held.made == "reset");
            if held.made != "set" {
                self.keyed.clear();
            }
            if is_followed {
                let least = self.floor.take().map_or(0, |(_, taken)| taken);
                let is_enough = held.made == "reset" || held.taken >= least;
                assert!(is_enough, "a set below what one has seen, who said so: {least}, {held:?}");
            }
            self.epochs.push(Epoch { number: held.epoch, is_followed, sale: self.sale });
            if let (true, Some(token)) = (is_followed, &held.token) {
                let before = self.losses_by_token.insert(token.clone(), self.losses);
                assert_ne!(before, Some(self.losses), "one reset has begun two epochs");
                self.last_token.clone_from(token);
            }
        }
    }

    /// What the store holds now may be restored later.
    pub fn backed_up(&mut self) {
        self.losses_at_backup = self.losses;
        self.keyed_at_backup.clone_from(&self.keyed);
    }

    /// The store has lost what it held, and holds this. What was on its way to it is lost as well.
    pub fn lost(&mut self, held: Option<&Held>) {
        self.handed_out_at_loss.clone_from(&self.handed_out);
        self.lost_alone(held);
    }

    /// The counter is deleted. Requests are on their way that say what was seen before.
    pub fn deleted(&mut self) {
        self.lost_alone(None);
    }

    fn lost_alone(&mut self, held: Option<&Held>) {
        self.losses += 1;
        self.floor = None;
        self.keyed = held.map(|_| self.keyed_at_backup.clone()).unwrap_or_default();
        for grant in &mut self.grants {
            let was_backed_up = grant.lost_in.is_none_or(|loss| loss > self.losses_at_backup);
            let number = *grant.numbers.end();
            let is_held = |it: &Held| match &grant.key {
                Some(key) => self.keyed.get(key) == Some(&number),
                None => it.epoch == grant.epoch && number <= it.taken,
            };
            grant.lost_in = match was_backed_up && held.is_some_and(is_held) {
                true => None,
                false => grant.lost_in.or(Some(self.losses)),
            };
        }
        if let Some(place) = held.and_then(|held| self.epoch_index(held.epoch)) {
            self.sale = self.epochs[place].sale;
        }
        self.changed(held);
    }

    /// Who sent a reset or a set with this token is told that it is done, or that it is declined.
    pub fn told_of_change(&self, token: &str, is_done: bool) {
        let losses = self.losses_by_token.get(token);
        let is_last = self.last_token == token && losses == Some(&self.losses);
        assert!(!is_done || losses.is_some(), "a reset is said to be done, and never was");
        assert!(is_done || !is_last, "a reset is said to be declined, and was done");
    }

    /// The store has run a take.
    pub fn took(&mut self, take: &Take) {
        let Take { asker, before, after, .. } = *take;
        self.losses_by_link.insert(asker.link, self.losses);
        let handed_out = self.handed_out_at_loss.get(&asker.process);
        assert!(handed_out <= Some(&asker.seen), "{asker:?} had handed out {handed_out:?}");
        let has_seen_more = self.has_seen_more(asker.seen, before);
        if has_seen_more && take.can_tell {
            self.floor = self.floor.max(Some(asker.seen));
        }
        let granted = take.granted.filter(|(_, count)| *count > 0);
        if granted.is_none() && take.keyed.is_empty() {
            return;
        }
        let before = before.expect("numbers of a counter that is not there");
        let is_fit = !has_seen_more && self.floor.is_none();
        assert!(is_fit, "granted below what one has seen: {asker:?} {before:?}");
        let is_first = after.is_some_and(|after| after.taken > before.taken);
        self.took_with_keys(take, before, is_first);
        if let Some((first, count)) = granted {
            let last = first + count - 1;
            assert!(last <= before.limit, "past the limit: {before:?}");
            match is_first {
                true => self.granted(asker, None, before.epoch, first..=last),
                false => self.granted_again(asker, None, before.epoch, first..=last),
            }
        }
    }

    /// A link has read all that the store had to say to it.
    pub fn heard(&mut self, link: u64) {
        if let Some(losses) = self.losses_by_link.get(&link) {
            self.losses_heard_of.insert(link, *losses);
        }
    }

    /// Whether it was lost at least once, as a whole or in part.
    pub fn has_losses(&self) -> bool {
        self.losses > 0
    }

    /// Somebody was told that this is the limit, and perhaps that it is reached, who knew no better
    /// at the moment `since`.
    pub fn told_limit(&self, limit: u64, is_halted: bool, since: usize) {
        let moments = &self.history[since.min(self.history.len())..];
        let is_true = |it: &Moment| it.limit == limit && (it.is_halted || !is_halted);
        let was_true = moments.iter().flatten().any(is_true);
        assert!(was_true, "limit {limit} (halted: {is_halted}) was never held since: {moments:?}");
    }

    /// A link has handed a number out that was new, to this key if there is one, for a request that
    /// was sent in this moment.
    pub fn handed_out(&mut self, number: u64, key: Option<&str>, link: u64, sent: usize) {
        let since = &self.history[sent.min(self.history.len())..];
        let is_open = |grant: &Grant| {
            let mut moments = since.iter().flatten();
            moments.any(|it| it.epoch == grant.epoch && number <= it.limit)
        };
        let last_call = self.losses_heard_of.get(&link).copied().unwrap_or_default();
        let is_given_up = |grant: &Grant| grant.lost_in.is_some_and(|loss| loss <= last_call);
        let is_its = |grant: &Grant| {
            (grant.asker.link, grant.key.as_deref()) == (link, key)
                && grant.numbers.contains(&number)
                && !grant.handed_out.contains(&number)
                && !is_given_up(grant)
                && is_open(grant)
        };
        let Some(place) = self.grants.iter().position(is_its) else {
            let of_it = self.grants.iter().filter(|grant| grant.numbers.contains(&number));
            let of_it: Vec<&Grant> = of_it.collect();
            panic!("{link} handed {number} out (key: {key:?}), of {of_it:?}, while {since:?}");
        };
        let grant = &mut self.grants[place];
        grant.handed_out.push(number);
        let furthest = self.handed_out.entry(grant.asker.process).or_default();
        *furthest = (*furthest).max((grant.epoch, number));
    }

    fn has_seen_more(&self, (epoch, taken): (u64, u64), held: Option<&Held>) -> bool {
        let Some(seen) = self.epoch_index(epoch) else {
            assert_eq!(epoch, 0, "nobody has seen an epoch that never was");
            return false;
        };
        let Some(held) = held else {
            return true;
        };
        let place = self.epoch_index(held.epoch).expect("the store tells of each epoch");
        match held.epoch == epoch {
            true => taken > held.taken,
            false => seen > place || !self.epochs[place].is_followed,
        }
    }

    fn granted(
        &mut self,
        asker: Asker,
        key: Option<&str>,
        epoch: u64,
        numbers: RangeInclusive<u64>,
    ) {
        let (sale, losses) = (self.sale, self.losses);
        let overlaps = |grant: &&Grant| {
            (grant.sale, grant.losses) == (sale, losses)
                && grant.numbers.start() <= numbers.end()
                && numbers.start() <= grant.numbers.end()
        };
        let twice = self.grants.iter().find(overlaps);
        assert!(twice.is_none(), "granted twice: {numbers:?} to {asker:?}, and {twice:?}");
        let (lost_in, handed_out, key) = (None, Vec::new(), key.map(str::to_owned));
        self.grants.push(Grant { asker, key, epoch, sale, numbers, losses, lost_in, handed_out });
    }

    /// A request came again: it gets what it got, in the same epoch, or as much of that as a limit
    /// leaves that was lowered since.
    fn granted_again(
        &self,
        asker: Asker,
        key: Option<&str>,
        epoch: u64,
        numbers: RangeInclusive<u64>,
    ) {
        let is_same = |grant: &Grant| {
            (grant.asker.link, grant.asker.sequence) == (asker.link, asker.sequence)
                && (grant.epoch, grant.key.as_deref()) == (epoch, key)
                && grant.numbers.start() == numbers.start()
                && grant.numbers.end() >= numbers.end()
        };
        let is_known = self.grants.iter().any(is_same);
        assert!(is_known, "{asker:?} was granted {numbers:?} in {epoch} without a take");
    }

    fn epoch_index(&self, epoch: u64) -> Option<usize> {
        self.epochs.iter().rposition(|it| it.number == epoch)
    }

    /// Each number from 1 to the limit of the last epoch was handed out, or belongs to a key.
    pub fn assert_all(&self, limit: u64) {
        let epoch = self.epochs.last().expect("there is an epoch").number;
        let of_it = self.grants.iter().filter(|grant| grant.epoch == epoch);
        let mut numbers: Vec<u64> = of_it.flat_map(Grant::settled).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=limit).collect::<Vec<u64>>(), "numbers are lost");
    }
}
