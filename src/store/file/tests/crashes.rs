//! A run of takes and changes, in which everything goes wrong that can, at every operation of the
//! disk. A second journal, over a disk that is always well, says what must be there.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::sim_disk::{Fault, SimDisk};
use super::{SMALL, digest, key};
use crate::store::change::{Change, ChangeKind};
use crate::store::file::draft::Take;
use crate::store::file::journal::Journal;
use crate::store::file::outcome::{ChangeError, CommitError, CompactionError, Progress};
use crate::store::file::recovery::OpenError;
use crate::store::keys::KeyedNumber;
use crate::store::request::Reply;

const NAMES: [&str; 3] = ["shoes", "hats", "gloves"];
const STEPS: usize = 24;

/// What is done, the same on both journals.
#[derive(Debug)]
enum Step {
    Takes(Vec<(usize, u64, Vec<String>)>),
    Change(usize, Change),
}

/// How a step ended.
#[derive(Debug, PartialEq)]
enum Outcome {
    Replies(Vec<Reply>),
    Changed(String),
    Refused(String),
    NoRoom,
    Failed,
}

fn step(rng: &mut Rng, number: usize) -> Step {
    let counter = rng.usize(..NAMES.len());
    let limit = rng.u64(5..60);
    let kind = match rng.u8(..12) {
        _ if number < NAMES.len() => {
            return Step::Change(number, change(number, ChangeKind::Create { limit }));
        }
        0 => ChangeKind::Reset { limit: Some(limit) },
        1 => ChangeKind::SetLimit { limit },
        2 => ChangeKind::SetTaken { taken: rng.u64(..limit), limit: Some(limit) },
        _ => {
            let request = |rng: &mut Rng| {
                let counter = rng.usize(..NAMES.len());
                let keys = (0..rng.usize(..4)).map(|_| format!("key-{}", rng.u8(..40))).collect();
                (counter, rng.u64(..4), keys)
            };
            return Step::Takes((0..rng.usize(1..4)).map(|_| request(rng)).collect());
        }
    };
    Step::Change(counter, change(number, kind))
}

fn change(number: usize, kind: ChangeKind) -> Change {
    Change::new(format!("step-{number}"), kind)
}

fn run(journal: &mut Journal<SimDisk>, step: &Step, now_us: u64) -> Outcome {
    let committed = |error: CommitError| match error {
        CommitError::NoRoom(_) => Outcome::NoRoom,
        CommitError::Failed(_) => Outcome::Failed,
    };
    match step {
        Step::Takes(requests) => {
            let take = |(counter, count, keys): &(usize, u64, Vec<String>)| Take {
                place: journal.state().find(NAMES[*counter]).expect("it was created"),
                count: *count,
                keys: keys.iter().map(|text| key(text)).collect(),
            };
            let takes: Vec<Take> = requests.iter().map(take).collect();
            journal.commit(&takes).map_or_else(committed, Outcome::Replies)
        }
        Step::Change(counter, change) => match journal.change(NAMES[*counter], change, now_us) {
            Ok(changed) => Outcome::Changed(format!("{changed:?}")),
            Err(ChangeError::Refused(refusal)) => Outcome::Refused(format!("{refusal:?}")),
            Err(ChangeError::Commit(error)) => committed(error),
        },
    }
}

/// What was acknowledged: of each counter, in each epoch, the numbers; and the keys of its sale.
#[derive(Debug, Default)]
struct Acknowledged {
    numbers: BTreeSet<(usize, u64, u64)>,
    keys: BTreeMap<(usize, String), u64>,
}

impl Acknowledged {
    fn add(&mut self, step: &Step, outcome: &Outcome) {
        match (step, outcome) {
            (Step::Takes(requests), Outcome::Replies(replies)) => {
                for ((counter, _, keys), reply) in requests.iter().zip(replies) {
                    self.add_reply(*counter, keys, reply);
                }
            }
            (Step::Change(counter, change), Outcome::Changed(_)) => {
                if matches!(change.kind, ChangeKind::Reset { .. }) {
                    self.keys.retain(|(of, _), _| of != counter);
                }
            }
            _ => {}
        }
    }

