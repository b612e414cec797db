//! headcount without a socket: engines, their clients and one model store with up to four counters,
//! driven through random schedules and held against the promises after every step.
//!
//! One seed decides everything: splits of bytes, closes, losses of a connection (before or after
//! the store has run what was sent, or so that it runs it twice), restarts of processes and of the
//! store, failovers to an older copy, loss of all data or of one counter, a store out of memory,
//! counters that an operator has damaged, resets, sets, limits written by hand, jumps of the clock.
//! The store's scripts are the real ones. A failure prints its seed and the shortest schedule that
//! still fails, with the counter of each step; `SIMULATION_SEED=N cargo test --test it simulation`
//! runs that seed alone.

mod client;
mod keys;
mod lua;
mod node;
mod oracle;
mod reset_run;
mod resp;
mod schedule;
mod store;
mod totals;
mod world;

use std::panic::{catch_unwind, set_hook, take_hook};

use fastrand::Rng;
use schedule::{Step, schedule, shorten};
use totals::Totals;
use world::World;

const SEEDS: u64 = 10_000;
const STEPS: usize = 300;

#[test]
fn no_schedule_breaks_a_promise() {
    let seeds = match std::env::var("SIMULATION_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SIMULATION_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    let is_one = seeds.end - seeds.start == 1;
    let mut totals = Totals::default();
    for seed in seeds {
        let steps = schedule(&mut Rng::with_seed(seed), STEPS);
        match catch_unwind(|| run(seed, &steps)) {
            Ok(run) => totals.add(run),
            Err(_) => fail(seed, steps),
        }
    }
    assert!(is_one || totals.is_plenty(), "{totals:?}");
}

fn run(seed: u64, steps: &[Step]) -> Totals {
    let mut world = World::new(seed);
    for step in steps {
        world.step(step);
    }
    world.come_to_rest()
}

fn fail(seed: u64, steps: Vec<Step>) {
    let hook = take_hook();
    set_hook(Box::new(|_| {})); // Each try would say that it failed.
    let shortest = shorten(steps, |steps| catch_unwind(|| run(seed, steps)).is_err());
    set_hook(hook);
    for (number, step) in shortest.iter().enumerate() {
        eprintln!("{number}: {:?} {}", step.action, step.counter);
    }
    eprintln!(
        "seed {seed} broke a promise; SIMULATION_SEED={seed} repeats it; as short as can be:"
    );
    run(seed, &shortest);
}
