//! The progress of a run, read from outside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many calls a run has sent, and how many have ended. Clones read the same run.
#[derive(Debug, Clone, Default)]
pub struct RunProgress(Arc<Mutex<Vec<Arc<WorkerCounters>>>>);

/// One worker's counters, on cache lines of their own, so that workers do not slow one another down.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerCounters {
    sent: AtomicU64,
    ended: AtomicU64,
}

impl RunProgress {
    /// How many calls were sent.
    pub fn sent(&self) -> u64 {
        self.sum(|counters| &counters.sent)
    }

    /// How many calls have ended, in whatever way.
    pub fn ended(&self) -> u64 {
        self.sum(|counters| &counters.ended)
    }

    /// Adds a worker, and returns its counters.
    pub(crate) fn add_worker(&self) -> Arc<WorkerCounters> {
        let counters = Arc::<WorkerCounters>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
        counters
    }

    fn sum(&self, count: impl Fn(&WorkerCounters) -> &AtomicU64) -> u64 {
        let workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|counters| count(counters).load(Ordering::Relaxed)).sum()
    }
}

impl WorkerCounters {
    /// One more call was sent.
    pub(crate) fn sent(&self) {
        add(&self.sent, 1);
    }

    /// One more call has ended.
    pub(crate) fn ended(&self) {
        add(&self.ended, 1);
    }
}

/// Only the worker itself writes here, so nothing is lost between the load and the store.
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}
