//! What happens in a run, as a list that can be replayed with parts left out.

use fastrand::Rng;

/// One thing that happens. `random` decides what is left open: it is the step's own, so that a step
/// does the same whatever came before it.
#[derive(Clone, Debug)]
pub struct Step {
    pub action: Action,
    /// Which counter it happens to, modulo how many there are.
    pub counter: usize,
    pub random: Rng,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Connect,
    Write,
    Deliver,
    Turn,
    RunStore,
    RunOne,
    Reply,
    Cut,
    CutAndReplay,
    RestartStore,
    SwitchStore,
    Leave,
    ReadLate,
    Pass,
    PassLong,
    Kill,
    BackUp,
    RollBack,
    Flush,
    Delete,
    Damage,
    Mend,
    Fill,
    SetLimit,
    RaiseLimit,
    CloseAtTaken,
    Reset,
    Set,
    StepReset,
    AnswerReset,
    CutReset,
}

/// What comes only in some of the runs: most are held against the stronger promises of a store that
/// keeps its data, and that nobody resets or writes to.
#[derive(Clone, Copy)]
struct Rare {
    kills: bool,
    losses: bool,
    damages: bool,
    fills: bool,
    limits: bool,
    raises: bool,
    resets: bool,
}

/// Divides by the number of counters in each world.
const COUNTER_CHOICES: usize = 12;

/// The steps of a seed.
pub fn schedule(random: &mut Rng, length: usize) -> Vec<Step> {
    let mut one_in = |count| random.u8(..count) == 0;
    // A raise alone loses no number, so runs with no more than that are held against that, too.
    let (raises, is_calm) = (one_in(3), one_in(2));
    let mut or_calm = |count| !(raises && is_calm) && one_in(count);
    let rare = Rare {
        kills: or_calm(3),
        losses: or_calm(3),
        damages: or_calm(3),
        fills: or_calm(4),
        limits: or_calm(4),
        raises,
        resets: or_calm(2),
    };
    let mut steps = Vec::with_capacity(length);
    while steps.len() < length {
        let hardly_ever: &[&[Action]] = match random.u8(..60) {
            0 | 1 if rare.raises => RAISED_BETWEEN_TWO_ASKS,
            2 if rare.resets => SET_AT_ONCE,
            3 if rare.losses && rare.resets => LOST_TOLD_AND_SET,
            4..=7 if rare.losses => LOST_AND_TAKEN_BY_ANOTHER,
            8 | 9 if rare.limits => LOWERED_BELOW_THE_UNCLAIMED,
            10 | 11 if rare.damages => RESENT_TO_A_DAMAGED_COUNTER,
            _ => &[],
        };
        let counter = random.usize(..COUNTER_CHOICES);
        for actions in hardly_ever {
            let random = random.fork();
            let step = |it: &Action| Step { action: *it, counter, random: random.clone() };
            steps.extend(actions.iter().map(step));
        }
        let action = action(random, rare);
        steps.push(Step { action, counter, random: random.fork() });
    }
    steps
}

// What hardly ever happens by itself. Steps in one pair of brackets have the same random numbers:
// they happen to one client and one process, if the client is that process's.

/// A request finds a halt that its process does not know of, the limit is raised, the next one is
/// granted something, and both answers are lost.
const RAISED_BETWEEN_TWO_ASKS: &[&[Action]] = &[&[
    Action::CloseAtTaken,
    Action::Write,
    Action::Deliver,
    Action::Turn,
    Action::RunStore,
    Action::RaiseLimit,
    Action::Write,
    Action::Deliver,
    Action::Turn,
    Action::RunStore,
    Action::Cut,
]];

/// A set that nothing hinders, if no other is under way.
const SET_AT_ONCE: &[&[Action]] =
    &[&[Action::Set, Action::StepReset, Action::AnswerReset, Action::StepReset]];

/// Numbers are unclaimed, and the limit falls below them before the next take.
const LOWERED_BELOW_THE_UNCLAIMED: &[&[Action]] = &[
    &[
        Action::Write,
        Action::Deliver,
        Action::Turn,
        Action::RunStore,
        Action::Leave,
        Action::Reply,
        Action::Turn,
    ],
    &[
        Action::SetLimit,
        Action::Connect,
        Action::Write,
        Action::Deliver,
        Action::Turn,
        Action::RunStore,
        Action::Reply,
        Action::Turn,
    ],
];

