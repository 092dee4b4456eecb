//! The times at which the windows of a server's stall begin and end.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use longsync_behavior::{Behavior, Origin, Stall};

/// A stall, and the time from which its windows are counted.
#[derive(Debug)]
pub(crate) struct StallClock {
    stall: Stall,
    origin: OnceLock<Instant>,
}

impl StallClock {
    /// The clock for a behavior's stall. [`None`] if it has none.
    pub(crate) fn of(behavior: &Behavior) -> Option<Self> {
        Some(Self { stall: behavior.stall()?.clone(), origin: OnceLock::new() })
    }

    /// Called when the behavior takes effect. Only the first call counts.
    pub(crate) fn takes_effect(&self, now: Instant) {
        if self.stall.origin() != Origin::FirstCall {
            let _ = self.origin.set(now);
        }
    }

    /// How long a call whose wait begins at `start` is queued, if it could be served `after` that.
    pub(crate) fn queued_at(&self, start: Instant, after: Duration) -> Duration {
        let origin = self.origin(start);
        self.stall.queued_at(start.saturating_duration_since(origin) + after)
    }

    /// The time from which the windows are counted, for a call whose wait begins at `start`.
    pub(crate) fn origin(&self, start: Instant) -> Instant {
        *self.origin.get_or_init(|| start)
    }

    pub(crate) fn stall(&self) -> &Stall {
        &self.stall
    }
}
