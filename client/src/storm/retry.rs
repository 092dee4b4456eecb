//! When a client tries again. Pure: the random source is given.

use std::time::Duration;

/// The greatest pause before the first retry with back-off; it doubles with each further one.
const BASE: Duration = Duration::from_millis(50);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(1);

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
    /// After a pause drawn evenly between zero and 50 ms, which doubles with each retry up to 1 s: exponential
    /// back-off with full jitter.
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
    tenths: u32,
}

impl Retries {
    pub(super) fn new(policy: RetryPolicy, most_attempts: u32) -> Self {
        Self { policy, most_attempts, tenths: MOST_TENTHS }
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
                Some(BASE.saturating_mul(doubled).min(LONGEST).mul_f64(uniform()))
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

    fn undrawn() -> f64 {
        panic!("nothing is drawn")
    }

    #[test]
    fn attempts_are_counted_with_the_first() {
        let mut retries = Retries::new(RetryPolicy::AtOnce, 3);
        let pauses = [1, 2, 3].map(|failed| retries.pause(failed, undrawn));
        assert_eq!(pauses, [Some(Duration::ZERO), Some(Duration::ZERO), None]);
        assert_eq!(Retries::new(RetryPolicy::Never, 3).pause(1, undrawn), None);
        assert_eq!(Retries::new(RetryPolicy::BackOff, 1).pause(1, undrawn), None);
    }

    #[test]
    fn back_off_doubles_up_to_a_second_and_is_drawn_from_zero() {
        let mut retries = Retries::new(RetryPolicy::BackOff, 100);
        let mut pause =
            |failed, uniform| retries.pause(failed, || uniform).map(|pause| pause.as_micros());
        let halves = [1, 2, 3, 4, 5, 6, 7, 99].map(|failed| pause(failed, 0.5).unwrap());
        let expected = [25_000, 50_000, 100_000, 200_000, 400_000, 500_000, 500_000, 500_000];
        assert_eq!(halves, expected);
        assert_eq!(pause(3, 0.0), Some(0));
        assert_eq!(pause(1, 0.75), Some(37_500));
    }

    #[test]
    fn a_budget_pays_for_ten_retries_and_then_for_one_in_ten_calls() {
        let mut retries = Retries::new(RetryPolicy::Budget, 4);
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
        let mut retries = Retries::new(RetryPolicy::Budget, 2);
        for _ in 0..1_000 {
            retries.begin_call();
        }
        assert_eq!(retries.pause(2, undrawn), None);
        let paid = (0..100).filter(|_| retries.pause(1, undrawn).is_some()).count();
        assert_eq!(paid, 10);
    }
}
