//! Rates as people write them.

use std::fmt;
use std::str::FromStr;

use crate::decimal::{self, ParseDecimalError};
use crate::quote::quoted;

/// A number of calls per unit of time, from none to 10^9 per second. It is kept in millionths of a call per
/// hour, so that every rate with up to six decimals per second, minute or hour is exact, and the calls due
/// within a time are counted in integers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

/// What is wrong with a rate, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseRateError(String);

impl fmt::Display for ParseRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseRateError {}

/// The units of time and how many of each an hour has, from the shortest to the longest.
const UNITS: [(&str, u64); 3] = [("s", 3_600), ("min", 60), ("h", 1)];
/// The suffixes that multiply a number, and the power of ten of each.
const MULTIPLES: [(char, usize); 2] = [('k', 3), ('M', 6)];
/// The decimals of a rate that are kept, whatever its unit.
const DECIMALS: usize = 6;
const MILLIONTHS: u64 = 1_000_000;

impl Rate {
    /// No calls.
    pub const ZERO: Self = Self(0);
    /// The highest rate: 10^9 calls per second, each due a nanosecond after the one before.
    pub const HIGHEST: Self = Self(1_000_000_000 * Self::PER_SECOND);

    const PER_SECOND: u64 = 3_600 * MILLIONTHS;

    /// The given number of calls per second; [`None`] if that is over [`HIGHEST`](Self::HIGHEST).
    pub const fn per_second(calls: u64) -> Option<Self> {
        match calls.checked_mul(Self::PER_SECOND) {
            Some(millionths) => Self::from_millionths_per_hour(millionths),
            None => None,
        }
    }

    /// The given number of millionths of a call per hour; [`None`] if it is over [`HIGHEST`](Self::HIGHEST).
    pub const fn from_millionths_per_hour(millionths: u64) -> Option<Self> {
        if millionths <= Self::HIGHEST.0 { Some(Self(millionths)) } else { None }
    }

    /// In millionths of a call per hour, at most 3.6 x 10^18.
    pub const fn millionths_per_hour(self) -> u64 {
        self.0
    }

    /// In calls per second, to about 15 digits: for display, not for counting.
    #[expect(clippy::cast_precision_loss, reason = "the nearest float is good enough for display")]
    pub fn calls_per_second(self) -> f64 {
        self.0 as f64 / Self::PER_SECOND as f64
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    /// Reads a rate: a number, optionally with `k` (thousand) or `M` (million), then its unit of time: `/s`,
    /// `/min` or `/h`. Without a unit it is per second.
    ///
    /// # Errors
    /// When `text` is not a rate, has more than six decimals, or is over [`HIGHEST`](Self::HIGHEST).
    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        let refused = |why: &str| ParseRateError(format!("{} is not a rate: {why}", quoted(text)));
        let written = text.trim();
        let (number, unit) = written.split_once('/').unwrap_or((written, "s"));
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let (number, power) = multiple(number);
        let (Some((_, per_hour)), Ok(millionths)) =
            (unit, decimal::scaled(number, DECIMALS + power))
        else {
            let is_too_fine = unit.is_some()
                && decimal::scaled(number, DECIMALS + power) == Err(ParseDecimalError::TooFine);
            return Err(refused(if is_too_fine {
                "it has more than six decimals; write a longer unit, as in 1/h"
            } else {
                "write one such as 2000/s, 120/min or 2k/s"
            }));
        };
        let millionths = u64::try_from(millionths.saturating_mul((*per_hour).into()));
        let rate = millionths.ok().and_then(Self::from_millionths_per_hour);
        rate.ok_or_else(|| {
            ParseRateError(format!("{} is too high a rate: write at most 1000M/s", quoted(text)))
        })
    }
}

/// A number without its suffix, and the power of ten of that suffix.
pub(crate) fn multiple(number: &str) -> (&str, usize) {
    let found =
        MULTIPLES.iter().find_map(|(name, power)| Some((number.strip_suffix(*name)?, *power)));
    found.unwrap_or((number, 0))
}

