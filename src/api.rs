//! What headcount says over HTTP: which request does what, and the bodies of the answers.

pub mod body;
pub mod route;
