//! A wait, and what it came to. Pure.

use std::time::{Duration, Instant};

/// A wait: due when `planned` has passed since `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) start: Instant,
    pub(crate) planned: Duration,
}

impl Wait {
    pub(crate) fn due(self) -> Instant {
        self.start + self.planned
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
