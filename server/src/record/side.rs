//! Counts what a connection has besides its calls: streams of health and reflection, and health checks.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The most streams of health (`Watch`) and reflection that a connection may have.
pub(crate) const MAX_SIDE_STREAMS: u32 = 16;
/// The most health checks that a connection may have in flight without held memory, when none is left. Each
/// takes at most 5 KiB.
pub(crate) const MAX_UNHELD_CHECKS: u32 = 1_024;

/// The current counts.
#[derive(Debug, Default)]
pub(crate) struct SideCounts {
    streams: AtomicU32,
    unheld_checks: AtomicU32,
}

impl SideCounts {
    /// Takes a slot for a stream of health or reflection, if there is one left.
    #[must_use]
    pub(crate) fn take_stream(&self) -> bool {
        take_one(&self.streams, MAX_SIDE_STREAMS)
    }

    /// Gives the slot back.
    pub(crate) fn give_back_stream(&self) {
        self.streams.fetch_sub(1, Relaxed);
    }

    /// Takes a slot for a health check without held memory, if there is one left.
    #[must_use]
    pub(crate) fn take_unheld_check(&self) -> bool {
        take_one(&self.unheld_checks, MAX_UNHELD_CHECKS)
    }

    /// Gives the slot back.
    pub(crate) fn give_back_unheld_check(&self) {
        self.unheld_checks.fetch_sub(1, Relaxed);
    }
}

fn take_one(taken: &AtomicU32, most: u32) -> bool {
    let more = |taken| (taken < most).then_some(taken + 1);
    taken.fetch_update(Relaxed, Relaxed, more).is_ok()
}
