//! See `tests/it/fuzzed/http.rs`.
#![no_main]

#[path = "../../tests/it/fuzzed/http.rs"]
mod http;

libfuzzer_sys::fuzz_target!(|data: &[u8]| http::run(data));
