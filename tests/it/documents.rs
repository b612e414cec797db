//! README.md and `docs` hold: their commands print what they say, their links lead somewhere, and
//! what they name is there.

mod blocks;
mod commands;
mod links;
mod metrics;
mod names;
mod output;
mod proxy;
mod terminal;
mod urls;

use blocks::read;

/// Lines of README.md: who reads it has a few minutes.
const README_LINES_MAX: usize = 200;

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines");
}
