//! See `tests/it/fuzzed/links.rs`.
#![no_main]
#![allow(dead_code)] // The file serves two targets.

#[path = "../../tests/it/fuzzed/links.rs"]
mod links;

libfuzzer_sys::fuzz_target!(|data: &[u8]| links::run_postgres(data));
