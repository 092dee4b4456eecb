//! How far ahead of a due time an alarm rings, so that a sleeping thread is awake by then.
//!
//! A sleeping core takes tens of microseconds to run a thread again; how long is learned from the alarms that
//! have rung. A thread that woke too early polls for the rest of the time. Polling is limited to a share of
//! the total time, because otherwise many waits would keep a core busy. The spin that the caller asked for is
//! not limited.

use std::time::Duration;

use crate::nanos::{NEVER, nanos};

/// An alarm that is noticed later than this teaches nothing: the thread had other work.
const LONGEST: u64 = 100_000;
/// How far an alarm that was noticed later than the learned latency moves it up.
const UP: u64 = 1_500;
/// How far any other alarm moves it down. It settles at a latency that three of four alarms do not exceed.
const DOWN: u64 = UP / 3;

/// The share of the total time that may be spent polling, as a divisor.
const SHARE: u64 = 10;
/// The longest that a poll which finds nothing to do takes: a longer one included other work of the thread.
const POLL: u64 = 3_000;
/// The most polling time that can be saved up at rest.
const SAVINGS: u64 = 10 * LONGEST;

/// The lead of one driver's alarm. All times are in nanoseconds.
#[derive(Debug)]
pub(crate) struct Lead {
    spin: u64,
    /// How late an alarm is noticed.
    latency: u64,
    /// How long polling may last.
    budget: u64,
    /// The time up to which the budget is accounted for.
    accounted: u64,
    is_polling: bool,
    /// Whether the thread polls or spins.
    is_covered: bool,
    /// How long it has done either.
    polled: u64,
}

impl Lead {
    /// A lead of at least `spin`.
    pub(crate) fn new(spin: Duration) -> Self {
        Self {
            spin: nanos(spin),
            latency: 0,
            budget: 0,
            accounted: 0,
            is_polling: false,
            is_covered: false,
            polled: 0,
        }
    }

    /// How far ahead of `due` an alarm set `now` should ring: by the learned latency, if the budget
    /// allows that much polling by then.
    pub(crate) fn ahead(&mut self, now: u64, due: u64) -> u64 {
        self.account(now);
        let saved = due.saturating_sub(now).saturating_sub(self.latency) / SHARE;
        if self.latency <= self.budget + saved { self.spin.max(self.latency) } else { self.spin }
    }

    /// Learns from an alarm that was noticed this late.
    pub(crate) fn learn(&mut self, late: u64) {
        if late > LONGEST {
            return;
        }
        self.latency = if late > self.latency {
            (self.latency + UP).min(LONGEST)
        } else {
            self.latency.saturating_sub(DOWN)
        };
    }

    /// Whether the thread should poll from `now` until `next`, since a sleep would last too long. If
    /// so, the time until this is asked again counts as polled.
    pub(crate) fn covers(&mut self, now: u64, next: u64) -> bool {
        self.account(now);
        let left = next.saturating_sub(now);
        let is_spin = next != NEVER && left <= self.spin;
        self.is_polling = !is_spin && left <= self.latency.min(self.budget);
        self.is_covered = is_spin || self.is_polling;
        self.is_covered
    }

    /// How long the thread has polled or spun; a turn with other work counts as at most [`POLL`].
    pub(crate) fn polled(&self) -> u64 {
        self.polled
    }

