//! The clocks that a timer can read.

use std::time::Instant;

/// Where a timer's instants come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// The system's monotonic clock, which a running server uses.
    Monotonic,
    /// The clock of the tokio runtime that polls the wait: the same, unless a test has paused it.
    Tokio,
}

impl Clock {
    /// The clock's reading. It never goes back.
    pub fn now(self) -> Instant {
        match self {
            Self::Monotonic => Instant::now(),
            Self::Tokio => tokio::time::Instant::now().into_std(),
        }
    }
}
