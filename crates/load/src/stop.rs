//! When no further call is made. Pure: no clock.

use std::time::Duration;

use longsync_stats::Moment;

use crate::schedule::Arrival;

/// When a run makes no further calls: after a number of them, after a time, or whichever comes first, and at
/// the latest when its schedule ends. The warm-up comes before that and does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopCondition {
    calls: u64,
    /// Calls that are due at this time or later are not made.
    until: Option<Duration>,
}

impl StopCondition {
    /// After exactly this number of calls.
    pub const fn after_calls(calls: u64) -> Self {
        Self { calls, until: None }
    }

    /// When the calls that are due in this time have been made.
    pub const fn after(duration: Duration) -> Self {
        Self { calls: u64::MAX, until: Some(duration) }
    }

    /// After this number of calls, or the calls of this time, whichever comes first.
    pub const fn after_calls_or(calls: u64, duration: Duration) -> Self {
        Self { calls, until: Some(duration) }
    }

    /// When the schedule ends, which must have an end of its own.
    pub const fn with_the_schedule() -> Self {
        Self { calls: u64::MAX, until: None }
    }

    /// Whether this call is made, in a run whose warm-up has this length; calls of the warm-up always are.
    pub(crate) fn allows_arrival(&self, arrival: &Arrival, warm_up: Duration) -> bool {
        arrival.is_warm_up || (arrival.number < self.calls && arrival.due < self.until(warm_up))
    }

    /// The moment from which no call is made, in a run whose warm-up has this length.
    pub(crate) fn until(&self, warm_up: Duration) -> Moment {
        let end = self.until.map(|until| Moment::START + warm_up + until);
        end.unwrap_or(Moment::from_nanos(u64::MAX))
    }

    /// The number below which the numbers of recorded calls are.
    pub(crate) const fn most_calls(&self) -> u64 {
        self.calls
    }

    /// The number of recorded calls after which the run makes no more, if a count ends it.
    pub(crate) fn calls(&self) -> Option<u64> {
        self.is_counted().then_some(self.calls)
    }

    /// Whether a time or a count ends the run.
    pub(crate) const fn is_bounded(&self) -> bool {
        self.until.is_some() || self.calls < u64::MAX
    }

    /// Whether a count ends the run.
    pub(crate) const fn is_counted(&self) -> bool {
        self.calls < u64::MAX
    }

    /// Whether it allows no call at all.
    pub(crate) fn is_at_once(&self) -> bool {
        self.calls == 0 || self.until.is_some_and(|until| until.is_zero())
    }

    /// The time after which no call is made, if a time ends the run.
    pub(crate) const fn time(&self) -> Option<Duration> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use longsync_text::Rate;
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::{Schedule, WorkerShare};

    fn made(schedule: &Schedule, stop: &StopCondition, workers: NonZeroUsize) -> u64 {
        let warm_up = Duration::from_millis(7);
        let of_worker = |index| {
            let due_times = schedule.due_times(warm_up, WorkerShare::of(index, workers)).unwrap();
            let made = due_times.take_while(|arrival| stop.allows_arrival(arrival, warm_up));
            made.filter(|arrival| !arrival.is_warm_up).count() as u64
        };
        (0..workers.get()).map(of_worker).sum()
    }

    proptest! {
        /// Exactly as many calls are made as were asked for, with any number of workers; those of the warm-up
        /// do not count.
        #[test]
        fn as_many_calls_as_were_asked_for(
            calls in 0_u64..2_000,
            workers in 1_usize..9,
            seed in any::<u64>(),
        ) {
            let workers = NonZeroUsize::new(workers).unwrap();
            let rate = Rate::per_second(1_000).unwrap();
            for schedule in [Schedule::constant(rate), Schedule::poisson(rate, seed), Schedule::AtOnce] {
                prop_assert_eq!(made(&schedule, &StopCondition::after_calls(calls), workers), calls);
            }
        }

        /// A time allows rate x time calls, and together with a count the lesser of the two.
        #[test]
        fn a_time_means_rate_times_time_calls(rate in 1_u64..2_000, seconds in 0_u64..5, calls in 0_u64..5_000) {
            let schedule = Schedule::constant(Rate::per_second(rate).unwrap());
            let time = Duration::from_secs(seconds);
            let workers = NonZeroUsize::new(3).unwrap();
            prop_assert_eq!(made(&schedule, &StopCondition::after(time), workers), rate * seconds);
            let first = StopCondition::after_calls_or(calls, time);
            prop_assert_eq!(made(&schedule, &first, workers), calls.min(rate * seconds));
        }
    }
}
