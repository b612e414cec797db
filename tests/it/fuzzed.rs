//! The bodies of the fuzz targets, run here over the corpora that fuzzing has left in `fuzz/`.
//!
//! A target includes the same file by its path: what is fuzzed is what is tested.

mod http;
mod links;

use std::fs;
use std::path::PathBuf;

/// Runs a target's body over each file of its corpus.
fn replay(target: &str, run: fn(&[u8])) {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus", target].iter().collect();
    let files: Vec<_> =
        fs::read_dir(&folder).unwrap_or_else(|it| panic!("{folder:?}: {it}")).collect();
    assert!(files.len() >= 10, "{folder:?} has {} files", files.len());
    for file in files {
        let path = file.expect("the folder can be read").path();
        let data = fs::read(&path).expect("the file can be read");
        eprintln!("{}", path.display()); // Shown if the next line panics.
        run(&data);
    }
}

/// Runs a target's body over scripts of a store that is honest for most of the time, which any
/// bytes hardly ever are.
fn replay_mostly_honest(run: fn(&[u8])) {
    const STEPS: [u8; 16] = [2, 2, 2, 2, 2, 5, 5, 5, 5, 5, 5, 0, 0, 1, 3, 4];
    for seed in 0..10_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut step = |_| match random.u8(..60) {
            0 => 6 | random.u8(..) << 3, // What follows is a lie.
            1 => 1 | 31 << 3,            // Whatever is in flight is too old after two of these.
            _ => STEPS[random.usize(..STEPS.len())] | random.u8(..8) << 3,
        };
        let script: Vec<u8> = [4].into_iter().chain((0..100).map(&mut step)).collect();
        eprintln!("{seed}"); // Shown if the next line panics.
        run(&script);
    }
}

#[test]
fn an_honest_redis_is_believed_and_counters_are_told_apart() {
    replay_mostly_honest(links::run_redis);
}

#[test]
fn an_honest_postgres_is_believed_and_counters_are_told_apart() {
    replay_mostly_honest(links::run_postgres);
}

#[test]
fn the_corpus_of_http_is_answered_the_same_in_any_pieces() {
    replay("http", http::run);
}

#[test]
fn the_corpus_of_the_redis_link_grants_nothing_that_was_not_granted() {
    replay("redis_link", links::run_redis);
}

#[test]
fn the_corpus_of_the_postgres_link_grants_nothing_that_was_not_granted() {
    replay("postgres_link", links::run_postgres);
}