    fn add_reply(&mut self, counter: usize, keys: &[String], reply: &Reply) {
        let grant = reply.grant().expect("it ran");
        for number in grant.first..grant.first + grant.granted {
            self.add_number(counter, grant.epoch, number, grant.limit);
        }
        let Reply::GrantedToKeys(_, keyed) = reply else { return };
        for (key, keyed) in keys.iter().zip(keyed) {
            let place = (counter, key.clone());
            match keyed {
                KeyedNumber::Granted(number) => {
                    self.add_number(counter, grant.epoch, *number, grant.limit);
                    assert_eq!(self.keys.insert(place, *number), None, "a key has one number");
                }
                KeyedNumber::Replayed { number, .. } => {
                    // Known, or of the request that the crash has cut off.
                    assert_eq!(self.keys.entry(place).or_insert(*number), number);
                }
                KeyedNumber::NoneLeft => assert!(!self.keys.contains_key(&place)),
                KeyedNumber::Refused(error) => panic!("{error:?}"),
            }
        }
    }

    fn add_number(&mut self, counter: usize, epoch: u64, number: u64, limit: u64) {
        assert!(number <= limit, "{number} is past {limit}");
        assert!(self.numbers.insert((counter, epoch, number)), "{number} was handed out twice");
    }
}

/// The two journals side by side.
struct Trial {
    disk: SimDisk,
    journal: Option<Journal<SimDisk>>,
    model: Journal<SimDisk>,
    acknowledged: Acknowledged,
    /// How many steps of a compaction come between two commits.
    pauses: Rng,
    /// Steps that found no room.
    refused: usize,
    /// Compactions that were done.
    compacted: usize,
    /// Those that were given up, though the journal went on.
    postponed: usize,
}

impl Trial {
    fn new(seed: u64, faults: &[(usize, Fault)]) -> Trial {
        let disk = SimDisk::new(seed);
        faults.iter().for_each(|(operation, fault)| disk.fail_at(*operation, *fault));
        let (model, _) = Journal::open(SimDisk::new(0), seed).expect("a disk that is well");
        let acknowledged = Acknowledged::default();
        let (journal, pauses) = (None, Rng::with_seed(seed));
        let (refused, compacted, postponed) = (0, 0, 0);
        Trial { disk, journal, model, acknowledged, pauses, refused, compacted, postponed }
    }

    /// Runs all steps, and opens the file again whenever the disk has failed.
    fn run(&mut self, seed: u64) {
        self.reopen(seed, None);
        let mut rng = Rng::with_seed(seed);
        for number in 0..STEPS {
            let step = step(&mut rng, number);
            self.run_step(seed, &step, 1_000 + number as u64);
        }
        self.disk.restart();
        self.disk.heal();
        self.reopen(seed, None);
        self.take_all();
    }

    fn run_step(&mut self, seed: u64, step: &Step, now_us: u64) {
        let journal = self.journal.as_mut().expect("it is open");
        match run(journal, step, now_us) {
            Outcome::NoRoom => {
                self.refused += 1;
                assert_eq!(digest(journal.state()), digest(self.model.state()));
                return self.run_again(seed, step, now_us);
            }
            Outcome::Failed => {
                let again = run(journal, step, now_us);
                assert_eq!(again, Outcome::Failed, "a failure is final");
                let before = digest(self.model.state());
                run(&mut self.model, step, now_us);
                if !self.reopen(seed, Some((&before, step))) {
                    self.rewind(seed);
                    self.run_again(seed, step, now_us);
                }
                return;
            }
            outcome => {
                assert_eq!(outcome, run(&mut self.model, step, now_us));
                self.acknowledged.add(step, &outcome);
            }
        }
        assert_eq!(digest(journal.state()), digest(self.model.state()));
        self.compact(seed);
    }

    /// Some steps of a compaction.
    fn compact(&mut self, seed: u64) {
        for _ in 0..self.pauses.usize(..5) {
            let journal = self.journal.as_mut().expect("it is open");
            match journal.compact_step() {
                Ok(Progress::Idle) => return,
                Ok(Progress::Done) => self.compacted += 1,
                Ok(Progress::More | Progress::Waiting) => {}
                Err(CompactionError::Postponed(_)) => self.postponed += 1,
                Err(CompactionError::Failed(_)) => {
                    self.reopen(seed, None);
                    return;
                }
            }
        }
    }

    /// A counter that was not created is needed by the steps behind. Other steps are left out.
    fn run_again(&mut self, seed: u64, step: &Step, now_us: u64) {
        if matches!(step, Step::Change(_, Change { kind: ChangeKind::Create { .. }, .. })) {
            self.run_step(seed, step, now_us);
        }
    }

