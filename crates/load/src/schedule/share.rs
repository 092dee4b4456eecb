//! The calls of a run that belong to a worker.

use std::num::{NonZeroU64, NonZeroUsize};

/// The calls of a run that belong to a worker: every `of`th, starting with the `index`th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerShare {
    index: u64,
    of: NonZeroU64,
}

impl WorkerShare {
    /// The share of the worker with this index, from 0, of all workers.
    pub fn of(index: usize, workers: NonZeroUsize) -> Self {
        let of = NonZeroU64::try_from(workers).unwrap_or(NonZeroU64::MIN);
        Self { index: index as u64 % of, of }
    }

    /// The number, among all calls of the run, of this worker's `nth`.
    pub(crate) fn number(self, nth: u64) -> u64 {
        nth.saturating_mul(self.of.get()).saturating_add(self.index)
    }

    /// How many of the calls with numbers below `total` belong to this worker.
    pub(crate) fn count_below(self, total: u64) -> u64 {
        total / self.of + u64::from(total % self.of > self.index)
    }

    /// How many calls of other workers are between this worker's `nth` and the one before.
    pub(super) fn skipped(self, nth: u64) -> u64 {
        if nth == 0 { self.index } else { self.of.get() - 1 }
    }

    /// How many of `total` things are assigned to this worker.
    pub(crate) fn portion(self, total: usize) -> usize {
        usize::try_from(self.count_below(total as u64)).unwrap_or(usize::MAX)
    }
}
