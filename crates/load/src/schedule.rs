//! When calls are due. Pure: no clock, no waiting.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use longsync_stats::Moment;
use longsync_text::duration::LONGEST;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A number of calls per time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    calls: NonZeroU64,
    per: Duration,
}

/// Why a number of calls in a time is not a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotARate {
    /// The time is zero.
    #[error(
        "a rate needs a time above zero: for calls that are all due at once there is a schedule"
    )]
    NoTime,
    /// The time is too long for clocks.
    #[error("the time of the rate is longer than 365 days: make it shorter")]
    TooLong,
}

impl Rate {
    /// This number of calls per second.
    pub const fn per_second(calls: NonZeroU64) -> Self {
        Self { calls, per: Duration::from_secs(1) }
    }

    /// This number of calls per `per`.
    ///
    /// # Errors
    /// When `per` is zero, or longer than 365 days.
    pub fn new(calls: NonZeroU64, per: Duration) -> Result<Self, NotARate> {
        match per {
            Duration::ZERO => Err(NotARate::NoTime),
            per if per > LONGEST => Err(NotARate::TooLong),
            per => Ok(Self { calls, per }),
        }
    }
}

/// When the calls of a run are due.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// At equal distances; the first at the run's start.
    Constant(Rate),
    /// Independently of one another, a Poisson process: the distances are exponential. The same
    /// seed gives the same due times on every system and with any number of workers.
    Poisson {
        /// How many on average.
        rate: Rate,
        /// Which of the possible runs.
        seed: u64,
    },
    /// All of them at the run's start.
    AtOnce,
    /// Not at times of their own: a call begins when another has ended, so that always the same
    /// number is in flight. Such calls have no due time, thus no response time and no lag.
    Closed {
        /// How many.
        in_flight: NonZeroUsize,
    },
}

/// Which of the calls of a run are a worker's: every `of`th, from the `index`th on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    index: u64,
    of: NonZeroU64,
}

impl Share {
    /// The share of the worker with this index, of all workers.
    pub(crate) fn of(index: usize, workers: NonZeroUsize) -> Self {
        let of = NonZeroU64::try_from(workers).unwrap_or(NonZeroU64::MIN);
        Self { index: index as u64 % of, of }
    }

    /// The number, among all calls of the run, of this worker's `nth`.
    pub(crate) fn number(self, nth: u64) -> u64 {
        nth.saturating_mul(self.of.get()).saturating_add(self.index)
    }

    /// How many of `total` things fall to this worker.
    pub(crate) fn portion(self, total: usize) -> usize {
        let total = total as u64;
        let portion = total / self.of + u64::from(total % self.of > self.index);
        usize::try_from(portion).unwrap_or(usize::MAX)
    }
}

impl Schedule {
    /// The due times of one worker's share, without end: never going back. [`None`] if calls have
    /// none.
    pub(crate) fn arrivals(&self, share: Share) -> Option<Arrivals> {
        let law = match self {
            Self::Constant(rate) => Law::Constant(*rate),
            Self::AtOnce => Law::AtOnce,
            Self::Poisson { rate, seed } => Law::Poisson(Box::new(Exponential {
                random: ChaCha8Rng::seed_from_u64(*seed),
                mean_ns: nanos_between(*rate),
                reached_ns: 0.0,
            })),
            Self::Closed { .. } => return None,
        };
        Some(Arrivals { law, share, nth: 0 })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean distance to 15 digits is enough")]
fn nanos_between(rate: Rate) -> f64 {
    rate.per.as_nanos() as f64 / rate.calls.get() as f64
}

/// The due times of a worker's calls, and the calls' numbers.
#[derive(Debug)]
pub(crate) struct Arrivals {
    law: Law,
    share: Share,
    nth: u64,
}

#[derive(Debug)]
enum Law {
    AtOnce,
    Constant(Rate),
    Poisson(Box<Exponential>),
}

/// Points at exponential distances.
#[derive(Debug)]
struct Exponential {
    /// Its output is documented to stay the same from version to version.
    random: ChaCha8Rng,
    mean_ns: f64,
    reached_ns: f64,
}

impl Exponential {
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 random bits are shifted to where they are exact"
    )]
    fn next(&mut self) -> f64 {
        const STEPS: f64 = (1_u64 << 53) as f64;
        // Above zero and at most one, so that its logarithm is a number.
        let uniform = ((self.random.next_u64() >> 11) + 1) as f64 / STEPS;
        // Not `f64::ln`, whose last digit may differ between systems.
        self.reached_ns -= self.mean_ns * libm::log(uniform);
        self.reached_ns
    }
}

impl Iterator for Arrivals {
    type Item = (u64, Moment);

