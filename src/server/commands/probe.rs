//! `headcount probe`: asks a process of this host whether it is well.

use std::io;
use std::time::Instant;

use super::answer::Answer;
use super::text;
use crate::config::{HealthCheck, Probe};
use crate::limits::HEALTH_PROBE_TIMEOUT;
use crate::net::probe::{Heard, ask};

/// Asks, and says nothing if the process is well.
///
/// # Errors
/// It is not well, or it did not answer: in one line, with what came.
pub fn probe(probe: Probe) -> io::Result<Answer> {
    let path = match probe.check {
        HealthCheck::Live => "/livez",
        HealthCheck::Ready => "/readyz",
    };
    let deadline = Instant::now() + HEALTH_PROBE_TIMEOUT;
    let came = match ask(probe.address, path, deadline, Instant::now) {
        Ok(Heard { status: Some(200), .. }) => return Ok(Answer::default()),
        Ok(Heard { status: Some(status), body }) => format!("{status} {}", text::printable(&body)),
        Ok(Heard { status: None, .. }) => "something that is no HTTP answer".to_owned(),
        Err(error) => error.to_string(),
    };
    let url = format!("http://{}{path}", probe.address);
    Err(io::Error::other(format!("probe: {url}: {}", came.trim_end())))
}
