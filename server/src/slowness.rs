//! How long a client takes for what it has begun to send, counted only while the server wants it. Pure.

use std::time::{Duration, Instant};

/// So many bytes of a message are worth a second more.
const BYTES_A_SECOND: u64 = 64 * 1024;

/// A message, or a request of one message, on its way.
#[derive(Debug, Default)]
pub(crate) struct Slowness {
    /// Since when the server has been waiting for it without a break.
    since: Option<Instant>,
    /// In which poll of its call the server found that nothing more had come.
    found_in: u32,
    /// How long it waited before that.
    before: Duration,
    bytes: u64,
}

impl Slowness {
    /// It begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        *self = Self { since: Some(now), ..Self::default() };
    }

    /// It has come.
    pub(crate) fn end(&mut self) {
        self.since = None;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// So many bytes of it came.
    pub(crate) fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// How many bytes of it have come.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Nothing more has come in this poll of the call. When it will have taken too long, if the server
    /// goes on wanting it; [`None`]: never.
    ///
    /// Polls of the call in which nobody asked are time in which nobody wanted it.
    pub(crate) fn wait(&mut self, limit: Duration, now: Instant, poll: u32) -> Option<Instant> {
        let since = self.since?;
        let is_first = self.found_in == 0;
        if !is_first && poll.wrapping_sub(self.found_in) > 1 {
            self.since = Some(now);
        } else {
            self.before += now.saturating_duration_since(since);
            self.since = Some(now);
        }
        self.found_in = poll;
        let allowed = limit.saturating_add(Duration::from_secs(self.bytes / BYTES_A_SECOND));
        now.checked_add(allowed.saturating_sub(self.before))
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
        slowness.begin(start);
        assert_eq!(slowness.wait(LIMIT, start + seconds(1), 1), Some(start + LIMIT));
        assert_eq!(slowness.wait(LIMIT, start + seconds(5), 2), Some(start + LIMIT));
        slowness.came(3 * 64 * 1024 - 1);
        let two_more = Some(start + LIMIT + seconds(2));
        assert_eq!(slowness.wait(LIMIT, start + seconds(9), 3), two_more);
        slowness.end();
        assert_eq!(slowness.wait(LIMIT, start + seconds(100), 4), None);
    }

    #[test]
    fn the_time_stands_still_while_polls_do_not_ask_for_it() {
        let start = Instant::now();
        let mut slowness = Slowness::default();
        slowness.begin(start);
        slowness.wait(LIMIT, start + seconds(10), 1);
        // Polls 2 and 3 were for something else; an hour has passed.
        let later = start + seconds(3_600);
        assert_eq!(slowness.wait(LIMIT, later, 4), Some(later + seconds(20)));
        assert_eq!(slowness.wait(LIMIT, later + seconds(15), 5), Some(later + seconds(20)));
    }
}
