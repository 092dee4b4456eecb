//! The measured value of a metric.

use std::fmt;
use std::time::Duration;

use longsync_text::{decimal, duration, grouped};

use crate::distribution::Quantile;
use crate::moment::whole_nanos;
use crate::share::Share;

/// The value that a threshold or a stop rule found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// There is not a single call to which it applies.
    Unmeasured,
    /// A percentile, the mean to the nearest nanosecond, or the longest of some times.
    Time(Quantile),
    /// Failed calls among those that ended, or calls not sent among those that were due.
    Share(Share),
    /// Good answers, and the time over which they were recorded, which is above zero.
    Rate {
        /// How many.
        calls: u64,
        /// Over how long.
        time: Duration,
    },
}

impl Value {
    /// The same, rounded as it is shown.
    pub(crate) fn rounded(self) -> Self {
        let rounded = |time| duration::parse(&duration::rounded(time)).unwrap_or(time);
        match self {
            Self::Time(Quantile::At(time)) => Self::Time(Quantile::At(rounded(time))),
            Self::Time(Quantile::Beyond(time)) => Self::Time(Quantile::Beyond(rounded(time))),
            other => other,
        }
    }

    /// As text, without rounding.
    pub(crate) fn exact(self) -> String {
        match self {
            Self::Time(Quantile::At(time)) => duration::text(time),
            other => other.to_string(),
        }
    }
}

impl From<Option<Share>> for Value {
    fn from(share: Option<Share>) -> Self {
        share.map_or(Self::Unmeasured, Self::Share)
    }
}

impl fmt::Display for Value {
    /// Times and shares to four digits, values beyond as `> X`: `251.2ms`, `> 12.5ms`, `0.3 % (3 of 1,000)`,
    /// `998.7/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unmeasured => f.write_str("nothing was measured"),
            Self::Time(Quantile::BelowZero) => f.write_str("below zero"),
            Self::Time(Quantile::At(time)) => f.write_str(&duration::rounded(time)),
            Self::Time(Quantile::Beyond(Duration::ZERO)) => f.write_str("no good answer"),
            Self::Time(Quantile::Beyond(time)) => write!(f, "> {}", duration::rounded(time)),
            Self::Share(share) => share.fmt(f),
            Self::Rate { calls, time } => f.write_str(&per_second(calls, time)),
        }
    }
}

/// Calls per second, with at most three decimals, rounded down: so that no rate is shown as one that was not
/// reached.
fn per_second(calls: u64, time: Duration) -> String {
    const DECIMALS: usize = 3;
    let nanos = u128::from(whole_nanos(time).max(1));
    let thousandths = u128::from(calls) * 1_000_000_000_000 / nanos;
    let whole = u64::try_from(thousandths / 1_000).unwrap_or(u64::MAX);
    let fraction = decimal::text(thousandths % 1_000, DECIMALS);
    format!("{}{}/s", grouped(whole), fraction.trim_start_matches('0'))
}
