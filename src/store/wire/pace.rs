//! How long each store is waited for, and how much it is sent at once.

use std::time::Duration;

use super::Wire;
use crate::limits::{
    BATCHES_IN_FLIGHT_MAX, HANDSHAKE_TIMEOUT, HEARTBEAT, POSTGRES_BATCHES_IN_FLIGHT_MAX,
};

impl Wire {
    /// How long the store may be silent before it is probed; `None`: for ever.
    pub fn heartbeat(&self) -> Option<Duration> {
        match self {
            Wire::Redis(_) => Some(HEARTBEAT),
            Wire::Postgres(_) => None,
        }
    }

    /// How long connecting and the handshake may take, and confirming a counter.
    pub fn handshake_timeout(&self) -> Duration {
        match self {
            Wire::Redis(_) => HANDSHAKE_TIMEOUT,
            Wire::Postgres(postgres) => postgres.handshake_timeout(),
        }
    }

    /// Batches of one counter that may be in flight at once.
    pub fn batches_in_flight_max(&self) -> usize {
        match self {
            Wire::Redis(_) => BATCHES_IN_FLIGHT_MAX,
            Wire::Postgres(_) => POSTGRES_BATCHES_IN_FLIGHT_MAX,
        }
    }

    /// Of those who were just answered, how many the next batch waits for: a commit is expensive,
    /// so all; a script is not, and while half of them return the other half is on its way.
    pub fn expected_returning(&self, answered: usize) -> usize {
        match self {
            Wire::Redis(_) => answered / 2,
            Wire::Postgres(_) => answered,
        }
    }
}
