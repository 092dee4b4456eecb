//! How long to wait before opening the next connection, after one was lost or could not be opened. Pure.

use std::time::Duration;

use crate::mixed::mixed;

/// How long the second attempt waits.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait, before it is made up to a fifth shorter or longer.
const LONGEST: Duration = Duration::from_secs(5);

/// The waits before attempts to open a connection: none before the first, then 100 ms, then twice the
/// previous wait, at most 5 s; each is up to a fifth longer or shorter, so that connections which were lost
/// together are not all retried at the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    seed: u64,
    attempts: u32,
}

impl Backoff {
    /// Starts at the beginning. The same seed makes the same waits.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, attempts: 0 }
    }

    /// Starts again at the beginning.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Whether the next attempt is made at once.
    pub(crate) fn is_at_once(self) -> bool {
        self.attempts == 0
    }

    /// How long the next attempt waits; the attempt counts as made.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let doublings = self.attempts.checked_sub(1);
        self.attempts = self.attempts.saturating_add(1);
        let Some(doublings) = doublings else { return Duration::ZERO };
        let doubled = 2_u32.checked_pow(doublings).and_then(|times| FIRST.checked_mul(times));
        let permille = 800 + mixed(self.seed ^ mixed(u64::from(doublings))) % 401;
        let permille = u32::try_from(permille).unwrap_or(1_000);
        doubled.unwrap_or(LONGEST).min(LONGEST) * permille / 1_000
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn waits(seed: u64, count: usize) -> Vec<Duration> {
        let mut backoff = Backoff::new(seed);
        (0..count).map(|_| backoff.next_wait()).collect()
    }

    proptest! {
        /// Each wait is within a fifth of 0, 100, 200, 400 ms and so on up to 5 s, and stays there.
        #[test]
        fn waits_double_up_to_five_seconds(seed in any::<u64>()) {
            let nominal_ms = [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000];
            for (wait, nominal_ms) in waits(seed, 10).into_iter().zip(nominal_ms) {
                let nominal = Duration::from_millis(nominal_ms);
                prop_assert!(wait >= nominal * 4 / 5 && wait <= nominal * 6 / 5, "{:?}", wait);
            }
        }

        /// There is a next wait after any number of attempts.
        #[test]
        fn waits_never_end(seed in any::<u64>(), attempts in any::<u32>()) {
            let wait = Backoff { seed, attempts }.next_wait();
            prop_assert!(wait <= LONGEST * 6 / 5);
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_waits_and_others_differ() {
        assert_eq!(waits(7, 9), waits(7, 9));
        let seconds: BTreeSet<_> = (0..100).map(|seed| waits(seed, 2)[1]).collect();
        assert!(seconds.len() > 80, "{} of 100 differ", seconds.len());
    }

    #[test]
    fn after_a_useful_connection_the_next_is_tried_at_once() {
        let mut backoff = Backoff::new(1);
        let first = [backoff.next_wait(), backoff.next_wait()];
        assert!(!backoff.is_at_once());
        backoff.reset();
        assert!(backoff.is_at_once());
        assert_eq!([backoff.next_wait(), backoff.next_wait()], first);
    }
}
