//! A wait, and what it came to. Pure.

use std::time::{Duration, Instant};

/// When a wait longer than clocks reach is due: in a hundred years.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// A wait: due when `planned` has passed since `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) start: Instant,
    pub(crate) planned: Duration,
}

impl Wait {
    pub(crate) fn due(self) -> Instant {
        self.start.checked_add(self.planned).unwrap_or_else(|| self.start + FAR)
    }
}

/// How long was planned, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) planned: Duration,
    pub(crate) waited: Duration,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.planned += other.planned;
        self.waited += other.waited;
    }
}

/// Whether somebody looks after the waits of a call at the moment they end.
///
/// All of a call is polled from one task. A wait whose handler was left waiting in one poll and asked
/// again in the next was looked after all the time, and when it ends late, that is our doing. If polls
/// went by without the handler, its answers had no way out: the client held them up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attention {
    /// How many times the call's task was polled.
    polls: u32,
    /// The poll up to which a handler that asks has not been kept from asking. [`None`]: none has asked
    /// yet.
    until: Option<u32>,
}

impl Attention {
    /// The attention of a task that was polled this many times, with the poll up to which no handler
    /// was kept away.
    pub(crate) fn new(polls: u32, until: Option<u32>) -> Self {
        Self { polls, until }
    }

    /// The poll up to which a handler that asks has not been kept from asking.
    pub(crate) fn until(&self) -> Option<u32> {
        self.until
    }

    /// The task is polled. Returns how many times it has been.
    pub(crate) fn polled(&mut self) -> u32 {
        self.polls = self.polls.wrapping_add(1);
        self.polls
    }

    /// How many times the task was polled.
    pub(crate) fn polls(&self) -> u32 {
        self.polls
    }

    /// Whether the handler, which asks now, was kept from asking before.
    pub(crate) fn was_kept_away(&self) -> bool {
        self.until.is_some_and(|until| self.polls.wrapping_sub(until).cast_signed() > 0)
    }

    /// The handler waits for a due time, at which the task will be polled.
    pub(crate) fn waits(&mut self) {
        self.until = Some(self.polls.wrapping_add(1));
    }

    /// The handler has something for the client.
    pub(crate) fn answers(&mut self) {
        self.until = Some(self.polls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(attention.was_kept_away(), "an answer was out, and nobody asked for the next");
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
