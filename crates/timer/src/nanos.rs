//! Time as the queue counts it: nanoseconds since the timer was made, or between two times.

use std::time::Duration;

/// A due time that never comes: 64 bits of nanoseconds end 584 years after the origin.
pub(crate) const NEVER: u64 = u64::MAX;

/// A duration too long to be counted is [`NEVER`].
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
