//! Converts the time at which something was received to wall-clock time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long the two clocks are assumed to run at the same rate. A clock is slewed by at most 500 ppm, so the
/// error is at most half a millisecond.
const ALIKE: Duration = Duration::from_secs(1);

/// Both clocks, read together from time to time: reading the wall clock for each call would cost more than
/// extrapolating from that reading.
#[derive(Debug, Default)]
pub(crate) struct WallClock(Mutex<Option<(Instant, SystemTime)>>);

impl WallClock {
    /// What the wall clock showed at `at`, a past time of the monotonic clock, which now reads `now`.
    pub(crate) fn at(&self, at: Instant, now: impl FnOnce() -> Instant) -> SystemTime {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = read.filter(|(then, _)| {
            at.checked_duration_since(*then).is_some_and(|since| since < ALIKE)
        });
        let (then, shown) = alike.unwrap_or_else(|| (now(), SystemTime::now()));
        *read = Some((then, shown));
        let ahead = shown.checked_add(at.saturating_duration_since(then));
        let moved = ahead.and_then(|it| it.checked_sub(then.saturating_duration_since(at)));
        moved.unwrap_or(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_measure_the_same_intervals_and_are_read_once_per_second() {
        let (clock, start) = (WallClock::default(), Instant::now());
        let millis = |ms| start + Duration::from_millis(ms);
        let first = clock.at(millis(3), || millis(5));
        let unread = || unreachable!("both clocks were read less than a second ago");
        assert_eq!(clock.at(millis(5), unread), first + Duration::from_millis(2));
        assert_eq!(clock.at(millis(1_004), unread), first + Duration::from_millis(1_001));
        let mut is_read = false;
        clock.at(millis(1_005), || {
            is_read = true;
            millis(1_006)
        });
        assert!(is_read);
    }
}