    /// Opens the file, as often as that fails, with a crash at random. It must hold what the model
    /// does; with a step that was not answered, or what that one found. Whether it has that step.
    fn reopen(&mut self, seed: u64, unanswered: Option<(&str, &Step)>) -> bool {
        let mut journal = None;
        while journal.is_none() {
            if self.disk.is_down() || seed.is_multiple_of(2) {
                self.disk.restart();
            }
            journal = match Journal::open_with(self.disk.clone(), seed, SMALL) {
                Ok((journal, _)) => Some(journal),
                Err(OpenError::Io(_)) => None,
                Err(OpenError::Recovery(error)) => panic!("{error:?}"),
            };
        }
        let held = journal.as_ref().map(|journal| digest(journal.state())).unwrap_or_default();
        self.journal = journal;
        let has_step = held == digest(self.model.state());
        let is_before = unanswered.is_some_and(|(before, _)| held == before);
        assert!(has_step || is_before, "{held}\nis not\n{}", digest(self.model.state()));
        if has_step && let Some((_, Step::Change(counter, change))) = unanswered {
            let is_reset = matches!(change.kind, ChangeKind::Reset { .. });
            self.acknowledged.keys.retain(|(of, _), _| !is_reset || of != counter);
        }
        has_step
    }

    /// The model goes back to what the file has: the last step was lost.
    fn rewind(&mut self, seed: u64) {
        let disk = SimDisk::new(0);
        disk.write_journal(&self.disk.bytes());
        let (model, _) = Journal::open(disk, seed).expect("the file was just opened");
        self.model = model;
    }

    /// Takes whatever is left, and asks for each key again.
    fn take_all(&mut self) {
        let known: Vec<(usize, String)> = self.acknowledged.keys.keys().cloned().collect();
        let asked: Vec<_> =
            known.into_iter().map(|(counter, key)| (counter, 0, vec![key])).collect();
        let rest = (0..NAMES.len()).map(|counter| (counter, 100, Vec::new()));
        let step = Step::Takes(asked.into_iter().chain(rest).collect());
        let journal = self.journal.as_mut().expect("it is open");
        let outcome = run(journal, &step, 0);
        let Outcome::Replies(replies) = &outcome else { panic!("{outcome:?}") };
        let is_new = |reply: &&Reply| reply.granted() > 0;
        let granted_to_keys = replies.iter().rev().skip(NAMES.len()).filter(is_new).count();
        assert_eq!(granted_to_keys, 0, "an acknowledged key has its number");
        self.acknowledged.add(&step, &outcome);
    }
}

fn trial(seed: u64, faults: &[(usize, Fault)]) -> Trial {
    let _on_failure = OnFailure(seed, faults.to_vec());
    let mut trial = Trial::new(seed, faults);
    trial.run(seed);
    trial
}

/// Says which trial it was, if that has panicked.
struct OnFailure(u64, Vec<(usize, Fault)>);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} with {:?}", self.0, self.1);
        }
    }
}

#[test]
fn a_crash_at_any_operation_loses_nothing_that_was_acknowledged() {
    let (mut trials, mut operations) = (0, 0);
    for seed in 0..3 {
        let well = trial(seed, &[]);
        assert!(well.compacted > 0, "seed {seed}");
        operations = well.disk.operations();
        for operation in 0..operations {
            trial(seed, &[(operation, Fault::Crash)]);
            trials += 1;
        }
    }
    assert!(operations > 2 * STEPS && trials > 3 * STEPS, "{trials} trials");
}

#[test]
fn a_second_crash_while_the_file_is_opened_loses_nothing_either() {
    for seed in 100..101 {
        for operation in 0..trial(seed, &[]).disk.operations() {
            for further in 1..8 {
                trial(seed, &[(operation, Fault::Crash), (operation + further, Fault::Crash)]);
            }
        }
    }
}

#[test]
fn a_full_disk_at_any_operation_leaves_nothing_of_what_was_refused() {
    let (mut refused, mut postponed) = (0, 0);
    for seed in 200..202 {
        for operation in 0..trial(seed, &[]).disk.operations() {
            let trial_of_one = trial(seed, &[(operation, Fault::NoRoom)]);
            refused += trial_of_one.refused;
            postponed += trial_of_one.postponed;
            // And a crash soon after: what was cut off must not come back.
            for further in 1..5 {
                trial(seed, &[(operation, Fault::NoRoom), (operation + further, Fault::Crash)]);
            }
        }
    }
    assert!(refused > 20 && postponed > 20, "{refused} commits, {postponed} compactions");
}

#[test]
fn a_disk_that_fails_at_any_operation_ends_the_process_and_loses_nothing() {
    for seed in 300..302 {
        for operation in 0..trial(seed, &[]).disk.operations() {
            trial(seed, &[(operation, Fault::Broken)]);
            trial(seed, &[(operation, Fault::Broken), (operation + 3, Fault::Crash)]);
        }
    }
}
