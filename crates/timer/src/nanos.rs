//! Time as the queue counts it: nanoseconds since the timer was made, or between two times.

use std::time::Duration;

/// A due time that never comes: nanoseconds since the origin end 584 years after it.
pub(crate) const NEVER: u64 = u64::MAX;

/// A duration too long to be counted is [`NEVER`].
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
