//! The progress of a race, readable while it runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The progress of a race. Clones are handles to the same progress.
#[derive(Debug, Clone, Default)]
pub struct RaceProgress(Arc<Mutex<Vec<WayProgress>>>);

/// The progress of a way.
#[derive(Debug, Clone, Default)]
pub(super) struct WayProgress(Arc<WayCounters>);

#[derive(Debug, Default)]
struct WayCounters {
    sent: AtomicUsize,
    done: AtomicUsize,
}

/// The progress of a way at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressSnapshot {
    /// The number of its calls that are done.
    pub done: usize,
    /// The number of its calls that are sent but not done.
    pub in_flight: usize,
}

impl RaceProgress {
    /// The progress of the ways that have begun, in their order; the last one is running.
    pub fn read(&self) -> Vec<ProgressSnapshot> {
        self.ways().iter().map(WayProgress::read).collect()
    }

    pub(super) fn begin_way(&self) -> WayProgress {
        let way = WayProgress::default();
        self.ways().push(way.clone());
        way
    }

    fn ways(&self) -> std::sync::MutexGuard<'_, Vec<WayProgress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WayProgress {
    pub(super) fn read(&self) -> ProgressSnapshot {
        let done = self.0.done.load(Ordering::Relaxed);
        let sent = self.0.sent.load(Ordering::Relaxed);
        ProgressSnapshot { done, in_flight: sent.saturating_sub(done) }
    }

    pub(super) fn one_sent(&self) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn one_done(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }
}
