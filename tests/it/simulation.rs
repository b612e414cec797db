//! The mind of headcount without a socket: services, clients and one model store, driven through
//! random schedules and held against the promises after every step.
//!
//! One seed decides everything: splits of bytes, closes, losses of the link (before or after the
//! store has run what was sent), restarts of the store, jumps of the clock. A failure prints its
//! seed; `SIMULATION_SEED=N cargo test --test it simulation` runs that one alone.

mod client;
mod node;
mod store;
mod totals;
mod world;

use totals::Totals;
use world::World;

const SEEDS: u64 = 2_000;
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
    let mut totals = Totals::default();
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            world.come_to_rest()
        });
        match run {
            Ok(run) => totals.add(run),
            Err(_) => panic!("seed {seed} broke a promise; SIMULATION_SEED={seed} repeats it"),
        }
    }
    totals.check_that_something_happened();
}
