//! When the windows of a server's stall begin and end.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use longsync_behavior::{Behavior, Origin, Stall};

/// A stall, and from when its windows are counted.
#[derive(Debug)]
pub(crate) struct StallClock {
    stall: Stall,
    origin: OnceLock<Instant>,
}

impl StallClock {
    /// [`None`]: the behavior has no stall.
    pub(crate) fn of(behavior: &Behavior) -> Option<Self> {
        Some(Self { stall: behavior.stall()?.clone(), origin: OnceLock::new() })
    }

    /// The behavior takes effect. Said again, it changes nothing.
    pub(crate) fn takes_effect(&self, now: Instant) {
        if self.stall.origin() != Origin::FirstCall {
            let _ = self.origin.set(now);
        }
    }

    /// How long a call stands whose wait begins at `start`.
    pub(crate) fn queued_at(&self, start: Instant) -> Duration {
        let origin = self.origin.get_or_init(|| start);
        self.stall.queued_at(start.saturating_duration_since(*origin))
    }
}
