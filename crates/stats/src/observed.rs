//! What somebody knows of a service's durations, in any of the forms in which it is at hand. Pure.

mod buckets;
mod exposition;
mod percentiles;

pub use self::buckets::ObservedBuckets;
pub use self::percentiles::ObservedPercentiles;
use crate::recorded::{RecordedDurations, RecordingError, text};

/// What was observed of a service. Exhaustive but for forms that come.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// Its durations themselves, or a histogram's.
    Recorded(RecordedDurations),
    /// A histogram of Prometheus.
    Buckets(ObservedBuckets),
    /// Percentiles that were read off.
    Percentiles(ObservedPercentiles),
}

impl Observation {
    /// Reads whichever of these the content is:
    ///
    /// - **Prometheus' text form** (or that of `OpenMetrics`) with one histogram, `NAME_bucket{le="..."}`: all
    ///   its series are added up. Bounds are seconds, unless the name ends with another unit.
    /// - **Percentiles**, such as `p50=10ms,p95=20ms,p99=80ms,max=1s`: the `p` may be left out, `max` and `min`
    ///   are those of 100 and 0, and white space may stand in place of a comma.
    /// - What [`RecordedDurations::read`] reads.
    ///
    /// # Errors
    /// When it is none of these, or a line of it is wrong.
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
