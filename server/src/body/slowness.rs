//! Measures how long a client takes to send what it has begun, counting only the time in which the server
//! wants it. Pure.

use std::time::{Duration, Instant};

/// A message may take one more second for each of this many bytes.
const BYTES_PER_SECOND: u64 = 64 * 1024;

/// A message, or a request of one message, on its way.
#[derive(Debug, Default)]
pub(crate) struct Slowness {
    /// Since when the server has been waiting for it without interruption.
    since: Option<Instant>,
    /// The last poll of its call in which the server wanted it and nothing more had arrived.
    wanted_in: u32,
    /// How long the server waited before that.
    before: Duration,
    bytes: u64,
}

impl Slowness {
    /// Called when the message begins, in this poll of its call; 0 means before the first poll.
    pub(crate) fn begin(&mut self, now: Instant, poll: u32) {
        // It is not known yet whether the message is wanted now: that depends on whether the handler asks for
        // more of it in this poll.
        *self = Self { since: Some(now), wanted_in: poll.saturating_sub(1), ..Self::default() };
    }

    /// Called when the message has arrived completely.
    pub(crate) fn end(&mut self) {
        self.since = None;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// Counts bytes of the message that arrived.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Called when nothing more has arrived in this poll of the call, which wants it. Returns when it will
    /// have taken too long if the server goes on wanting it; [`None`] if never.
    ///
    /// The time of polls in which nobody asked for it does not count.
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

    /// Called when nothing more has arrived in this poll of the call, which does not want it yet.
    pub(crate) fn stand_still(&mut self, now: Instant, poll: u32) {
        if self.since.is_some() {
            self.since = Some(now);
            // The next poll must not be taken for the one right after this.
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
    fn time_counts_while_every_poll_asks_for_it() {
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
    fn time_does_not_count_while_polls_do_not_ask_for_it() {
        let start = Instant::now();
        let mut slowness = Slowness::default();
        slowness.begin(start, 0);
        slowness.wait(LIMIT, start + seconds(10), 1);
        // Polls 2 and 3 had another reason; an hour has passed.
        let later = start + seconds(3_600);
        assert_eq!(slowness.wait(LIMIT, later, 4), Some(later + seconds(20)));
        assert_eq!(slowness.wait(LIMIT, later + seconds(15), 5), Some(later + seconds(20)));
    }

    #[test]
    fn time_does_not_count_while_it_is_only_read_ahead() {
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