impl fmt::Display for Rate {
    /// Exactly and with one unit: per second if that takes at most three decimals, else per minute or hour if
    /// that is a whole number, else with the shortest unit that is exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads_well = [(UNITS[0], 1_000), (UNITS[1], MILLIONTHS), (UNITS[2], MILLIONTHS)];
        let exact = UNITS.map(|unit| (unit, 1));
        let ways = reads_well.into_iter().chain(exact);
        let is_exact =
            |(_, per_hour): (&str, u64), step: u64| self.0.is_multiple_of(per_hour * step);
        let ((name, per_hour), _) =
            ways.into_iter().find(|(unit, step)| is_exact(*unit, *step)).unwrap_or((UNITS[2], 1));
        write!(f, "{}/{name}", decimal::text((self.0 / per_hour).into(), DECIMALS))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Rate, String> {
        text.parse().map_err(|why: ParseRateError| why.to_string())
    }

    proptest! {
        /// A printed rate is read back as the same rate.
        #[test]
        fn print_then_read_is_the_same(millionths in 0_u64..=Rate::HIGHEST.0) {
            let rate = Rate(millionths);
            prop_assert_eq!(read(&rate.to_string()), Ok(rate));
        }

        /// The same for low and whole rates, which the range above seldom draws.
        #[test]
        fn print_then_read_is_the_same_for_low_rates(number in 0_u64..10_000, (_, per_hour) in prop::sample::select(UNITS.to_vec()), step in prop::sample::select(vec![1, 1_000, MILLIONTHS])) {
            let rate = Rate(number * per_hour * step);
            prop_assert_eq!(read(&rate.to_string()), Ok(rate));
        }

        /// Any text at all is either read or refused; nothing panics.
        #[test]
        fn any_text_is_read_or_refused(text in "([0-9.]{0,30}[kM/]{0,2}(s|min|h)?|\\PC{0,24})") {
            let _ = read(&text);
        }
    }

    #[test]
    fn rates_are_exact_and_printed_with_the_unit_that_reads_best() {
        for (text, printed) in [
            ("2000", "2000/s"),
            (" 2000/s ", "2000/s"),
            ("2k/s", "2000/s"),
            ("2k", "2000/s"),
            ("1.5k/s", "1500/s"),
            ("1M/s", "1000000/s"),
            ("0.5/s", "0.5/s"),
            ("120/min", "2/s"),
            ("1/min", "1/min"),
            ("60/h", "1/min"),
            ("3/h", "3/h"),
            ("0.000001/s", "0.000001/s"),
            ("0.000001/h", "0.000001/h"),
            ("1.0000001k/s", "1000.0001/s"),
            ("0", "0/s"),
            ("0/h", "0/s"),
            ("1000M/s", "1000000000/s"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), printed, "{text}");
        }
        assert_eq!(read("1000M/s"), Ok(Rate::HIGHEST));
        assert_eq!(read("120/min").ok(), Rate::per_second(2));
        assert_eq!(Rate::per_second(1_000_000_001), None);
        assert_eq!(Rate::per_second(u64::MAX), None);
        assert!((read("3/h").unwrap().calls_per_second() * 1_200.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn wrong_rates_are_refused_with_what_would_be_right() {
        let such_as = |text: &str| {
            format!("`{text}` is not a rate: write one such as 2000/s, 120/min or 2k/s")
        };
        for text in [
            "", "/s", "2000/m", "2000/", "2000/S", "2000/ s", "2 k/s", "2K/s", "2kk/s", "k/s",
            "-1/s", "+1/s", "1e3/s", "1_000/s", "1,000/s", ".5/s", "5./s", "2000rps", "1/s/s",
            "nan", "inf/s", "10ms",
        ] {
            assert_eq!(read(text), Err(such_as(text)));
        }
        for text in ["0.0000001/s", "0.0000000001k/s", "0.00000000000001M/h"] {
            assert!(read(text).unwrap_err().contains("more than six decimals"), "{text}");
        }
        for text in ["1001M/s", "1000.000001M", "60001M/min", &format!("{}/h", "9".repeat(60))] {
            assert!(
                read(text).unwrap_err().ends_with("is too high a rate: write at most 1000M/s"),
                "{text}"
            );
        }
    }
}
