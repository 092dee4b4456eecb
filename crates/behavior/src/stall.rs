//! Stalls: periods in which no service begins.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use crate::parameter_error::ParameterError;

/// Windows of time in which no service begins: calls that arrive in one are queued until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    at: Duration,
    length: Duration,
    every: Option<Duration>,
    origin: Origin,
}

/// The time from which the windows of a stall are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// When the behavior took effect.
    #[default]
    Effect,
    /// When the wait of the first call began.
    FirstCall,
}

impl Stall {
    /// The position of the parameter `every`, for errors.
    pub(crate) const EVERY: usize = 2;

    /// A window that begins when `at` has passed since `origin`, lasts for `length`, and recurs after each
    /// `every`, if that is given.
    ///
    /// # Errors
    /// When its length is zero, or it recurs before it has ended.
    pub fn new(
        at: Duration,
        length: Duration,
        every: Option<Duration>,
        origin: Origin,
    ) -> Result<Self, ParameterError> {
        if length.is_zero() {
            return Err(ParameterError::of(1, "a stall must last longer than 0s"));
        }
        if let Some(every) = every.filter(|every| *every <= length) {
            let why = format!(
                "it recurs every {}, but lasts for {}: every= must be longer than for=",
                text(every),
                text(length)
            );
            return Err(ParameterError::of(Self::EVERY, why));
        }
        Ok(Self { at, length, every, origin })
    }

    /// The time from which its windows are counted.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// How long a call is queued that arrives when `since` has passed since the origin: until the end of the
    /// window in which it arrives, if any.
    pub fn queued_at(&self, since: Duration) -> Duration {
        let Some(into) = since.checked_sub(self.at) else { return Duration::ZERO };
        let into = match self.every {
            // In nanoseconds, because a u128 can hold them all.
            Some(every) => nanos(into.as_nanos() % every.as_nanos()),
            None => into,
        };
        self.length.saturating_sub(into)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a number less than a duration's nanoseconds is a duration"
)]
fn nanos(nanos: u128) -> Duration {
    const PER_SECOND: u128 = 1_000_000_000;
    Duration::new((nanos / PER_SECOND) as u64, (nanos % PER_SECOND) as u32)
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stall(")?;
        if !self.at.is_zero() {
            write!(f, "at={}, ", text(self.at))?;
        }
        write!(f, "for={}", text(self.length))?;
        if let Some(every) = self.every {
            write!(f, ", every={}", text(every))?;
        }
        if self.origin == Origin::FirstCall {
            f.write_str(", from=first_call")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_call_in_a_window_is_queued_until_its_end() {
        let once = Stall::new(seconds(10), seconds(2), None, Origin::Effect).unwrap();
        let again = Stall::new(seconds(10), seconds(2), Some(seconds(5)), Origin::Effect).unwrap();
        for (since, stands_once, stands_again) in
            [(0, 0, 0), (9, 0, 0), (10, 2, 2), (11, 1, 1), (12, 0, 0), (15, 0, 2), (26, 0, 1)]
        {
            assert_eq!(once.queued_at(seconds(since)), seconds(stands_once), "{since}");
            assert_eq!(again.queued_at(seconds(since)), seconds(stands_again), "{since}");
        }
    }

    proptest! {
        /// No call is queued longer than a window, and a call that has been queued is not queued again.
        #[test]
        fn a_call_is_queued_only_once(at in 0_u64..1_000, length in 1_u64..1_000, gap in 1_u64..1_000, since in 0_u64..100_000) {
            let nanos = Duration::from_nanos;
            let stall = Stall::new(nanos(at), nanos(length), Some(nanos(length + gap)), Origin::Effect).unwrap();
            let queued = stall.queued_at(nanos(since));
            prop_assert!(queued <= nanos(length));
            prop_assert_eq!(stall.queued_at(nanos(since) + queued), Duration::ZERO);
        }
    }

    #[test]
    fn impossible_stalls_are_refused() {
        for (length, every) in [(0, None), (2, Some(2)), (2, Some(1)), (1, Some(0))] {
            let stall = Stall::new(seconds(0), seconds(length), every.map(seconds), Origin::Effect);
            assert!(stall.is_err(), "{length} {every:?}");
        }
    }
}
