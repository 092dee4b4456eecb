//! Converts durations to and from their form in messages.

use std::time::Duration;

use longsync_text::duration::text;

/// The error for a duration in a message that is not a valid delay. It says what is wrong and what would be
/// right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayError(String);

impl std::fmt::Display for DelayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DelayError {}

/// Reads a delay from a message.
///
/// # Errors
/// If the delay is negative, its parts have different signs, or its nanoseconds are outside protobuf's range.
pub fn from_proto(duration: &prost_types::Duration) -> Result<Duration, DelayError> {
    if i64::signum(duration.seconds) * i64::from(duration.nanos.signum()) < 0 {
        let why = "seconds and nanos have different signs: send both as zero or more";
        return Err(DelayError(why.to_owned()));
    }
    if duration.seconds < 0 || duration.nanos < 0 {
        let seconds = duration.seconds.unsigned_abs();
        let nanos = duration.nanos.unsigned_abs();
        let shown = text(Duration::from_secs(seconds) + Duration::from_nanos(nanos.into()));
        return Err(DelayError(format!("-{shown} is negative: send zero or more")));
    }
    let seconds = u64::try_from(duration.seconds).ok();
    let nanos = u32::try_from(duration.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    match (seconds, nanos) {
        (Some(seconds), Some(nanos)) => Ok(Duration::new(seconds, nanos)),
        _ => Err(DelayError(format!(
            "{} nanos are a second or more: send at most 999999999, and the rest as seconds",
            duration.nanos
        ))),
    }
}

/// Converts a duration to its form in a message. A duration whose seconds do not fit into protobuf's 64 bits
/// becomes the longest that does.
pub fn to_proto(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos().cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every duration that a message can carry survives the round trip unchanged.
        #[test]
        fn to_proto_then_from_proto_is_the_same(seconds in 0_u64..=i64::MAX as u64, nanos in 0_u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(from_proto(&to_proto(duration)), Ok(duration));
        }
    }

    #[test]
    fn a_negative_delay_is_refused() {
        for (seconds, nanos) in [(-1, 0), (0, -1), (-1, -1), (i64::MIN, i32::MIN)] {
            let refused = from_proto(&prost_types::Duration { seconds, nanos });
            assert!(refused.is_err_and(|why| why.to_string().contains("negative")));
        }
    }

    #[test]
    fn parts_of_different_signs_are_reported_as_such() {
        for (seconds, nanos) in [(1, -1), (-1, 1), (i64::MIN, i32::MAX)] {
            let refused = from_proto(&prost_types::Duration { seconds, nanos });
            assert!(refused.is_err_and(|why| why.to_string().contains("different signs")));
        }
    }

    #[test]
    fn nanoseconds_beyond_a_second_are_refused() {
        let refused = from_proto(&prost_types::Duration { seconds: 0, nanos: 1_000_000_000 });
        assert!(refused.is_err());
    }
}
