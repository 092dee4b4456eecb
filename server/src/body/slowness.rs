//! How long a client takes for what it has begun to send, counted only while the server wants it. Pure.

use std::time::{Duration, Instant};

/// This many bytes of a message allow it one more second.
const BYTES_PER_SECOND: u64 = 64 * 1024;

/// A message, or a request of one message, on its way.
#[derive(Debug, Default)]
pub(crate) struct Slowness {
    /// Since when the server has been waiting for it without a break.
    since: Option<Instant>,
    /// The poll of its call in which the server wanted it last, and nothing more had come.
    wanted_in: u32,
    /// How long it waited before that.
    before: Duration,
    bytes: u64,
}

impl Slowness {
    /// It begins, in this poll of its call; 0: before the first.
    pub(crate) fn begin(&mut self, now: Instant, poll: u32) {
        // Whether it is wanted then is not known before somebody asks for more of it in that poll.
        *self = Self { since: Some(now), wanted_in: poll.saturating_sub(1), ..Self::default() };
    }

    /// It has come.
    pub(crate) fn end(&mut self) {
        self.since = None;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// This many bytes of it came.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Nothing more has come in this poll of the call, which wants it. When it will have taken too long,
    /// if the server goes on wanting it; [`None`]: never.
    ///
    /// Polls of the call in which nobody asked are time in which nobody wanted it.
    pub(crate) fn wait(&mut self, limit: Duration, now: Instant, poll: u32) -> Option<Instant> {
        let since = self.since?;
        self.since = Some(now);
        if poll.wrapping_sub(self.wanted_in) <= 1 {
            self.before += now.saturating_duration_since(since);
        }
        self.wanted_in = poll;
        let allowed = limit.saturating_add(Duration::from_secs(self.bytes / BYTES_PER_SECOND));
        now.checked_add(allowed.saturating_sub(self.before))
    }

    /// Nothing more has come in this poll of the call, which does not want it yet.
    pub(crate) fn stand_still(&mut self, now: Instant, poll: u32) {
        if self.since.is_some() {
            self.since = Some(now);
            // So that the next poll is not taken to follow this one.
            self.wanted_in = poll.wrapping_sub(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_time_runs_while_every_poll_asks_for_it() {
        let start = Instant::now();
        let mut slowness = Slowness::default();
        assert_eq!(slowness.wait(LIMIT, start, 1), None);
        assert!(!slowness.is_running());
        slowness.begin(start, 0);
        assert_eq!(slowness.wait(LIMIT, start + seconds(1), 1), Some(start + LIMIT));
        assert_eq!(slowness.wait(LIMIT, start + seconds(5), 2), Some(start + LIMIT));
        slowness.received(3 * 64 * 1024 - 1);
        let two_more = Some(start + LIMIT + seconds(2));
        assert_eq!(slowness.wait(LIMIT, start + seconds(9), 3), two_more);
        slowness.end();
        assert_eq!(slowness.wait(LIMIT, start + seconds(100), 4), None);
    }

    #[test]
    fn the_time_stands_still_while_polls_do_not_ask_for_it() {
        let start = Instant::now();
        let mut slowness = Slowness::default();
        slowness.begin(start, 0);
        slowness.wait(LIMIT, start + seconds(10), 1);
        // Polls 2 and 3 were for something else; an hour has passed.
        let later = start + seconds(3_600);
        assert_eq!(slowness.wait(LIMIT, later, 4), Some(later + seconds(20)));
        assert_eq!(slowness.wait(LIMIT, later + seconds(15), 5), Some(later + seconds(20)));
    }

    #[test]
    fn the_time_stands_still_while_it_is_only_read_ahead() {
        let start = Instant::now();
        let mut slowness = Slowness::default();
        slowness.begin(start, 0);
        slowness.stand_still(start + seconds(1), 1);
        slowness.stand_still(start + seconds(1_000), 2);
        let later = start + seconds(2_000);
        assert_eq!(slowness.wait(LIMIT, later, 3), Some(later + LIMIT));
        assert_eq!(slowness.wait(LIMIT, later + seconds(10), 4), Some(later + LIMIT));
    }
}
