//! How far a race is, readable while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How far a race is. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    ways_begun: AtomicUsize,
    sent: AtomicUsize,
    done: AtomicUsize,
}

/// A reading of [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// How many ways have begun, the one that runs included.
    pub ways_begun: usize,
    /// How many calls of that one are done.
    pub done: usize,
    /// How many of its calls were sent and are not done.
    pub in_flight: usize,
}

impl Progress {
    /// How far it is now.
    pub fn read(&self) -> Reading {
        let done = self.0.done.load(Ordering::Relaxed);
        let sent = self.0.sent.load(Ordering::Relaxed);
        Reading {
            ways_begun: self.0.ways_begun.load(Ordering::Acquire),
            done,
            in_flight: sent.saturating_sub(done),
        }
    }

    pub(super) fn begin_way(&self) {
        self.0.sent.store(0, Ordering::Relaxed);
        self.0.done.store(0, Ordering::Relaxed);
        self.0.ways_begun.fetch_add(1, Ordering::Release);
    }

    pub(super) fn one_sent(&self) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn one_done(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }
}
