//! How a load's figures are formatted for people. Pure.

use std::time::Duration;

use longsync_stats::{ConfidenceInterval, Quantile, Share};
use longsync_text::duration::{rounded_to, text};
use longsync_text::grouped;

use crate::figures::{bytes, nanos};

/// Distributions have this many significant digits.
const DIGITS: u32 = 3;
/// An end of an interval is written without its own unit if it is in this range, in the unit of the value.
const PLAIN: std::ops::Range<f64> = 0.1..1_000.0;

/// A measured duration, to as many digits as distributions have.
pub(super) fn short(duration: Duration) -> String {
    rounded_to(duration, DIGITS)
}

/// The value of a percentile: `12.3ms`, `> 250ms`, `< 0`; `none` if it is beyond and there are no values at
/// all.
pub(super) fn place(at: Quantile) -> String {
    match at {
        Quantile::BelowZero => "< 0".to_owned(),
        Quantile::At(duration) => short(duration),
        Quantile::Beyond(Duration::ZERO) => "none".to_owned(),
        Quantile::Beyond(longest) => format!("> {}", short(longest)),
    }
}

/// The interval of a value, with its ends in the value's unit: `[11.9, 12.8]`. A missing end
/// is a dash, and so is the interval if both are missing.
pub(super) fn interval(at: Quantile, interval: &ConfidenceInterval) -> String {
    let unit = match at {
        Quantile::BelowZero => None,
        Quantile::At(value) | Quantile::Beyond(value) => Some(unit(value)),
    };
    let end =
        |end: Option<Quantile>| end.map_or_else(|| "-".to_owned(), |it| in_unit(it, unit.as_ref()));
    match (interval.lower, interval.upper) {
        (None, None) => "-".to_owned(),
        _ if at == Quantile::Beyond(Duration::ZERO) => "-".to_owned(),
        (lower, upper) => format!("[{}, {}]", end(lower), end(upper)),
    }
}

/// The unit in which a duration is printed, and one of that unit.
fn unit(value: Duration) -> (Duration, String) {
    let printed = short(value);
    let name = printed.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let one = longsync_text::duration::parse(&format!("1{name}"));
    (one.unwrap_or(Duration::from_nanos(1)), name.to_owned())
}

fn in_unit(end: Quantile, unit: Option<&(Duration, String)>) -> String {
    let (Quantile::At(end), Some((one, name))) = (end, unit) else { return place(end) };
    let printed = short(end);
    let number = printed.trim_end_matches(|c: char| c.is_ascii_lowercase());
    if printed[number.len()..] == *name {
        return number.to_owned();
    }
    let within = end.as_secs_f64() / one.as_secs_f64();
    // People do not read decimals of minutes and hours.
    if *one <= Duration::from_secs(1) && PLAIN.contains(&within) {
        decimal(within, 3)
    } else {
        printed
    }
}

/// A number to the given number of digits, without trailing zeros; its integer part is never rounded to
/// fewer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers are not negative, and beyond 2^64 only their size counts"
)]
pub(super) fn decimal(number: f64, digits: i32) -> String {
    if number < 0.5e-9 {
        return "0".to_owned();
    }
    let whole_digits = number.log10().floor() as i32 + 1;
    let decimals = usize::try_from((digits - whole_digits).max(0)).unwrap_or(0);
    let printed = format!("{number:.decimals$}");
    match printed.split_once('.') {
        None => grouped(number.round() as u64),
        Some((whole, rest)) => {
            let whole = grouped(whole.parse().unwrap_or(u64::MAX));
            let rest = rest.trim_end_matches('0');
            if rest.is_empty() { whole } else { format!("{whole}.{rest}") }
        }
    }
}

/// The number per second, to four digits: `1,000`, `986.6`, `0.05`. If no time has passed, it is 0.
pub(super) fn per_second(count: u64, time: Duration) -> String {
    if time.is_zero() { "0".to_owned() } else { decimal(rate(count, time), 4) }
}

/// How many per second.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown to four digits")]
pub(super) fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// A share in percent, to two digits: `41 %`, `0.12 %`, `< 0.01 %`; above 99 % as verdicts show it, to four.
/// The share of an empty total is 0.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(super) fn percent(part: u64, whole: u64) -> String {
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    let most = Share::of(part, whole).filter(|_| percent > 99.0);
    if let Some(most) = most {
        return format!("{} %", most.percent());
    }
    match percent {
        little if part > 0 && little < 0.01 => "< 0.01 %".to_owned(),
        some => format!("{} %", decimal(some, 2)),
    }
}

/// The name of something in records, for people: `in flight limit` for `in_flight_limit`.
pub(super) fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

/// Recorded time, exactly if it is round, as it was asked for.
pub(super) fn time(duration: Duration) -> String {
    let is_round = nanos(duration).is_multiple_of(1_000_000);
    if is_round { text(duration) } else { short(duration) }
}