    /// The clock readings of threads that add waits may arrive out of order.
    fn account(&mut self, now: u64) {
        let passed = now.saturating_sub(self.accounted);
        let polled = if self.is_polling { passed } else { 0 };
        self.polled += if self.is_covered { passed.min(POLL) } else { 0 };
        self.budget = (self.budget.saturating_sub(polled) + passed / SHARE).min(SAVINGS);
        self.accounted += passed;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Long enough to have saved up the most possible.
    const LATER: u64 = SHARE * SAVINGS;

    fn learned(latency: u64) -> Lead {
        let mut lead = Lead::new(Duration::ZERO);
        while lead.latency < latency {
            lead.learn(LONGEST);
        }
        lead
    }

    #[test]
    fn nothing_is_polled_before_anything_is_learned() {
        let mut lead = Lead::new(Duration::ZERO);
        assert_eq!(lead.ahead(LATER, 2 * LATER), 0);
        assert!(!lead.covers(LATER, LATER + 1));
        assert!(lead.covers(LATER, LATER), "what is due does not wait for an alarm");
    }

    #[test]
    fn time_polled_is_counted_without_other_work() {
        let mut lead = Lead::new(Duration::from_millis(1));
        assert!(lead.covers(LATER, LATER + 900_000));
        assert!(lead.covers(LATER + 1_000, LATER + 900_000));
        assert!(lead.covers(LATER + 501_000, LATER + 900_000), "half a millisecond of other work");
        assert_eq!(lead.polled(), 1_000 + POLL);
        assert!(!lead.covers(LATER + 501_000, NEVER));
        assert!(!lead.covers(2 * LATER, NEVER));
        assert_eq!(lead.polled(), 1_000 + POLL, "it has slept");
    }

    #[test]
    fn it_settles_at_a_latency_that_three_of_four_alarms_do_not_exceed() {
        let mut lead = Lead::new(Duration::ZERO);
        for alarm in 0..10_000 {
            lead.learn(alarm * 7_919 % 80_000);
        }
        assert!((50_000..70_000).contains(&lead.latency), "{}", lead.latency);
        (0..1_000).for_each(|_| lead.learn(2_000));
        assert!(lead.latency <= 2_000 + UP, "{}", lead.latency);
    }

    #[test]
    fn a_thread_with_other_work_is_not_taken_for_a_core_that_wakes_slowly() {
        let mut lead = learned(40_000);
        let before = lead.latency;
        for late in [LONGEST + 1, 1_000_000, u64::MAX] {
            (0..1_000).for_each(|_| lead.learn(late));
        }
        assert_eq!(lead.latency, before);
        (0..1_000).for_each(|_| lead.learn(LONGEST));
        assert_eq!(lead.latency, LONGEST);
    }

    #[test]
    fn polling_that_has_begun_goes_on_to_the_end() {
        let mut lead = learned(40_000);
        // Exactly the learned latency is saved.
        let begun = SHARE * lead.latency;
        let next = begun + lead.latency;
        assert_eq!(lead.ahead(begun, next), lead.latency);
        assert!((begun..=next).step_by(100).all(|now| lead.covers(now, next)));
        assert_eq!(lead.ahead(next, next + 1_000), 0, "what is used up must be saved anew");
        assert_eq!(lead.ahead(next, next + LATER), lead.latency, "and will be, after that long");
    }

    #[test]
    fn spin_lasts_as_long_as_there_is_a_wait() {
        let mut lead = Lead::new(Duration::from_millis(1));
        (0..1_000_u64).for_each(|ms| assert!(lead.covers(ms * 1_000_000, (ms + 1) * 1_000_000)));
        assert_eq!(lead.ahead(LATER, 2 * LATER), 1_000_000);
        assert!(!Lead::new(Duration::MAX).covers(LATER, NEVER));
    }

    proptest! {
        #[test]
        fn no_more_than_its_share_is_polled(
            latency in 0..=LONGEST,
            rounds in vec((0..300_000_u64, 0..150_000_u64), 1..500),
        ) {
            let mut lead = learned(latency);
            let (mut now, mut polled) = (0, 0);
            for (rest, left) in rounds {
                lead.ahead(now, now + rest);
                now += rest;
                if lead.covers(now, now + left) {
                    polled += left;
                    now += left;
                    lead.covers(now, now);
                }
                prop_assert!(polled <= now / SHARE, "{polled} of {now}");
            }
        }

        /// A clock reading that another thread took a while ago does not count twice.
        #[test]
        fn time_is_accounted_once(readings in vec(0..1_000_000_u64, 1..100)) {
            let mut lead = learned(LONGEST);
            for now in &readings {
                lead.ahead(*now, *now);
            }
            prop_assert!(lead.budget <= readings.iter().max().unwrap() / SHARE);
        }
    }
}
