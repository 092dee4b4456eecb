//! Times of a run.

use std::ops::Add;
use std::time::{Duration, Instant};

/// A point in time by the run's own clock: whole nanoseconds since the run's start. It has half the size of
/// an `Instant`, of which each waiting call would keep two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// The start of the run.
    pub const START: Self = Self(0);

    /// The given number of nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment of `now` in a run that began at `start`; the start itself if `now` is before it.
    #[inline]
    pub fn since(start: Instant, now: Instant) -> Self {
        Self(whole_nanos(now.saturating_duration_since(start)))
    }

    /// This moment by the clock that read `start` at the run's start.
    ///
    /// # Panics
    /// When the clock cannot read that late.
    #[inline]
    pub fn instant(self, start: Instant) -> Instant {
        start + Duration::from_nanos(self.0)
    }

    /// The time from `earlier` until this, in nanoseconds; below zero if `earlier` is in fact later.
    #[inline]
    pub fn nanos_since(self, earlier: Self) -> i64 {
        // Two moments of one run are less than 292 years apart.
        self.0.wrapping_sub(earlier.0).cast_signed()
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// Saturates at the end of the clock's range, 584 years.
    #[inline]
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_nanos(duration)))
    }
}

/// A duration in whole nanoseconds; one beyond 584 years is clamped to that.
#[inline]
pub(crate) fn whole_nanos(duration: Duration) -> u64 {
    // In 64 bits for speed, because this happens several times per call.
    let whole = duration.as_secs().checked_mul(1_000_000_000);
    let nanos = whole.and_then(|nanos| nanos.checked_add(u64::from(duration.subsec_nanos())));
    nanos.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The result is the duration's nanoseconds, or the maximum if they do not fit.
        #[test]
        fn whole_nanos_are_those_of_the_duration(
            seconds in prop_oneof![any::<u64>(), 18_446_744_072_u64..18_446_744_075],
            nanos in 0..1_000_000_000_u32,
        ) {
            let duration = Duration::new(seconds, nanos);
            let expected = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
            prop_assert_eq!(whole_nanos(duration), expected);
        }
    }
}
