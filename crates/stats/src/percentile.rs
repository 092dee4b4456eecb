//! Percentiles, and their ranks in integers. Pure.

use std::fmt;
use std::str::FromStr;

use longsync_text::Percent;
use longsync_text::said::quoted;

/// A percentile, in parts per million: 990,000 is p99.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentile(u32);

/// One part per million is this many millionths of a percent.
const MILLIONTHS_PER_PART: u32 = 100;
/// The decimals of a percentage in which every part per million can be written.
const DECIMALS: usize = 4;

impl Percentile {
    const WHOLE: u32 = 1_000_000;

    /// The median.
    pub const P50: Self = Self(500_000);
    /// The value that 75 % do not exceed.
    pub const P75: Self = Self(750_000);
    /// The value that 90 % do not exceed.
    pub const P90: Self = Self(900_000);
    /// The value that 99 % do not exceed.
    pub const P99: Self = Self(990_000);
    /// The value that 99.9 % do not exceed.
    pub const P99_9: Self = Self(999_000);
    /// The value that 99.99 % do not exceed.
    pub const P99_99: Self = Self(999_900);
    /// The value that none exceeds.
    pub const P100: Self = Self(Self::WHOLE);

    /// The given number of parts per million, if it is at most a million.
    pub const fn per_million(parts: u32) -> Option<Self> {
        if parts <= Self::WHOLE { Some(Self(parts)) } else { None }
    }

    /// In parts per million.
    pub const fn parts(self) -> u32 {
        self.0
    }

    /// The rank of this percentile among `count` values: ceil(count x p), in integers, and the first
    /// for p = 0.
    pub fn rank(self, count: u64) -> u64 {
        let rank = (u128::from(count) * u128::from(self.0)).div_ceil(u128::from(Self::WHOLE));
        u64::try_from(rank).unwrap_or(u64::MAX).max(1)
    }
}

impl fmt::Display for Percentile {
    /// As it is read, as short as possible: `p99.9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A percentile is at most 100 %.
        let percent =
            Percent::from_millionths(self.0 * MILLIONTHS_PER_PART).unwrap_or(Percent::ALL);
        write!(f, "p{percent}")
    }
}

/// Why a text is not a percentile, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is not a percentile: write one such as p50 or p99.9, over p0, at most p100, with at most four \
     decimals",
    quoted(.0)
)]
pub struct ParsePercentileError(String);

impl FromStr for Percentile {
    type Err = ParsePercentileError;

    /// Reads `p` and a percentage over 0, at most 100, with at most four decimals: `p50`, `p99.9`.
    fn from_str(text: &str) -> Result<Self, ParsePercentileError> {
        read(text).ok_or_else(|| ParsePercentileError(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Percentile> {
    let number = text.strip_prefix('p')?;
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals > DECIMALS {
        return None;
    }
    let parts = Percent::from_number(number).ok()?.millionths() / MILLIONTHS_PER_PART;
    (parts > 0).then_some(Percentile(parts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The rank is the least integer that is at least count x p.
        #[test]
        fn a_rank_is_the_ceiling(count in 1_u64..u64::MAX / 2, parts in 1_u32..=1_000_000) {
            let rank = u128::from(Percentile(parts).rank(count));
            let exact = u128::from(count) * u128::from(parts);
            prop_assert!(rank * 1_000_000 >= exact && (rank - 1) * 1_000_000 < exact);
        }

        /// Every percentile over p0 is read back as it was printed.
        #[test]
        fn what_is_printed_is_read_back(parts in 1_u32..=1_000_000) {
            let percentile = Percentile(parts);
            prop_assert_eq!(percentile.to_string().parse(), Ok(percentile));
        }

        /// Any text at all is read or refused; nothing panics.
        #[test]
        fn any_text_is_read_or_refused(text in "p?\\PC{0,8}|p[0-9.]{0,12}") {
            let _ = text.parse::<Percentile>();
        }
    }

    #[test]
    fn percentiles_are_printed_as_people_write_them() {
        for (percentile, text) in [
            (Percentile::P50, "p50"),
            (Percentile::P75, "p75"),
            (Percentile::P99_9, "p99.9"),
            (Percentile::P99_99, "p99.99"),
            (Percentile(999_999), "p99.9999"),
            (Percentile(1), "p0.0001"),
            (Percentile::P100, "p100"),
        ] {
            assert_eq!(percentile.to_string(), text);
        }
    }

    #[test]
    fn wrong_percentiles_are_refused_with_what_would_be_right() {
        for text in [
            "",
            "p",
            "p0",
            "p0.0000",
            "50",
            "P50",
            "p100.0001",
            "p101",
            "p99.99999",
            "p-1",
            "p5.",
            "p.5",
            "p1e1",
            "p50 ",
            "p50%",
            "p99999999999",
        ] {
            let why = text.parse::<Percentile>().unwrap_err().to_string();
            assert!(
                why.starts_with(&format!("`{text}` is not a percentile: write one such as p50"))
            );
        }
        let long = "p".repeat(10_000).parse::<Percentile>().unwrap_err();
        assert!(long.to_string().len() < 400);
    }
}
