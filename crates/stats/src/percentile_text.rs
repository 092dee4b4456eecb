//! Percentiles as people write them.

use std::fmt;
use std::str::FromStr;

use longsync_text::Percent;
use longsync_text::said::quoted;

use crate::distribution::Percentile;

/// A part of a million is this many millionths of a percent.
const MILLIONTHS_PER_PART: u32 = 100;
/// The decimals of a percent in which all parts of a million can be written.
const DECIMALS: usize = 4;

impl fmt::Display for Percentile {
    /// As it is read, as short as it can be: `p99.9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Among a million values, the rank is the parts of a million.
        let parts = u32::try_from(self.rank(1_000_000)).unwrap_or(u32::MAX);
        let percent = Percent::from_millionths(parts.saturating_mul(MILLIONTHS_PER_PART));
        write!(f, "p{}", percent.unwrap_or(Percent::ALL))
    }
}

/// Why a text is not a percentile, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is not a percentile: write one such as p50 or p99.9, over p0, at most p100, with at most four \
     decimals",
    quoted(.0)
)]
pub struct NotAPercentile(String);

impl FromStr for Percentile {
    type Err = NotAPercentile;

    /// Reads `p` and a percentage over 0, at most 100, with at most four decimals: `p50`, `p99.9`.
    fn from_str(text: &str) -> Result<Self, NotAPercentile> {
        read(text).ok_or_else(|| NotAPercentile(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Percentile> {
    let number = text.strip_prefix('p')?;
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals > DECIMALS {
        return None;
    }
    let parts = Percent::from_number(number).ok()?.millionths() / MILLIONTHS_PER_PART;
    Percentile::per_million(parts).filter(|_| parts > 0)
}
