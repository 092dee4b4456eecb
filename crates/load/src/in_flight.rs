//! How many calls may be in flight at once, over all workers.

use std::sync::atomic::{AtomicUsize, Ordering};

/// One limit for all workers. Each worker has a portion of it, in memory that normally only it writes to; a
/// worker whose portion is used up takes unused slots from the others. So the limit is exact: a call is
/// refused only if that many are in flight.
#[derive(Debug)]
pub(crate) struct InFlightLimit {
    free: Vec<Portion>,
    /// How many workers are taking slots from others right now.
    taking: AtomicUsize,
}

/// On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Portion(AtomicUsize);

impl InFlightLimit {
    pub(crate) fn new(workers: usize, most: usize) -> Self {
        let portion = |index| most / workers + usize::from(index < most % workers);
        let free = (0..workers).map(|index| Portion(AtomicUsize::new(portion(index)))).collect();
        Self { free, taking: AtomicUsize::new(0) }
    }

    /// Takes a slot for a call of this worker, if one is free.
    #[inline]
    pub(crate) fn take(&self, worker: usize) -> bool {
        self.free[worker].take() || self.take_from_others(worker)
    }

    /// Returns the slot of a call of this worker that is no longer in flight.
    #[inline]
    pub(crate) fn give(&self, worker: usize) {
        self.free[worker].0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes half of another worker's unused slots.
    #[cold]
    fn take_from_others(&self, worker: usize) -> bool {
        loop {
            self.taking.fetch_add(1, Ordering::AcqRel);
            let is_taken = self.take_half(worker);
            // Slots that another worker is just moving are briefly in no portion.
            let is_alone = self.taking.fetch_sub(1, Ordering::AcqRel) == 1;
            if is_taken || is_alone || self.free.len() < 3 {
                return is_taken;
            }
            std::hint::spin_loop();
        }
    }

    fn take_half(&self, worker: usize) -> bool {
        for offset in 1..self.free.len() {
            let other = &self.free[(worker + offset) % self.free.len()].0;
            let half = |free: usize| free.checked_sub(free.div_ceil(2)).filter(|_| free > 0);
            if let Ok(free) = other.fetch_update(Ordering::AcqRel, Ordering::Relaxed, half) {
                self.free[worker].0.fetch_add(free.div_ceil(2) - 1, Ordering::Relaxed);
                return true;
            }
        }
        false
    }
}

impl Portion {
    fn take(&self) -> bool {
        let one_less = |free: usize| free.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the order in which workers take and return slots, a slot is available if and only if
        /// fewer than the limit are taken.
        #[test]
        fn a_slot_is_available_unless_all_are_taken(
            workers in 1_usize..5,
            most in 0_usize..20,
            turns in proptest::collection::vec((any::<proptest::sample::Index>(), any::<bool>()), 0..200),
        ) {
            let limit = InFlightLimit::new(workers, most);
            let mut taken = vec![0_usize; workers];
            for (worker, is_taking) in turns {
                let worker = worker.index(workers);
                if is_taking {
                    let all: usize = taken.iter().sum();
                    let had = limit.take(worker);
                    prop_assert_eq!(had, all < most);
                    taken[worker] += usize::from(had);
                } else if taken[worker] > 0 {
                    taken[worker] -= 1;
                    limit.give(worker);
                }
            }
        }
    }
}
