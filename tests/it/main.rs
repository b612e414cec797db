//! The one integration test binary: the real program, run as its users run it.

mod commands;
mod counters;
mod daemon;
mod documents;
mod epochs;
mod exactly_once;
mod faults;
mod fuzzed;
mod halted;
mod hostile;
mod no_gaps;
mod postgres_access;
mod proxied;
mod redis_access;
mod simulation;
mod support;
mod tidy;