/// Two requests are sent again. Their counter is damaged when the first one comes, and not when the
/// second one would, if it were sent before the first is answered.
const RESENT_TO_A_DAMAGED_COUNTER: &[&[Action]] = &[
    &[
        Action::Connect,
        Action::Write,
        Action::Deliver,
        Action::Turn,
        Action::Connect,
        Action::Write,
        Action::Deliver,
        Action::Turn,
        Action::Cut,
        Action::PassLong,
        Action::RunStore,
        Action::Reply,
        Action::Damage,
        Action::RunOne,
        Action::Mend,
        Action::RunOne,
        Action::Reply,
        Action::Turn,
    ],
    &[Action::Pass, Action::Pass, Action::PassLong, Action::RunStore, Action::Reply],
];

/// A grant is lost, the process that had it tells the store, and the counter is set.
const LOST_TOLD_AND_SET: &[&[Action]] = &[
    &[
        Action::BackUp,
        Action::Write,
        Action::Deliver,
        Action::Turn,
        Action::RunStore,
        Action::Reply,
        Action::RollBack,
        Action::PassLong,
        Action::RunStore,
    ],
    &[Action::Set, Action::StepReset, Action::AnswerReset, Action::StepReset],
];

/// A grant is lost while its numbers are unclaimed, and another process takes them, before the one
/// that had it speaks.
const LOST_AND_TAKEN_BY_ANOTHER: &[&[Action]] = &[
    &[
        Action::BackUp,
        Action::Write,
        Action::Deliver,
        Action::Turn,
        Action::RunStore,
        Action::Leave,
        Action::Reply,
        Action::Turn,
        Action::RollBack,
        Action::PassLong,
    ],
    &[
        Action::RunStore,
        Action::Reply,
        Action::Write,
        Action::Deliver,
        Action::Turn,
        Action::RunStore,
    ],
    &[
        Action::RunStore,
        Action::Reply,
        Action::Write,
        Action::Deliver,
        Action::Turn,
        Action::RunStore,
        Action::Reply,
        Action::Turn,
    ],
];

fn action(random: &mut Rng, rare: Rare) -> Action {
    match random.u8(..113) {
        0..=9 => Action::Connect,
        10..=29 => Action::Write,
        30..=49 => Action::Deliver,
        50..=64 => Action::Turn,
        65..=73 => Action::RunStore,
        74 => Action::RunOne,
        75..=83 => Action::Reply,
        84..=85 => Action::Cut,
        86 => Action::CutAndReplay,
        87 => Action::RestartStore,
        88 => Action::SwitchStore,
        89..=90 => Action::Leave,
        91..=92 => Action::ReadLate,
        93 if rare.kills => Action::Kill,
        94 if rare.losses => Action::BackUp,
        95 if rare.losses => Action::RollBack,
        96 if rare.losses && random.u8(..4) == 0 => Action::Flush,
        96 if rare.losses && random.bool() => Action::Delete,
        97 | 107 if rare.limits => Action::SetLimit,
        93..=95 if rare.raises => Action::RaiseLimit,
        98 if rare.resets => Action::Reset,
        99 if rare.resets => Action::Set,
        100..=103 if rare.resets => Action::StepReset,
        104..=105 if rare.resets => Action::AnswerReset,
        106 if rare.resets => Action::CutReset,
        108 if rare.fills => Action::Fill,
        109 if rare.damages => Action::Damage,
        110..=111 if rare.damages => Action::Mend,
        93..=111 => Action::Pass,
        _ => Action::PassLong,
    }
}

/// Leaves out what can be left out so that `fails` still holds: halves first, then ever smaller
/// parts, down to single items.
pub fn shorten<T: Clone>(items: Vec<T>, fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut shortest = items;
    let mut part = shortest.len().div_ceil(2);
    while part > 0 {
        let mut start = 0;
        while start < shortest.len() {
            let end = (start + part).min(shortest.len());
            let without = [&shortest[..start], &shortest[end..]].concat();
            if fails(&without) {
                shortest = without;
            } else {
                start = end;
            }
        }
        part /= 2;
    }
    shortest
}

#[test]
fn a_schedule_is_shortened_to_what_makes_it_fail() {
    let fails = |items: &[u32]| items.contains(&17) && items.contains(&80);
    assert_eq!(shorten((0..300).collect(), fails), [17, 80]);
}
