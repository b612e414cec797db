//! What headcount says over HTTP: which request does what, and the bodies of the answers.

pub mod admin;
pub mod audit;
pub mod body;
pub mod cors;
pub mod idempotency;
pub mod page;
pub mod route;
pub mod take_policy;
pub mod text;
pub mod ticket;
