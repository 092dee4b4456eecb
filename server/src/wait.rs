//! A wait, and what it came to. Pure.

use std::time::{Duration, Instant};

/// When a wait is due that is longer than clocks reach: in a hundred years.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// A wait: due when `planned` has passed since `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) start: Instant,
    pub(crate) planned: Duration,
}

impl Wait {
    pub(crate) fn due(self) -> Instant {
        self.start.checked_add(self.planned).unwrap_or_else(|| self.start + FAR)
    }
}

/// How long was planned, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) planned: Duration,
    pub(crate) waited: Duration,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.planned += other.planned;
        self.waited += other.waited;
    }
}
