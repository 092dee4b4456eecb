//! Durations as people write them.

use std::time::Duration;

use crate::quote::quoted;

/// What is wrong with a duration, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseDurationError {
    sentence: String,
    is_too_long: bool,
}

impl ParseDurationError {
    /// Whether it is a duration, but over [`LONGEST`]. Who allows less can then name that instead.
    pub fn is_too_long(&self) -> bool {
        self.is_too_long
    }
}

impl std::fmt::Display for ParseDurationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for ParseDurationError {}

/// The longest duration that is accepted: a year. A longer one is taken for a typing error, and might not fit
/// in messages and clocks.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The units of a duration and the nanoseconds in each, from longest to shortest.
const UNITS: [(&str, u64); 9] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    // The micro sign, and the Greek letter that looks like it.
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// The most decimals that a number may have: a fraction of a day with 16 can still be a whole number of
/// nanoseconds.
const MOST_DECIMALS: usize = 16;

/// Reads a duration: one or more numbers with a unit, such as `250ms`, `1.5s` or `1m 30s`, each unit
/// shorter than the one before it. A lone `0` is zero.
///
/// # Errors
/// When `text` is not a duration: it has no unit or one other than `d`, `h`, `m`, `s`, `ms`, `us` (`µs`) and
/// `ns`, or it is negative, finer than a nanosecond, or over [`LONGEST`].
pub fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    let refused = |why: &str| ParseDurationError {
        sentence: format!("{} is not a duration: {why}", quoted(text)),
        is_too_long: false,
    };
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut nanos, mut shorter_than) = (0, u64::MAX);
    loop {
        let (amount, unit) = part(&mut rest).map_err(refused)?;
        if unit >= shorter_than {
            return Err(refused("write each unit once and the longest first, such as 1m 30s"));
        }
        shorter_than = unit;
        nanos = amount.saturating_add(nanos);
        if rest.is_empty() {
            break;
        }
    }
    match u64::try_from(nanos).map(Duration::from_nanos) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(ParseDurationError {
            sentence: format!(
                "{} is longer than a year: write at most {}",
                quoted(text),
                self::text(LONGEST)
            ),
            is_too_long: true,
        }),
    }
}

/// Takes a number and its unit from the beginning of `rest`. Returns their nanoseconds, and those of the unit
/// alone.
fn part(rest: &mut &str) -> Result<(u128, u64), &'static str> {
    const NO_NUMBER: &str = "write a number and a unit, such as 250ms, 1.5s or 2m";
    if rest.starts_with(['-', '+']) {
        return Err("it has a sign: write a number and a unit, such as 250ms, 1.5s or 2m");
    }
    let whole = take_while(rest, |c| c.is_ascii_digit());
    let fraction = rest.strip_prefix('.').map(|after| {
        *rest = after;
        take_while(rest, |c| c.is_ascii_digit())
    });
    let unit = take_while(rest, |c| !c.is_ascii_digit() && !c.is_whitespace());
    *rest = rest.trim_start();
    if whole.is_empty() || fraction == Some("") || unit.is_empty() {
        return Err(NO_NUMBER);
    }
    let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err("the units are d, h, m, s, ms, us and ns, as in 250ms, 1.5s or 2m");
    };
    // A number with more digits than fit is too long a duration in any unit.
    let whole: u128 = whole.parse().unwrap_or(u128::MAX);
    let nanos = whole.saturating_mul((*unit).into());
    Ok((nanos.saturating_add(fraction_of(*unit, fraction.unwrap_or(""))?), *unit))
}

/// The nanoseconds of a fraction of a unit, of which `digits` are the digits after the point.
fn fraction_of(unit: u64, digits: &str) -> Result<u128, &'static str> {
    const TOO_FINE: &str =
        "it is finer than a nanosecond; write whole nanoseconds, such as 1.5us or 1500ns";
    let digits = digits.trim_end_matches('0');
    if digits.len() > MOST_DECIMALS {
        return Err(TOO_FINE);
    }
    let (parts, all) = digits.bytes().fold((0_u128, 1_u128), |(parts, all), digit| {
        (parts * 10 + u128::from(digit - b'0'), all * 10)
    });
    let nanos = parts * u128::from(unit);
    if nanos.is_multiple_of(all) { Ok(nanos / all) } else { Err(TOO_FINE) }
}

