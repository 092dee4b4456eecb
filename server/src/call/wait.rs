//! A wait, and the times that result from it. Pure.

use std::time::{Duration, Instant};

/// When a wait that exceeds the range of the clock is due: in a hundred years.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// A wait: due once the queued and the planned time have passed since its start.
///
/// Times are integer nanoseconds, up to 584 years: a call keeps this while it waits, so each byte counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) start: Instant,
    queued_ns: u64,
    planned_ns: u64,
}

impl Wait {
    /// A wait whose service begins at once.
    pub(crate) fn new(start: Instant, planned: Duration) -> Self {
        Self { start, queued_ns: 0, planned_ns: nanos(planned) }
    }

    /// The same wait with a queued time of `queued`.
    pub(crate) fn after_standing(self, queued: Duration) -> Self {
        Self { queued_ns: nanos(queued), ..self }
    }

    /// How long the call is queued before its service begins.
    pub(crate) fn queued(self) -> Duration {
        Duration::from_nanos(self.queued_ns)
    }

    /// How long the service takes.
    pub(crate) fn planned(self) -> Duration {
        Duration::from_nanos(self.planned_ns)
    }

    pub(crate) fn due(self) -> Instant {
        let due = self.start.checked_add(self.queued() + self.planned());
        due.unwrap_or_else(|| self.start + FAR)
    }

    /// The times of the wait if it ran out with this lateness.
    pub(crate) fn ran_out(self, lateness: Duration) -> WaitTimes {
        let waited_ns =
            self.queued_ns.saturating_add(self.planned_ns).saturating_add(nanos(lateness));
        WaitTimes { queued_ns: self.queued_ns, planned_ns: self.planned_ns, waited_ns }
    }

    /// The times of the wait if it was cut short after this long.
    pub(crate) fn cut_short(self, waited: Duration) -> WaitTimes {
        let waited_ns = nanos(waited);
        WaitTimes {
            queued_ns: self.queued_ns.min(waited_ns),
            planned_ns: self.planned_ns,
            waited_ns,
        }
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long a call was queued, how long its service was planned to take, and how long both really took.
/// Integer nanoseconds, as in [`Wait`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the name of a number ends with its unit")]
pub(crate) struct WaitTimes {
    queued_ns: u64,
    planned_ns: u64,
    waited_ns: u64,
}

impl WaitTimes {
    pub(crate) fn queued(self) -> Duration {
        Duration::from_nanos(self.queued_ns)
    }

    pub(crate) fn planned(self) -> Duration {
        Duration::from_nanos(self.planned_ns)
    }

    pub(crate) fn waited(self) -> Duration {
        Duration::from_nanos(self.waited_ns)
    }

    /// The same times with another queued time.
    pub(crate) fn with_queued(self, queued: Duration) -> Self {
        Self { queued_ns: nanos(queued), ..self }
    }

    /// The same times, with `waited` replaced by the part that was not already counted.
    pub(crate) fn with_waited(self, waited: Duration) -> Self {
        Self { waited_ns: nanos(waited), ..self }
    }
}

impl std::ops::AddAssign for WaitTimes {
    fn add_assign(&mut self, other: Self) {
        self.queued_ns = self.queued_ns.saturating_add(other.queued_ns);
        self.planned_ns = self.planned_ns.saturating_add(other.planned_ns);
        self.waited_ns = self.waited_ns.saturating_add(other.waited_ns);
    }
}

/// Tracks whether the handler of a call can attend to its waits when they end.
///
/// Everything about a call is polled from one task. If a wait's handler was left waiting in one poll
/// and asked again in the next, the wait was attended to all the time, and lateness is the server's
/// fault. If the handler was left out of some polls, its answers could not go out, because the client
/// held them up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attention {
    /// How many times the call's task has been polled.
    polls: u32,
    /// The last poll in which a handler that asks has not been kept away. [`None`] if none has asked yet.
    until: Option<u32>,
}

impl Attention {
    /// The attention of a task that was polled this many times; `until` is the last poll in which a handler
    /// that asks has not been kept away.
    pub(crate) fn new(polls: u32, until: Option<u32>) -> Self {
        Self { polls, until }
    }

    /// The last poll in which a handler that asks has not been kept away.
    pub(crate) fn until(&self) -> Option<u32> {
        self.until
    }

    /// Counts a poll of the task. Returns the number of polls.
    pub(crate) fn polled(&mut self) -> u32 {
        self.polls = self.polls.wrapping_add(1);
        self.polls
    }

    /// How many times the task has been polled.
    pub(crate) fn polls(&self) -> u32 {
        self.polls
    }

    /// Whether the handler, which asks now, was kept away before.
    pub(crate) fn was_kept_away(&self) -> bool {
        self.until.is_some_and(|until| self.polls.wrapping_sub(until).cast_signed() > 0)
    }

    /// Called when the handler waits for a due time, at which the task will be polled.
    pub(crate) fn waits(&mut self) {
        self.until = Some(self.polls.wrapping_add(1));
    }

    /// Called when the handler has an answer for the client.
    pub(crate) fn answers(&mut self) {
        self.until = Some(self.polls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_due_after_the_queued_and_the_planned_time() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let wait = Wait::new(start, ms(5)).after_standing(ms(20));
        assert_eq!(wait.due(), start + ms(25));
        for (spent, figures) in [
            (wait.ran_out(ms(1)), [20, 5, 26]),
            (wait.cut_short(ms(7)), [7, 5, 7]),
            (wait.cut_short(ms(22)), [20, 5, 22]),
        ] {
            assert_eq!([spent.queued(), spent.planned(), spent.waited()], figures.map(ms));
        }
    }

    #[test]
    fn a_handler_that_asks_in_each_poll_was_never_kept_away() {
        let mut attention = Attention { polls: u32::MAX - 2, ..Attention::default() };
        for _ in 0..6 {
            attention.polled();
            assert!(!attention.was_kept_away());
            attention.waits();
        }
        attention.answers();
        assert!(!attention.was_kept_away(), "in the same poll");
        attention.polled();
        assert!(
            attention.was_kept_away(),
            "an answer was out, and the handler did not ask for the next"
        );
    }

    #[test]
    fn a_handler_that_is_left_out_of_a_poll_was_kept_away() {
        let mut attention = Attention::default();
        attention.polled();
        attention.waits();
        attention.polled();
        attention.polled();
        assert!(attention.was_kept_away());
        attention.waits();
        assert!(!attention.was_kept_away());
    }
}
