//! The behavior that reproduces measurements: points of `percentiles(...)`, chosen so that few of them bring
//! its law close to the data. Pure; percentages are integers, in millionths of a percent.

mod buckets;
mod judge;
mod law;
mod percentiles;
mod refine;
mod step;
mod text;
mod values;

use crate::shape::float;

pub use buckets::buckets;
pub use percentiles::percentiles;
pub use values::values;

/// 100 %, in millionths of a percent.
const WHOLE: u32 = 100_000_000;
/// The most points between 0 and 100 %: with these two, there are 64, the language's limit.
const MOST_INNER: usize = 62;
/// The most percentiles that can be given: if the last ones are equal, one is added.
const MOST_PERCENTILES: usize = MOST_INNER - 1;

/// A law that was fitted to data, and how far off it is. If all values are equal, it is a constant: then
/// there are no points, and the shortest value is the longest.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fit {
    /// The share of zeros, in millionths of a percent. The other fields are about the other values.
    pub zero_share: u32,
    /// The shortest value, in nanoseconds: the one for `0=`.
    pub min_ns: u64,
    /// Percentages, in millionths, ascending, and their values in nanoseconds.
    pub points: Vec<(u32, u64)>,
    /// The longest value, in nanoseconds; [`None`] if the data does not tell: then the law draws up to
    /// [`GuessAbove::to_ns`].
    pub max_ns: Option<u64>,
    /// The largest distance between the law's share and the data's up to any value (for buckets: up to any
    /// bound), zeros included: the Kolmogorov-Smirnov distance, from 0 to 1.
    pub ks: f64,
    /// The percentile whose value is furthest off, in proportion; for recorded values, among those from p50
    /// to p99.9. [`None`] for buckets, whose values are unknown.
    pub worst: Option<WorstPercentile>,
    /// The part of the law that the data does not support.
    pub guess_above: Option<GuessAbove>,
}

/// A percentile, with the data's value there and the law's.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct WorstPercentile {
    /// In percent, of all values, zeros included.
    pub percent: f64,
    /// The data's value, in nanoseconds.
    pub asked_ns: u64,
    /// The law's value, in nanoseconds.
    pub law_ns: u64,
}

/// The part of the law above the last value that the data has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuessAbove {
    /// The share of all values in it, in millionths of a percent.
    pub share: u32,
    /// The last value of the data, in nanoseconds.
    pub from_ns: u64,
    /// The longest value that the law draws, in nanoseconds, unless the server's limit is below it.
    pub to_ns: u64,
}

/// Why there is no law for some data, and what would be right. Exhaustive, except for new kinds of data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// Nothing was counted.
    #[error("there is not a single value: give durations, or buckets whose counts are above zero")]
    Empty,
    /// Values, bounds or percentages do not ascend, or their counts or values fall.
    #[error(
        "the data is not in order: values, bounds and percentages must rise, \
         counts of buckets and values of percentiles must not fall"
    )]
    Unordered,
    /// All values are above the last bound.
    #[error(
        "all values are in the +Inf bucket, so nothing says how long they are: \
         give buckets with a bound that some values do not exceed"
    )]
    AllAbove,
    /// Fewer percentiles than two do not make a curve.
    #[error(
        "one percentile is not a distribution: give at least two below 100, such as p50=10ms,p99=80ms"
    )]
    TooFewPercentiles,
    /// More percentiles than a behavior can have.
    #[error(
        "these are more percentiles than a behavior can have: give at most {MOST_PERCENTILES} between 0 and 100"
    )]
    TooManyPercentiles,
}

impl Fit {
    /// The constant law of a single value, perhaps with zeros.
    fn constant(zero_share: u32, nanos: u64) -> Self {
        Self {
            zero_share,
            min_ns: nanos,
            points: Vec::new(),
            max_ns: Some(nanos),
            ks: 0.0,
            worst: None,
            guess_above: None,
        }
    }

    /// The behavior as text: `percentiles(...)`, a duration if all values are equal, and with zeros
    /// `mix(...)` of these.
    pub fn text(&self) -> String {
        text::of(self)
    }
}

/// A share from 0 to 1 in millionths of a percent; a share that is neither nothing nor all is not rounded to
/// either.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 1 and 99,999,999"
)]
fn millionths(share: f64) -> u32 {
    f64::round(share * f64::from(WHOLE)).clamp(1.0, f64::from(WHOLE - 1)) as u32
}

/// A percentage in millionths as a share from 0 to 1.
fn share(millionths: u32) -> f64 {
    f64::from(millionths) / f64::from(WHOLE)
}

#[cfg(test)]
mod tests;
