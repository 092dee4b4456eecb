//! Shares, kept as integers so that sums are exact.

use std::fmt;

/// Why a text is not the number of a percentage, and what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsePercentError(&'static str);

impl fmt::Display for ParsePercentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ParsePercentError {}

/// A share from 0 % to 100 %, in steps of a millionth of a percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

/// The decimals of a percentage that are kept.
const DECIMALS: usize = 6;
const MILLIONTHS_PER_PERCENT: u32 = 1_000_000;

impl Percent {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(100 * MILLIONTHS_PER_PERCENT);

    /// The given number of millionths of a percent; [`None`] if that is over 100 %.
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if millionths <= Self::ALL.0 { Some(Self(millionths)) } else { None }
    }

    /// Reads the number of a percentage, without its sign: `99.9`.
    ///
    /// # Errors
    /// When `number` is not digits, optionally with a point and at most six further digits, or is over 100.
    pub fn from_number(number: &str) -> Result<Self, ParsePercentError> {
        const NOT_A_NUMBER: ParsePercentError =
            ParsePercentError("a percentage is a number from 0 to 100, such as 5 or 99.9");
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !are_digits(decimals) {
            return Err(NOT_A_NUMBER);
        }
        if decimals.len() > DECIMALS {
            return Err(ParsePercentError("a percentage has at most six decimals"));
        }
        let Ok(whole) = whole.parse::<u32>() else { return Err(NOT_A_NUMBER) };
        let decimals = format!("{decimals:0<DECIMALS$}").parse::<u32>().unwrap_or_default();
        let millionths =
            whole.checked_mul(MILLIONTHS_PER_PERCENT).and_then(|it| it.checked_add(decimals));
        millionths.and_then(Self::from_millionths).ok_or(NOT_A_NUMBER)
    }

    /// In millionths of a percent.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// As a fraction, from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL.0)
    }

    /// The rest of 100 %.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(Self::ALL.0 - self.0)
    }

    /// The sum; [`None`] if it is over 100 %.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_millionths(self.0 + other.0)
    }
}

impl fmt::Display for Percent {
    /// The number alone, as short as possible: `99.9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / MILLIONTHS_PER_PERCENT, self.0 % MILLIONTHS_PER_PERCENT);
        if decimals == 0 {
            return write!(f, "{whole}");
        }
        let decimals = format!("{decimals:0DECIMALS$}");
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_printed_as_short_as_possible() {
        for (millionths, text) in
            [(0, "0"), (1, "0.000001"), (99_900_000, "99.9"), (100_000_000, "100")]
        {
            assert_eq!(Percent::from_millionths(millionths).unwrap().to_string(), text);
        }
        assert_eq!(Percent::from_millionths(100_000_001), None);
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for millionths in [0, 1, 10, 33_333_333, 99_900_000, 99_999_999, 100_000_000] {
            let percent = Percent::from_millionths(millionths).unwrap();
            assert_eq!(Percent::from_number(&percent.to_string()), Ok(percent));
        }
        assert_eq!(Percent::from_number("099.90").unwrap().to_string(), "99.9");
    }

    #[test]
    fn wrong_percentages_are_refused() {
        for text in
            ["", ".5", "5.", "-1", "+1", "1e1", "5%", "100.000001", "1.0000000", "99999999999"]
        {
            assert!(Percent::from_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_and_its_rest_add_up_to_all() {
        let share = Percent::from_millionths(33_333_333).unwrap();
        assert_eq!(share.checked_add(share.rest()), Some(Percent::ALL));
        assert_eq!(Percent::ALL.checked_add(Percent::from_millionths(1).unwrap()), None);
    }
}