/// Bytes received and sent.
pub(super) fn traffic(bytes_in: u64, bytes_out: u64) -> String {
    format!("{} received, {} sent", bytes(bytes_in), bytes(bytes_out))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(micros: u64) -> Quantile {
        Quantile::At(Duration::from_micros(micros))
    }

    fn of(lower: Option<Quantile>, upper: Option<Quantile>) -> ConfidenceInterval {
        ConfidenceInterval { lower, upper, assumes_independence: false }
    }

    #[test]
    fn the_ends_of_an_interval_are_in_the_unit_of_its_value() {
        let beyond = Quantile::Beyond(Duration::from_millis(250));
        for (at, lower, upper, shown) in [
            (micros(12_300), Some(micros(11_900)), Some(micros(12_834)), "[11.9, 12.8]"),
            (micros(1_000), Some(micros(950)), Some(micros(1_020)), "[0.95, 1.02]"),
            (micros(998), Some(micros(990)), Some(micros(1_021)), "[990, 1.02ms]"),
            (micros(900), Some(micros(1)), Some(micros(20_000_000)), "[1, 20s]"),
            (micros(1_500_000), Some(micros(33_500)), None, "[33.5ms, -]"),
            (micros(1_000_000), Some(micros(900)), None, "[900us, -]"),
            (micros(60_000_000), Some(micros(59_000_000)), Some(micros(61_000_000)), "[59s, 61s]"),
            (beyond, Some(micros(240_000)), None, "[240, -]"),
            (beyond, Some(beyond), None, "[> 250ms, -]"),
            (micros(5), Some(Quantile::BelowZero), Some(micros(6)), "[< 0, 6]"),
            (micros(5), None, Some(micros(6)), "[-, 6]"),
            (micros(5), None, None, "-"),
            (Quantile::Beyond(Duration::ZERO), Some(Quantile::Beyond(Duration::ZERO)), None, "-"),
        ] {
            assert_eq!(interval(at, &of(lower, upper)), shown);
        }
    }

    #[test]
    fn rates_have_four_digits_and_shares_two() {
        let second = Duration::from_secs(1);
        for (count, time, shown) in [
            (0, second, "0"),
            (1, Duration::from_secs(20), "0.05"),
            (2_960, Duration::from_secs(3), "986.7"),
            (1_000, second, "1,000"),
            (123_456, second, "123,456"),
            (1, Duration::ZERO, "0"),
        ] {
            assert_eq!(per_second(count, time), shown);
        }
        for (part, whole, shown) in [
            (0, 0, "0 %"),
            (0, 10, "0 %"),
            (10, 10, "100 %"),
            (41, 100, "41 %"),
            (1, 3, "33 %"),
            (12, 10_000, "0.12 %"),
            (1, 100_000, "< 0.01 %"),
            (99_999, 100_000, "99.999 %"),
            (u64::MAX - 1, u64::MAX, "99.999999 %"),
            (995, 1_000, "99.5 %"),
            (9_995_936, 10_000_000, "99.96 %"),
        ] {
            assert_eq!(percent(part, whole), shown);
        }
    }

    proptest! {
        /// Every measured value can be formatted, and nothing panics.
        #[test]
        fn every_value_can_be_formatted(at in any::<u64>(), ends in proptest::array::uniform2(any::<u64>()), count in any::<u64>(), shift in 0_u32..64) {
            let [lower, upper] = ends.map(|end| Some(Quantile::At(Duration::from_nanos(end >> shift))));
            let shown = interval(Quantile::At(Duration::from_nanos(at >> shift)), &of(lower, upper));
            prop_assert!(shown.starts_with('[') && shown.ends_with(']'));
            prop_assert!(!per_second(count, Duration::from_nanos(at >> shift)).is_empty());
            prop_assert!(percent(count >> shift, count).ends_with('%'));
        }

        /// A report shows a share in its heading as it shows it in its verdict: with at most the same digits, and
        /// rounded alike.
        #[test]
        fn a_share_is_rounded_as_in_a_verdict(part in 0_u64..10_000_000) {
            let whole = 10_000_000;
            let shown = percent(part, whole);
            let verdict = Share::of(part, whole).unwrap().percent().to_string();
            let number = |text: &str| text.parse::<f64>().unwrap();
            match shown.strip_suffix(" %").unwrap() {
                "< 0.01" => prop_assert!(number(&verdict) < 0.01),
                shown if number(shown) > 99.0 => prop_assert_eq!(shown, verdict),
                shown => {
                    let digits = shown.split_once('.').map_or(0, |(_, digits)| digits.len());
                    let off = (number(shown) - number(&verdict)).abs();
                    prop_assert!(off <= 0.5 * 0.1_f64.powi(i32::try_from(digits).unwrap()) + 0.005);
                }
            }
        }
    }
}
