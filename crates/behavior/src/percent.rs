//! Shares, kept as integers so that sums are exact.

use std::fmt;

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

    /// In millionths of a percent.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// As a fraction, from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL.0)
    }

    /// What this share leaves.
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
    /// The number alone, as short as it can be: `99.9`.
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
    fn percents_are_printed_as_short_as_they_can_be() {
        for (millionths, text) in
            [(0, "0"), (1, "0.000001"), (99_900_000, "99.9"), (100_000_000, "100")]
        {
            assert_eq!(Percent::from_millionths(millionths).unwrap().to_string(), text);
        }
        assert_eq!(Percent::from_millionths(100_000_001), None);
    }

    #[test]
    fn a_share_and_its_rest_are_all() {
        let share = Percent::from_millionths(33_333_333).unwrap();
        assert_eq!(share.checked_add(share.rest()), Some(Percent::ALL));
        assert_eq!(Percent::ALL.checked_add(Percent::from_millionths(1).unwrap()), None);
    }
}
