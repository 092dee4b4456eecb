//! Durations as people and messages write them.

use std::time::Duration;

use crate::quote::quoted;

/// What is wrong with a duration, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotADuration(String);

impl std::fmt::Display for NotADuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotADuration {}

/// The longest duration that is read from text: a year. Beyond it lie typing errors, and durations
/// that messages and clocks do not hold.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads a duration such as `250ms`, `1.5s` or `2m`.
///
/// # Errors
/// When `text` is not one: without a unit, negative, or over [`LONGEST`].
pub fn parse(text: &str) -> Result<Duration, NotADuration> {
    match humantime::parse_duration(text.trim()) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err(NotADuration(format!(
            "{} is longer than a year: write at most {}",
            quoted(text),
            self::text(LONGEST)
        ))),
        Err(_) => Err(NotADuration(format!(
            "{} is not a duration: write a number and a unit, such as 250ms, 1.5s or 2m",
            quoted(text)
        ))),
    }
}

/// Prints a duration exactly and with one unit: `250ms`, `1.5s`, `2.5ms`, `2h`. [`parse`] reads it
/// back to the same value.
pub fn text(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    match (seconds, nanos) {
        (0, 0) => "0s".to_owned(),
        (hours, 0) if hours.is_multiple_of(3_600) => format!("{}h", hours / 3_600),
        (minutes, 0) if minutes.is_multiple_of(60) => format!("{}m", minutes / 60),
        (1.., _) => decimal(seconds, nanos, 9, "s"),
        (0, 1_000_000..) => decimal((nanos / 1_000_000).into(), nanos % 1_000_000, 6, "ms"),
        (0, 1_000..) => decimal((nanos / 1_000).into(), nanos % 1_000, 3, "us"),
        (0, _) => format!("{nanos}ns"),
    }
}

/// A whole and a fraction of so many digits, without trailing zeros.
fn decimal(whole: u64, fraction: u32, digits: usize, unit: &str) -> String {
    if fraction == 0 {
        return format!("{whole}{unit}");
    }
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}{unit}", fraction.trim_end_matches('0'))
}

/// Reads a delay out of a message.
///
/// # Errors
/// When it is negative, or its nanoseconds are outside protobuf's range.
pub fn from_proto(duration: &prost_types::Duration) -> Result<Duration, NotADuration> {
    if duration.seconds < 0 || duration.nanos < 0 {
        let seconds = duration.seconds.unsigned_abs();
        let nanos = duration.nanos.unsigned_abs();
        let shown = text(Duration::from_secs(seconds) + Duration::from_nanos(nanos.into()));
        return Err(NotADuration(format!("-{shown} is negative: send zero or more")));
    }
    let seconds = u64::try_from(duration.seconds).ok();
    let nanos = u32::try_from(duration.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    match (seconds, nanos) {
        (Some(seconds), Some(nanos)) => Ok(Duration::new(seconds, nanos)),
        _ => Err(NotADuration(format!(
            "{} nanos are no part of a second: send at most 999999999 beside the seconds",
            duration.nanos
        ))),
    }
}

/// Writes a duration into a message. One beyond protobuf's 64 bits of seconds becomes the greatest.
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
        /// What is printed is read back to the same value, up to the longest.
        #[test]
        fn print_then_parse_is_the_same(seconds in 0_u64..31_536_000, nanos in 0_u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse(&text(duration)), Ok(duration));
        }

        /// The same for short durations, which the range above seldom draws.
        #[test]
        fn print_then_parse_is_the_same_below_a_second(nanos in 0_u64..1_000_000_000) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&text(duration)), Ok(duration));
        }

        /// Messages carry every duration of theirs unchanged.
        #[test]
        fn to_proto_then_from_proto_is_the_same(seconds in 0_u64..=i64::MAX as u64, nanos in 0_u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(from_proto(&to_proto(duration)), Ok(duration));
        }

        /// Any text at all is either read or refused; nothing panics.
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,24}") {
            let _ = parse(&text);
        }
    }

    #[test]
    fn durations_are_printed_with_one_unit() {
        for (nanos, printed) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5us"),
            (2_500_000, "2.5ms"),
            (250_000_000, "250ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "90s"),
            (120_000_000_000, "2m"),
            (5_400_000_000_000, "90m"),
            (3_600_000_000_000, "1h"),
        ] {
            assert_eq!(text(Duration::from_nanos(nanos)), printed);
        }
    }

    #[test]
    fn a_negative_delay_is_refused() {
        for (seconds, nanos) in [(-1, 0), (0, -1), (1, -1), (i64::MIN, i32::MIN)] {
            let refused = from_proto(&prost_types::Duration { seconds, nanos });
            assert!(refused.is_err_and(|why| why.to_string().contains("negative")));
        }
    }

    #[test]
    fn nanoseconds_beyond_a_second_are_refused() {
        let refused = from_proto(&prost_types::Duration { seconds: 0, nanos: 1_000_000_000 });
        assert!(refused.is_err());
    }

    #[test]
    fn more_than_a_year_is_refused() {
        assert_eq!(parse("8760h"), Ok(LONGEST));
        assert!(parse("8761h").is_err_and(|why| why.to_string().contains("8760h")));
    }

    #[test]
    fn a_number_without_a_unit_is_refused_with_an_example() {
        for text in ["250", "", "-5s", "1e3ms", "5 apples", "99999999999999999999h", "5s5"] {
            let refused = parse(text);
            assert!(refused.is_err_and(|why| why.to_string().contains("250ms")), "{text}");
        }
    }
}
