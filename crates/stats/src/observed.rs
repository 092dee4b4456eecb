//! A user's knowledge of a service's durations, in any of several forms. Pure.

mod buckets;
mod exposition;
mod percentiles;

pub use self::buckets::ObservedBuckets;
pub use self::percentiles::ObservedPercentiles;
use crate::recorded::{RecordedDurations, RecordingError, text};

/// An observation of a service. Exhaustive, except for forms that may be added.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// The durations themselves, or those of a histogram.
    Recorded(RecordedDurations),
    /// A Prometheus histogram.
    Buckets(ObservedBuckets),
    /// Percentiles that a user has read off.
    Percentiles(ObservedPercentiles),
}

impl Observation {
    /// Reads the content in whichever of these forms it is:
    ///
    /// - **Prometheus' text form** (or that of `OpenMetrics`) with a histogram, `NAME_bucket{le="..."}`: all
    ///   its series are added up. Bounds are seconds, unless the name ends with another unit.
    /// - **Percentiles**, such as `p50=10ms,p95=20ms,p99=80ms,max=1s`: the `p` may be left out, `max` and
    ///   `min` mean 100 and 0, and white space may replace a comma.
    /// - Everything that [`RecordedDurations::read`] reads.
    ///
    /// # Errors
    /// When it has none of these forms, or a line of it is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordingError> {
        let text = text(bytes)?;
        if exposition::is_one(text) {
            Ok(Self::Buckets(buckets::read(text)?))
        } else if percentiles::are_these(text) {
            Ok(Self::Percentiles(percentiles::read(text)?))
        } else {
            Ok(Self::Recorded(RecordedDurations::of_text(text)?))
        }
    }
}

#[cfg(test)]
mod tests;
