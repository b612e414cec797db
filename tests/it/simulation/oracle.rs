//! What was promised of the numbers, by one who knows all that the store ever held.
//!
//! - The store grants nothing past its limit, no number twice in the same sale unless it has lost
//!   some in between, and nothing to one who has seen more of the counter than it holds. Once one
//!   of those has spoken, it grants nothing to anybody, until a reset, a set or another loss.
//! - A number is handed out once for each time that it was granted, by the process that it was
//!   granted to, for a request that was open while the store was in the number's epoch with a limit
//!   no lower than it.
//! - A reset or a set begins one epoch at most, however often it is sent, unless that was lost.

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// What the store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub epoch: u64,
    pub taken: u64,
    pub limit: u64,
    pub made: String,
    pub token: Option<String>,
}

/// Who asked for numbers, and what of the counter it had seen: epoch and count.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub process: usize,
    pub link: u64,
    pub sequence: u64,
    pub seen: (u64, u64),
}

/// An epoch, in the order in which they began.
#[derive(Debug)]
struct Epoch {
    number: u64,
    /// A reset or a set has made it: everybody follows it.
    is_followed: bool,
    /// Numbers are given once in a sale, which a start that creates the counter anew goes on with.
    sale: usize,
}

#[derive(Debug)]
struct Grant {
    asker: Asker,
    epoch: u64,
    sale: usize,
    numbers: RangeInclusive<u64>,
    losses: u64,
    handed_out: Vec<u64>,
}

#[derive(Debug, Default)]
pub struct Oracle {
    epochs: Vec<Epoch>,
    sale: usize,
    /// The epoch and the limit that the store held, after each change.
    history: Vec<Option<(u64, u64)>>,
    grants: Vec<Grant>,
    /// Rollbacks and deletions so far.
    losses: u64,
    /// One who has seen more than the store holds has spoken since the last loss.
    is_loss_noticed: bool,
    /// Losses so far when each reset or set was done last.
    losses_by_token: HashMap<String, u64>,
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
        self.history.push(held.map(|held| (held.epoch, held.limit)));
        let Some(held) = held else {
            return;
        };
        let is_new_change = |token: &String| !self.losses_by_token.contains_key(token);
        // After a loss a reset may give the number of an epoch that was lost, where the clock is
        // behind: it is another epoch all the same.
        if self.epoch_index(held.epoch).is_none() || held.token.as_ref().is_some_and(is_new_change)
        {
            let is_followed = held.made != "created";
            self.sale += usize::from(is_followed);
            self.is_loss_noticed &= !is_followed;
            self.epochs.push(Epoch { number: held.epoch, is_followed, sale: self.sale });
            if let (true, Some(token)) = (is_followed, &held.token) {
                let before = self.losses_by_token.insert(token.clone(), self.losses);
                assert_ne!(before, Some(self.losses), "one reset has begun two epochs");
            }
        }
    }

    /// The store has lost what it held, and holds this.
    pub fn lost(&mut self, held: Option<&Held>) {
        self.losses += 1;
        self.is_loss_noticed = false;
        if let Some(place) = held.and_then(|held| self.epoch_index(held.epoch)) {
            self.sale = self.epochs[place].sale;
        }
        self.changed(held);
    }

    /// The store has run a take. It is answered with numbers from `told`'s first on, so many.
    pub fn took(
        &mut self,
        asker: Asker,
        before: Option<&Held>,
        after: Option<&Held>,
        told: Option<(u64, u64)>,
    ) {
        let has_seen_more = self.has_seen_more(asker.seen, before);
        self.is_loss_noticed |= has_seen_more;
        let told = told.filter(|(_, count)| *count > 0);
        if let Some((first, count)) = told {
            let before = before.expect("numbers of a counter that is not there");
            assert!(!self.is_loss_noticed, "granted below what one has seen: {asker:?} {before:?}");
            let last = first + count - 1;
            assert!(last <= before.limit, "past the limit: {before:?}");
            match after.is_some_and(|after| after.taken > before.taken) {
                true => self.granted(asker, before.epoch, first..=last),
                false => self.granted_again(asker, before.epoch, first..=last),
            }
        }
    }

    /// A process has handed a number out, for a request that was sent in this moment.
    pub fn handed_out(&mut self, number: u64, process: usize, sent: usize) {
        let Oracle { grants, history, .. } = self;
        let is_open = |grant: &Grant| {
            let mut moments = history[sent.min(history.len())..].iter().flatten();
            moments.any(|(epoch, limit)| *epoch == grant.epoch && number <= *limit)
        };
        let is_its = |grant: &&mut Grant| {
            grant.asker.process == process
                && grant.numbers.contains(&number)
                && !grant.handed_out.contains(&number)
                && is_open(grant)
        };
        match grants.iter_mut().find(is_its) {
            Some(grant) => grant.handed_out.push(number),
            None => {
                let of_it = grants.iter().filter(|grant| grant.numbers.contains(&number));
                let of_it: Vec<&Grant> = of_it.collect();
                let since = &history[sent.min(history.len())..];
                panic!(
                    "{process} handed {number} out, of {of_it:?}, while the store held {since:?}"
                );
            }
        }
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

    fn granted(&mut self, asker: Asker, epoch: u64, numbers: RangeInclusive<u64>) {
        let (sale, losses) = (self.sale, self.losses);
        let overlaps = |grant: &&Grant| {
            (grant.sale, grant.losses) == (sale, losses)
                && grant.numbers.start() <= numbers.end()
                && numbers.start() <= grant.numbers.end()
        };
        let twice = self.grants.iter().find(overlaps);
        assert!(twice.is_none(), "granted twice: {numbers:?} to {asker:?}, and {twice:?}");
        self.grants.push(Grant { asker, epoch, sale, numbers, losses, handed_out: Vec::new() });
    }

    /// A request came again: it gets what it got, in the same epoch, or as much of that as a limit
    /// leaves that was lowered since.
    fn granted_again(&self, asker: Asker, epoch: u64, numbers: RangeInclusive<u64>) {
        let is_same = |grant: &Grant| {
            (grant.asker.link, grant.asker.sequence) == (asker.link, asker.sequence)
                && grant.epoch == epoch
                && grant.numbers.start() == numbers.start()
                && grant.numbers.end() >= numbers.end()
        };
        let is_known = self.grants.iter().any(is_same);
        assert!(is_known, "{asker:?} was granted {numbers:?} in {epoch} without a take");
    }

    fn epoch_index(&self, epoch: u64) -> Option<usize> {
        self.epochs.iter().rposition(|it| it.number == epoch)
    }

    /// Each number from 1 to the limit of the last epoch was handed out.
    pub fn assert_all(&self, limit: u64) {
        let epoch = self.epochs.last().expect("there is an epoch").number;
        let of_it = self.grants.iter().filter(|grant| grant.epoch == epoch);
        let mut numbers: Vec<u64> = of_it.flat_map(|grant| grant.handed_out.clone()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=limit).collect::<Vec<u64>>(), "numbers are lost");
    }
}
