//! The limit with which a metric is compared.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use longsync_text::said::quoted;
use longsync_text::{Percent, Rate, duration};

use crate::distribution::Quantile;
use crate::metric::{Metric, Value};
use crate::moment::whole_nanos;

/// The limit with which a metric is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricLimit {
    Time(Duration),
    Share(Percent),
    Rate(Rate),
}

impl MetricLimit {
    /// Reads the kind of limit that a metric has.
    pub(crate) fn read(metric: Metric, text: &str) -> Result<Self, String> {
        match metric {
            Metric::Time(..) => {
                duration::parse(text).map(Self::Time).map_err(|why| why.to_string())
            }
            Metric::Errors | Metric::NotSent => share(text).map(Self::Share),
            Metric::Rate => text
                .parse()
                .map(Self::Rate)
                .map_err(|why: longsync_text::ParseRateError| why.to_string()),
        }
    }

    /// Whether a value is less than this, equal to it, or more; [`None`] if nothing was measured. A value
    /// beyond is more than any limit.
    pub(crate) fn compare(self, value: Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Time(limit), Value::Time(reading)) => Some(match reading {
                Quantile::BelowZero => Ordering::Less,
                Quantile::At(time) => time.cmp(&limit),
                Quantile::Beyond(_) => Ordering::Greater,
            }),
            (Self::Share(limit), Value::Share(share)) => Some(share.compare(limit)),
            (Self::Rate(limit), Value::Rate { calls, time }) => {
                Some(compare_rate(calls, time, limit))
            }
            _ => None,
        }
    }

    /// Whether no value is less than this.
    pub(crate) fn is_least(self) -> bool {
        match self {
            Self::Time(limit) => limit.is_zero(),
            Self::Share(limit) => limit == Percent::NONE,
            Self::Rate(limit) => limit.is_zero(),
        }
    }

    /// Whether no value is more than this.
    pub(crate) fn is_most(self) -> bool {
        self == Self::Share(Percent::ALL)
    }
}

/// `calls / time` against a rate, in integers: both sides are less than 2^126.
fn compare_rate(calls: u64, time: Duration, limit: Rate) -> Ordering {
    const MILLIONTHS_TIMES_NANOS_PER_HOUR: u128 = 1_000_000 * 3_600_000_000_000;
    let reached = u128::from(calls) * MILLIONTHS_TIMES_NANOS_PER_HOUR;
    reached.cmp(&(u128::from(limit.millionths_per_hour()) * u128::from(whole_nanos(time))))
}

fn share(text: &str) -> Result<Percent, String> {
    let Some(number) = text.strip_suffix('%') else {
        return Err(format!("{} is not a percentage: write one such as 0.1%", quoted(text)));
    };
    Percent::from_number(number.trim_end())
        .map_err(|why| format!("{} is not a limit: {why}", quoted(text)))
}

impl fmt::Display for MetricLimit {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(limit) => f.write_str(&duration::text(*limit)),
            Self::Share(limit) => write!(f, "{limit}%"),
            Self::Rate(limit) => limit.fmt(f),
        }
    }
}
