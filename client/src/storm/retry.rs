//! When a client tries again. Pure: the random source is given.

use std::time::Duration;

/// The longest pause before the first retry with back-off; it doubles with each further one.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A token pays for one retry. Tokens are kept in tenths, so that the sum of ten first attempts is exact.
const TOKEN: u32 = 10;
const MOST_TENTHS: u32 = 10 * TOKEN;
const EARNED_TENTHS: u32 = 1;

/// The policy by which clients try again. The list is complete, so the enum is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryPolicy {
    /// They do not.
    Never,
    /// At once.
    AtOnce,
    /// After a pause drawn evenly between zero and 50 ms, which doubles with each retry up to the longest pause
    /// that is allowed: exponential back-off with full jitter.
    BackOff,
    /// At once, as long as retries are no more than a tenth of first attempts.
    Budget,
}

/// The retries of all clients, which share one budget.
#[derive(Debug)]
pub(super) struct Retries {
    policy: RetryPolicy,
    /// Of a call, the first one included.
    most_attempts: u32,
    longest_pause: Duration,
    tenths: u32,
}

impl Retries {
    pub(super) fn new(policy: RetryPolicy, most_attempts: u32, longest_pause: Duration) -> Self {
        Self { policy, most_attempts, longest_pause, tenths: MOST_TENTHS }
    }

    /// Records the first attempt of a call, which earns a tenth of a retry.
    pub(super) fn begin_call(&mut self) {
        self.tenths = (self.tenths + EARNED_TENTHS).min(MOST_TENTHS);
    }

    /// The pause before the next attempt, after attempt number `failed` (from 1) of a call; [`None`] if the call
    /// has failed. `uniform` draws a number from 0 up to 1, if one is needed.
    pub(super) fn pause(&mut self, failed: u32, uniform: impl FnOnce() -> f64) -> Option<Duration> {
        if failed >= self.most_attempts {
            return None;
        }
        match self.policy {
            RetryPolicy::Never => None,
            RetryPolicy::AtOnce => Some(Duration::ZERO),
            RetryPolicy::BackOff => {
                let doubled = 2_u32.saturating_pow(failed - 1);
                let most = FIRST_PAUSE.saturating_mul(doubled).min(self.longest_pause);
                Some(most.mul_f64(uniform()))
            }
            RetryPolicy::Budget => {
                self.tenths = self.tenths.checked_sub(TOKEN)?;
                Some(Duration::ZERO)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn undrawn() -> f64 {
        panic!("nothing is drawn")
    }

    #[test]
    fn attempts_are_counted_with_the_first() {
        let mut retries = Retries::new(RetryPolicy::AtOnce, 3, SECOND);
        let pauses = [1, 2, 3].map(|failed| retries.pause(failed, undrawn));
        assert_eq!(pauses, [Some(Duration::ZERO), Some(Duration::ZERO), None]);
        assert_eq!(Retries::new(RetryPolicy::Never, 3, SECOND).pause(1, undrawn), None);
        assert_eq!(Retries::new(RetryPolicy::BackOff, 1, SECOND).pause(1, undrawn), None);
    }

    #[test]
    fn back_off_doubles_up_to_the_longest_pause_and_is_drawn_from_zero() {
        let pause = |longest, failed, uniform| {
            let mut retries = Retries::new(RetryPolicy::BackOff, 100, Duration::from_secs(longest));
            retries.pause(failed, || uniform).map(|pause| pause.as_millis())
        };
        let halves =
            |longest| [1, 2, 3, 4, 5, 6, 7, 8, 99].map(|failed| pause(longest, failed, 0.5));
        let expected = [25, 50, 100, 200, 400, 500, 500, 500, 500];
        assert_eq!(halves(1), expected.map(Some));
        let expected = [25, 50, 100, 200, 400, 800, 1_600, 2_500, 2_500];
        assert_eq!(halves(5), expected.map(Some));
        assert_eq!(pause(1, 3, 0.0), Some(0));
        assert_eq!(pause(1, 2, 0.75), Some(75));
    }

    #[test]
    fn a_budget_pays_for_ten_retries_and_then_for_one_in_ten_calls() {
        let mut retries = Retries::new(RetryPolicy::Budget, 4, SECOND);
        let mut paid = 0;
        while retries.pause(1, undrawn).is_some() {
            paid += 1;
        }
        assert_eq!(paid, 10);
        for _ in 0..9 {
            retries.begin_call();
            assert_eq!(retries.pause(1, undrawn), None);
        }
        retries.begin_call();
        assert_eq!(retries.pause(1, undrawn), Some(Duration::ZERO));
        assert_eq!(retries.pause(1, undrawn), None);
    }

    #[test]
    fn a_budget_does_not_grow_beyond_ten_and_pays_for_no_attempt_too_many() {
        let mut retries = Retries::new(RetryPolicy::Budget, 2, SECOND);
        for _ in 0..1_000 {
            retries.begin_call();
        }
        assert_eq!(retries.pause(2, undrawn), None);
        let paid = (0..100).filter(|_| retries.pause(1, undrawn).is_some()).count();
        assert_eq!(paid, 10);
    }
}
