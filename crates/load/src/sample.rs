//! Calls that are kept one by one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::load::SampledCall;
use crate::mixed::mixed;

/// How many calls space is allocated for at first.
const AT_FIRST: usize = 16_384;

/// Calls drawn evenly from all that are offered, each with the same probability: those whose numbers have the
/// lowest hashes. So the same calls are drawn for any number of workers, and the samples of several workers
/// can be merged.
#[derive(Debug, Default)]
pub(crate) struct CallSample {
    most: usize,
    seed: u64,
    /// The call that would be dropped next is at the top.
    kept: BinaryHeap<DrawnCall>,
}

#[derive(Debug)]
struct DrawnCall {
    lot: u64,
    call: SampledCall,
}

impl CallSample {
    /// Keeps at most the given number of calls.
    pub(crate) fn new(most: usize, seed: u64) -> Self {
        Self { most, seed, kept: BinaryHeap::with_capacity(most.min(AT_FIRST)) }
    }

    /// Whether any calls are kept.
    pub(crate) fn is_drawn(&self) -> bool {
        self.most > 0
    }

    /// Keeps the call with this number if its hash is among the lowest so far.
    #[inline]
    pub(crate) fn offer(&mut self, number: u64, call: impl FnOnce() -> SampledCall) {
        if self.most > 0 {
            let lot = mixed(self.seed ^ mixed(number));
            self.keep(lot, call);
        }
    }

    fn keep(&mut self, lot: u64, call: impl FnOnce() -> SampledCall) {
        if self.kept.len() < self.most {
            self.kept.push(DrawnCall { lot, call: call() });
        } else if let Some(mut last) = self.kept.peek_mut().filter(|last| lot < last.lot) {
            *last = DrawnCall { lot, call: call() };
        }
    }

    /// Adds the sample of another worker.
    pub(crate) fn merge(&mut self, other: Self) {
        for DrawnCall { lot, call } in other.kept {
            self.keep(lot, || call);
        }
    }

    /// The calls, in the order of their numbers.
    pub(crate) fn into_calls(self) -> Vec<SampledCall> {
        let mut calls: Vec<_> = self.kept.into_iter().map(|drawn| drawn.call).collect();
        calls.sort_unstable_by_key(|call| call.number);
        calls
    }
}

impl Ord for DrawnCall {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lot.cmp(&other.lot)
    }
}

impl PartialOrd for DrawnCall {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DrawnCall {
    fn eq(&self, other: &Self) -> bool {
        self.lot == other.lot
    }
}

impl Eq for DrawnCall {}

#[cfg(test)]
mod tests {
    use longsync_stats::NotSentReason;

    use super::*;
    use crate::load::Fate;

    fn call(number: u64) -> SampledCall {
        SampledCall { number, due: None, fate: Fate::NotSent(NotSentReason::Late) }
    }

    fn drawn(most: usize, numbers: impl Iterator<Item = u64>) -> CallSample {
        let mut sample = CallSample::new(most, 7);
        numbers.for_each(|number| sample.offer(number, || call(number)));
        sample
    }

    #[test]
    fn the_same_calls_are_drawn_whatever_their_split_over_workers() {
        let whole = drawn(100, 0..10_000).into_calls();
        assert_eq!(whole.len(), 100);
        let mut merged = drawn(100, (0..10_000).filter(|number| number % 3 == 0));
        merged.merge(drawn(100, (0..10_000).filter(|number| number % 3 == 1)));
        merged.merge(drawn(100, (0..10_000).filter(|number| number % 3 == 2)));
        assert_eq!(merged.into_calls(), whole);
    }

    #[test]
    fn calls_are_drawn_evenly_over_the_run() {
        let numbers = drawn(10_000, 0..1_000_000).into_calls();
        // Ten pieces of the run: 1,000 calls each on average, with a standard deviation of 30. The seed was
        // fixed before the first run, and ten checks at 4 standard deviations fail by chance with a
        // probability of 0.06 %.
        for piece in numbers.chunk_by(|a, b| a.number / 100_000 == b.number / 100_000) {
            assert!(piece.len().abs_diff(1_000) < 120, "{}", piece.len());
        }
    }

    #[test]
    fn all_are_kept_if_they_are_few() {
        assert_eq!(drawn(100, 0..5).into_calls().len(), 5);
        assert_eq!(drawn(0, 0..5).into_calls(), []);
    }
}
