//! What a server reports about its waits, as far as it is plausible.

use std::time::Duration;

use longsync::duration::from_proto;
use longsync_text::duration::LONGEST;

/// A duration as reported by a server; [`None`] if it is missing, negative, malformed, or longer than any of
/// our waits may be.
pub fn plausible(duration: Option<&prost_types::Duration>) -> Option<Duration> {
    from_proto(duration?).ok().filter(is_plausible)
}

/// Whether a wait may have lasted this long.
pub fn is_plausible(duration: &Duration) -> bool {
    *duration <= LONGEST
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever a server reports, every duration that is believed can be counted in nanoseconds.
        #[test]
        fn a_duration_that_is_believed_is_at_most_a_year(seconds in any::<i64>(), nanos in any::<i32>()) {
            let believed = plausible(Some(&prost_types::Duration { seconds, nanos }));
            prop_assert!(believed.is_none_or(|duration| duration <= LONGEST));
        }
    }

    #[test]
    fn a_wait_of_a_thousand_years_is_not_believed() {
        let of = |seconds, nanos| plausible(Some(&prost_types::Duration { seconds, nanos }));
        assert_eq!(of(1, 5), Some(Duration::new(1, 5)));
        for (seconds, nanos) in [
            (i64::MAX, 999_999_999),
            (i64::MIN, i32::MIN),
            (-5, 0),
            (1, i32::MAX),
            (31_536_000_000, 0),
        ] {
            assert_eq!(of(seconds, nanos), None);
        }
        assert_eq!(plausible(None), None);
    }
}
