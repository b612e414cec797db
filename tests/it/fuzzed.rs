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