    /// The number of the worker's next call among all calls of the run, and when it is due.
    fn next(&mut self) -> Option<(u64, Moment)> {
        let number = self.share.number(self.nth);
        let due_ns = match &mut self.law {
            Law::AtOnce => 0,
            Law::Constant(rate) => {
                // From the number itself: nothing adds up.
                let nanos = u128::from(number) * rate.per.as_nanos() / u128::from(rate.calls.get());
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
            Law::Poisson(points) => {
                // Every worker draws the whole run and keeps its share: so the run does not depend
                // on their number. A draw takes some 10 ns.
                let skipped =
                    if self.nth == 0 { self.share.index } else { self.share.of.get() - 1 };
                for _ in 0..skipped {
                    points.next();
                }
                to_nanos(points.next())
            }
        };
        self.nth += 1;
        Some((number, Moment::from_nanos(due_ns)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such a cast stays within the range, and the sum of distances is never negative"
)]
fn to_nanos(nanos: f64) -> u64 {
    nanos as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(number: u64) -> NonZeroU64 {
        NonZeroU64::new(number).unwrap()
    }

    fn alone() -> Share {
        Share::of(0, NonZeroUsize::MIN)
    }

    fn due_times(schedule: &Schedule, calls: usize) -> Vec<u64> {
        let arrivals = schedule.arrivals(alone()).unwrap();
        arrivals.take(calls).map(|(_, due)| due.as_nanos()).collect()
    }

    fn schedules() -> impl Strategy<Value = Schedule> {
        let rate = (1_u64..2_000_000, 1_u64..10_000_000_000)
            .prop_map(|(calls, per)| Rate::new(count(calls), Duration::from_nanos(per)).unwrap());
        prop_oneof![
            rate.clone().prop_map(Schedule::Constant),
            (rate, any::<u64>()).prop_map(|(rate, seed)| Schedule::Poisson { rate, seed }),
            Just(Schedule::AtOnce),
        ]
    }

    proptest! {
        /// Due times never go back.
        #[test]
        fn due_times_never_go_back(schedule in schedules()) {
            prop_assert!(due_times(&schedule, 200).is_sorted());
        }

        /// However many workers share a run, its calls have the same numbers and due times, and each
        /// is one worker's.
        #[test]
        fn workers_share_the_same_calls(schedule in schedules(), workers in 1_usize..9) {
            let workers = NonZeroUsize::new(workers).unwrap();
            let mut shared: Vec<_> = (0..workers.get())
                .flat_map(|index| schedule.arrivals(Share::of(index, workers)).unwrap().take(50))
                .collect();
            shared.sort_unstable();
            let whole: Vec<_> = schedule.arrivals(alone()).unwrap().take(shared.len()).collect();
            prop_assert_eq!(shared, whole);
        }

        /// Portions add up to the whole.
        #[test]
        fn portions_are_the_whole(total in 0_usize..10_000, workers in 1_usize..40) {
            let workers = NonZeroUsize::new(workers).unwrap();
            let portions: Vec<_> =
                (0..workers.get()).map(|index| Share::of(index, workers).portion(total)).collect();
            prop_assert_eq!(portions.iter().sum::<usize>(), total);
            let (least, most) = (portions.iter().min().unwrap(), portions.iter().max().unwrap());
            prop_assert!(most - least <= 1);
        }

        /// The `n`th call of a constant rate is due at n / rate, to the nanosecond, however late in
        /// the run: nothing adds up.
        #[test]
        fn a_constant_rate_does_not_drift(calls in 1_u64..2_000_000, second in 1_u64..100_000) {
            let schedule = Schedule::Constant(Rate::per_second(count(calls)));
            let mut arrivals = schedule.arrivals(alone()).unwrap();
            arrivals.nth = calls * second;
            let (_, due) = arrivals.next().unwrap();
            prop_assert_eq!(due.as_nanos(), second * 1_000_000_000);
        }
    }

    #[test]
    fn a_rate_has_a_time_that_clocks_hold() {
        let rate = |per| Rate::new(NonZeroU64::MIN, per);
        assert_eq!(rate(Duration::ZERO), Err(NotARate::NoTime));
        assert_eq!(rate(LONGEST + Duration::from_nanos(1)), Err(NotARate::TooLong));
        assert_eq!(rate(Duration::from_secs(1)), Ok(Rate::per_second(NonZeroU64::MIN)));
    }

    #[test]
    fn a_seed_means_these_due_times_for_ever() {
        let rate = Rate::per_second(count(1_000));
        let golden = [910_095, 3_431_039, 3_947_614, 5_464_817, 6_724_688];
        assert_eq!(due_times(&Schedule::Poisson { rate, seed: 1 }, 5), golden);
    }

    #[test]
    fn poisson_distances_have_the_mean_and_the_spread_of_their_law() {
        let rate = Rate::per_second(count(1_000_000));
        let due = due_times(&Schedule::Poisson { rate, seed: 7 }, 100_000);
        // The seed was fixed before the first run. At level 0.1 %, 3.29 standard errors: of the
        // mean 1/sqrt(n), 1.04 %; of the share beyond the mean, e^-1, 0.5 % absolute.
        let mean = due[due.len() - 1] / due.len() as u64;
        assert!(mean.abs_diff(1_000) <= 11, "{mean}");
        let beyond = due.windows(2).filter(|pair| pair[1] - pair[0] > 1_000).count();
        assert!(beyond.abs_diff(36_788) <= 502, "{beyond}");
    }
}
