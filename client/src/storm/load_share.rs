//! A load as a share of the server's capacity. Pure.

use std::fmt;
use std::str::FromStr;

use longsync_text::decimal::{scaled, text};

const DECIMALS: usize = 6;
const ONE_PERCENT: u64 = 1_000_000;

/// A share of a server's capacity, above 0 % and up to 1,000 %, to six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadShare(u64);

/// What is wrong with a load, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a share of the server's capacity above 0 % and up to 1000 %, such as 80%")]
pub struct ParseLoadShareError(());

impl LoadShare {
    /// The load at which a server has exactly as much to do as it can.
    pub const CAPACITY: Self = Self(100 * ONE_PERCENT);
    const MOST: u64 = 1_000 * ONE_PERCENT;

    /// In millionths of a percent.
    pub(super) fn millionths_of_percent(self) -> u64 {
        self.0
    }

    /// As a fraction: 80 % is 0.8.
    #[expect(clippy::cast_precision_loss, reason = "it has at most ten digits")]
    pub fn fraction(self) -> f64 {
        self.0 as f64 / Self::CAPACITY.0 as f64
    }
}

impl FromStr for LoadShare {
    type Err = ParseLoadShareError;

    fn from_str(written: &str) -> Result<Self, ParseLoadShareError> {
        let wrong = ParseLoadShareError(());
        let number = written.trim().strip_suffix('%').ok_or_else(|| wrong.clone())?;
        let share = scaled(number.trim_end(), DECIMALS).map_err(|_| wrong.clone())?;
        let share = u64::try_from(share).ok().filter(|share| (1..=Self::MOST).contains(share));
        share.map(Self).ok_or(wrong)
    }
}

impl fmt::Display for LoadShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", text(self.0.into(), DECIMALS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_above_zero_and_at_most_a_thousand_percent() {
        for (written, shown) in [("80%", "80%"), (" 99.50 % ", "99.5%"), ("1000%", "1000%")] {
            assert_eq!(written.parse::<LoadShare>().unwrap().to_string(), shown);
        }
        for wrong in ["0%", "1000.000001%", "0.0000001%", "80", "0.8", "-1%", "%", "", "all%"] {
            let why = wrong.parse::<LoadShare>().unwrap_err().to_string();
            assert!(why.contains("such as 80%"), "{wrong}: {why}");
        }
    }
}
