//! The one integration test binary: the real program, run as its users run it.

mod admin;
mod audit;
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
mod metrics;
mod no_gaps;
mod policy;
mod postgres_access;
mod postgres_hosts;
mod postgres_pooler;
mod proxied;
mod redis_access;
mod redis_sentinel;
mod rolling;
mod simulation;
mod support;
mod tidy;
mod tls;
