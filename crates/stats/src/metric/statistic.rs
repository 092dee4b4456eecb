//! The statistics of many times.

use std::fmt;
use std::time::Duration;

use super::Value;
use crate::distribution::{Distribution, Quantile};
use crate::percentile::Percentile;

/// A percentile with fewer values above it says little (time.md, Confidence).
const FEW: u64 = 10;

/// The statistics of many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    Percentile(Percentile),
    Mean,
    Max,
}

impl Statistic {
    /// Reads one; [`None`] if the text is not the name of one.
    pub(crate) fn read(text: &str) -> Result<Option<Self>, String> {
        match text {
            "mean" => Ok(Some(Self::Mean)),
            "max" => Ok(Some(Self::Max)),
            _ if begins_as_percentile(text) => {
                let percentile = text.parse::<Percentile>().map_err(|why| why.to_string())?;
                Ok(Some(Self::Percentile(percentile)))
            }
            _ => Ok(None),
        }
    }

    /// Its value for these times: beyond the longest if the call that it selects is.
    pub(crate) fn of(self, times: &Distribution) -> Value {
        match self {
            Self::Percentile(percentile) => {
                times.percentile(percentile).map_or(Value::Unmeasured, Value::Time)
            }
            _ if times.count() == 0 => Value::Unmeasured,
            _ if times.beyond() > 0 => {
                Value::Time(Quantile::Beyond(times.longest().unwrap_or_default()))
            }
            Self::Mean => Value::Time(mean(times)),
            Self::Max => Value::Time(times.longest().map_or(Quantile::BelowZero, Quantile::At)),
        }
    }

    /// Whether too few of these times are above it for it to say much.
    pub(crate) fn is_marked(self, times: &Distribution) -> bool {
        match self {
            Self::Percentile(percentile) => times.count() > 0 && times.above(percentile) < FEW,
            Self::Mean | Self::Max => false,
        }
    }
}

/// Whether a text can only mean a percentile.
pub(crate) fn begins_as_percentile(text: &str) -> bool {
    text.strip_prefix('p').is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()))
}

/// To the nearest nanosecond; there is at least one time, and none is beyond.
fn mean(times: &Distribution) -> Quantile {
    let mean = times.mean().map(|nanos| Duration::try_from_secs_f64(nanos / 1e9));
    mean.and_then(Result::ok).map_or(Quantile::BelowZero, Quantile::At)
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percentile) => percentile.fmt(f),
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
        }
    }
}
