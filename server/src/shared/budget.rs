//! A limit over all workers, each of which takes a part of it ahead: while plenty is left, no worker writes
//! to a cache line that another one reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A limit over all workers. It is never exceeded, and nothing is refused while enough is left anywhere,
/// except for what another worker is moving at that very moment.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    /// How much a worker takes ahead.
    batch: u64,
    /// What no worker has taken.
    pool: CacheLine,
    /// What each worker has taken ahead or got back, and not used.
    ahead: Box<[CacheLine]>,
}

/// A number on its own pair of cache lines: processors fetch 64-byte lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CacheLine(AtomicU64);

impl Budget {
    pub(crate) fn new(limit: u64, batch: u64, workers: usize) -> Self {
        let ahead = (0..workers).map(|_| CacheLine::default()).collect();
        Self { limit, batch, pool: CacheLine(AtomicU64::new(limit)), ahead }
    }

    /// Takes `amount`, unless that is more than is left.
    #[must_use]
    pub(crate) fn take(&self, worker: usize, amount: u64) -> bool {
        self.ahead[worker].take(amount)
            || self.take_from_pool(worker, amount)
            || self.gather(worker, amount)
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, worker: usize, amount: u64) {
        if amount == 0 {
            return;
        }
        let own = &self.ahead[worker];
        own.add(amount);
        let too_much = own.0.load(Ordering::Relaxed).saturating_sub(self.batch);
        if too_much > self.batch && own.take(too_much) {
            self.pool.add(too_much);
        }
    }

    /// How much is left; approximate while other threads take and give back.
    pub(crate) fn left(&self) -> u64 {
        self.lines().map(|line| line.0.load(Ordering::Relaxed)).fold(0, u64::saturating_add)
    }

    /// How much is taken; approximate while other threads take and give back.
    pub(crate) fn taken(&self) -> u64 {
        self.limit.saturating_sub(self.left())
    }

    /// Takes `amount` from the pool, and a batch ahead if plenty is left. Near the limit nothing is taken
    /// ahead, because another worker could not find what is on its way from the pool to this one.
    fn take_from_pool(&self, worker: usize, amount: u64) -> bool {
        let plenty = self.batch.saturating_mul(2 * self.ahead.len() as u64);
        let with_batch = amount.saturating_add(self.batch);
        if self.pool.take_leaving(with_batch, plenty) {
            self.ahead[worker].add(self.batch);
            return true;
        }
        self.pool.take(amount)
    }

    /// Gathers the amount from wherever something is left.
    fn gather(&self, worker: usize, amount: u64) -> bool {
        let mut missing = amount;
        for line in self.lines() {
            missing -= line.take_up_to(missing);
            if missing == 0 {
                return true;
            }
        }
        self.give_back(worker, amount - missing);
        false
    }

    fn lines(&self) -> impl Iterator<Item = &CacheLine> {
        std::iter::once(&self.pool).chain(&self.ahead)
    }
}

impl CacheLine {
    fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn take(&self, amount: u64) -> bool {
        self.take_leaving(amount, 0)
    }

    /// Takes `amount` if at least `at_least` is left afterwards.
    fn take_leaving(&self, amount: u64, at_least: u64) -> bool {
        let less = |left: u64| left.checked_sub(amount).filter(|left| *left >= at_least);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn take_up_to(&self, amount: u64) -> u64 {
        let less = |left: u64| Some(left.saturating_sub(amount));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        before.map_or(0, |left| left.min(amount))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever workers take and give back, exactly as much can be taken as a single number would allow.
        #[test]
        fn is_as_exact_as_one_number(
            limit in 0_u64..200,
            batch in 1_u64..20,
            steps in proptest::collection::vec((0_usize..3, 0_u64..60, any::<bool>()), 0..200),
        ) {
            let budget = Budget::new(limit, batch, 3);
            let mut taken = Vec::new();
            for (worker, amount, is_take) in steps {
                let sum: u64 = taken.iter().sum();
                if is_take {
                    let fits = sum + amount <= limit;
                    prop_assert_eq!(budget.take(worker, amount), fits);
                    taken.extend(fits.then_some(amount));
                } else if let Some(amount) = taken.pop() {
                    budget.give_back(worker, amount);
                }
                prop_assert_eq!(budget.taken(), taken.iter().sum::<u64>());
            }
        }
    }

    #[test]
    fn threads_never_take_more_than_the_limit_and_lose_nothing() {
        const LIMIT: u64 = 100;
        let budget = Budget::new(LIMIT, 8, 4);
        let held = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let (budget, held) = (&budget, &held);
                scope.spawn(move || {
                    for round in 0..20_000 {
                        let amount = (round * 7 + worker as u64) % 40;
                        if budget.take(worker, amount) {
                            assert!(held.fetch_add(amount, Ordering::SeqCst) + amount <= LIMIT);
                            held.fetch_sub(amount, Ordering::SeqCst);
                            budget.give_back(worker, amount);
                        }
                    }
                });
            }
        });
        assert_eq!(budget.taken(), 0);
    }
}
