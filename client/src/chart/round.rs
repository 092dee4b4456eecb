//! Round numbers, which label the ticks of an axis. Pure.

use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::grouped;

const SECOND: u128 = 1_000_000_000;
const HOUR: u128 = 3_600 * SECOND;

/// The number at this place in the sequence 1, 2, 5, 10, 20, 50, 100 and so on.
pub(super) fn round(place: u32) -> u128 {
    let leading = match place % 3 {
        0 => 1,
        1 => 2,
        _ => 5,
    };
    leading * 10_u128.pow(place / 3)
}

/// The place of the greatest round number at or below this number; zero counts as one.
pub(super) fn place_below(number: u128) -> u32 {
    let power = number.max(1).ilog10();
    let leading = number / 10_u128.pow(power);
    let within = if leading >= 5 { 2 } else { u32::from(leading >= 2) };
    3 * power + within
}

/// The place of the least round number at or above this number.
pub(super) fn place_above(number: u128) -> u32 {
    let below = place_below(number);
    if round(below) < number { below + 1 } else { below }
}

/// The distances, in nanoseconds, that the ticks of a linear axis of durations may have, in ascending order.
/// Up to seconds they are 1, 2 or 5 times a power of ten; above, they divide minutes and hours evenly.
pub(super) fn steps() -> impl Iterator<Item = u128> {
    const TEN_SECONDS: u32 = 30;
    // Enough for the hours of the longest duration.
    const HOURS: u32 = 47;
    (0..=TEN_SECONDS)
        .map(round)
        .chain([30, 60, 120, 300, 600, 1_800].map(|seconds| seconds * SECOND))
        .chain((0..=HOURS).map(|place| HOUR * round(place)))
}

/// This number of nanoseconds as text: `250ms`.
pub(super) fn duration_text(nanos: u128) -> String {
    let seconds = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos % SECOND).unwrap_or_default();
    text(Duration::new(seconds, rest))
}

/// This number of thousandths as text: `1,000`, `0.05`.
pub(super) fn amount_text(thousandths: u128) -> String {
    let whole = grouped(u64::try_from(thousandths / 1_000).unwrap_or(u64::MAX));
    let rest = format!(".{:03}", thousandths % 1_000);
    whole + rest.trim_end_matches('0').trim_end_matches('.')
}

/// The percentile with a tenth (one nine), a hundredth (two nines) and so on of all values above it: `p99.9`.
pub(super) fn percentile_text(nines: u32) -> String {
    percentile(&"9".repeat(nines as usize))
}

/// The percentile with half as many values above it as [`percentile_text`]: `p50`, `p95`, `p99.5`.
pub(super) fn half_percentile_text(nines: u32) -> String {
    percentile(&("9".repeat(nines as usize) + "5"))
}

/// The percentile with these digits after `0.`.
fn percentile(digits: &str) -> String {
    let (whole, decimals) = digits.split_at(digits.len().min(2));
    let point = if decimals.is_empty() { "" } else { "." };
    format!("p{whole:0<2}{point}{decimals}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The round numbers around a number enclose it, and no other round number is between them.
        #[test]
        fn round_numbers_enclose_a_number(number in 1_u128..1 << 90) {
            let (below, above) = (place_below(number), place_above(number));
            prop_assert!(round(below) <= number && number <= round(above));
            prop_assert!(above - below <= 1);
        }
    }

    #[test]
    fn steps_ascend_and_keep_minutes_and_hours_whole() {
        assert!(steps().is_sorted_by(|shorter, longer| shorter < longer));
        let texts: Vec<_> = steps().map(duration_text).collect();
        let [.., last] = &texts[..] else { panic!("there are steps") };
        assert!(last.ends_with('h'), "{last}");
        let minute = texts.iter().position(|text| text == "1m").unwrap();
        assert_eq!(texts[minute - 4..minute + 6].join(" "), "2s 5s 10s 30s 1m 2m 5m 10m 30m 1h");
    }

    #[test]
    fn percentiles_have_a_point_after_two_digits() {
        let texts: Vec<_> = (1..=4).map(percentile_text).collect();
        assert_eq!(texts, ["p90", "p99", "p99.9", "p99.99"]);
        let halves: Vec<_> = (0..=3).map(half_percentile_text).collect();
        assert_eq!(halves, ["p50", "p95", "p99.5", "p99.95"]);
    }
}