/// Takes characters from the beginning of `rest` while they are `wanted`.
fn take_while<'a>(rest: &mut &'a str, wanted: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at(end);
    *rest = after;
    taken
}

/// Prints a duration exactly and with one unit: `250ms`, `1.5s`, `2.5ms`, `2h`. Up to [`LONGEST`],
/// [`parse`] reads it back to the same value.
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

/// Prints a measured duration, to four digits: `251.2ms`.
pub fn rounded(duration: Duration) -> String {
    rounded_to(duration, 4)
}

/// Prints a measured duration, to the given number of digits, at least one: `251ms` to three.
pub fn rounded_to(duration: Duration, digits: u32) -> String {
    let nanos = duration.as_nanos();
    let all = nanos.checked_ilog10().map_or(1, |log| log + 1);
    let step = 10_u128.pow(all.saturating_sub(digits.max(1)));
    let nanos = (nanos + step / 2) / step * step;
    text(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// A whole number and a fraction with the given number of digits, without trailing zeros.
fn decimal(whole: u64, fraction: u32, digits: usize, unit: &str) -> String {
    if fraction == 0 {
        return format!("{whole}{unit}");
    }
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}{unit}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A printed duration is read back as the same value, up to the longest.
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
    fn measured_durations_keep_four_digits() {
        for (nanos, shown) in [
            (0, "0s"),
            (7, "7ns"),
            (312_456, "312.5us"),
            (251_240_999, "251.2ms"),
            (999_960_000, "1s"),
            (4_012_345_678, "4.012s"),
        ] {
            assert_eq!(rounded(Duration::from_nanos(nanos)), shown);
        }
    }

    #[test]
    fn the_given_number_of_digits_is_kept() {
        let shown =
            [0, 1, 3, 9].map(|digits| rounded_to(Duration::from_nanos(251_540_999), digits));
        assert_eq!(shown, ["300ms", "300ms", "252ms", "251.540999ms"]);
    }

    #[test]
    fn more_than_a_year_is_refused() {
        assert_eq!(parse("8760h"), Ok(LONGEST));
        assert!(parse("8761h").is_err_and(|why| why.to_string().contains("8760h")));
    }

    #[test]
    fn each_unit_and_sums_of_units_are_read() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("3ns", 3),
            ("1.5us", 1_500),
            ("2\u{b5}s", 2_000),
            ("2\u{3bc}s", 2_000),
            (" 2.50ms ", 2_500_000),
            ("1m 30s", 90_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1d\t1ns", 86_400_000_000_001),
            ("0.0000152587890625d", 1_318_359_375),
            ("0.000000001s", 1),
            ("0.10000000000000000000000000000s", 100_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn wrong_durations_are_refused_with_what_would_be_right() {
        const AN_EXAMPLE: &str = "250ms";
        const WHICH_UNITS: &str = "the units are";
        for (text, said) in [
            ("250", AN_EXAMPLE),
            ("00", AN_EXAMPLE),
            ("", AN_EXAMPLE),
            ("-5s", AN_EXAMPLE),
            ("+5s", AN_EXAMPLE),
            (".5s", AN_EXAMPLE),
            ("1.s", AN_EXAMPLE),
            ("5 s", AN_EXAMPLE),
            ("5s5", AN_EXAMPLE),
            ("ms", AN_EXAMPLE),
            ("1e3ms", WHICH_UNITS),
            ("1_000ms", WHICH_UNITS),
            ("1.5.5s", WHICH_UNITS),
            ("5 apples", AN_EXAMPLE),
            ("5M", WHICH_UNITS),
            ("5months", WHICH_UNITS),
            ("1w", WHICH_UNITS),
            ("1y", WHICH_UNITS),
            ("5sec", WHICH_UNITS),
            ("5S", WHICH_UNITS),
            ("30s 1m", "the longest first"),
            ("1s 1s", "the longest first"),
            ("2us 1\u{b5}s", "the longest first"),
            ("0.5ns", "whole nanoseconds"),
            ("0.0000000001s", "whole nanoseconds"),
            ("0.00000000000000001d", "whole nanoseconds"),
            ("8761h", "at most 8760h"),
            ("99999999999999999999999999999999999999999999h", "at most 8760h"),
        ] {
            let why = parse(text).expect_err(text).to_string();
            assert!(why.contains(said), "{why}");
        }
    }
}
