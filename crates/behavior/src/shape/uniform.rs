//! The uniform law.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use super::{Law, at_most, nanos};
use crate::parameter_error::ParameterError;

/// Every value between two ends is equally likely.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Uniform {
    low: Duration,
    high: Duration,
    low_ns: f64,
    high_ns: f64,
}

impl Uniform {
    /// Refuses a high end that is not above the low one, or is above `most`.
    pub(crate) fn new(
        low: Duration,
        high: Duration,
        most: Duration,
    ) -> Result<Self, ParameterError> {
        at_most(0, "the low end", low, most)?;
        at_most(1, "the high end", high, most)?;
        let (low_ns, high_ns) = (nanos(low), nanos(high));
        if low_ns >= high_ns {
            let instead = if low == high {
                format!("write the constant {}", text(low))
            } else {
                format!("write uniform({}, {})", text(high), text(low))
            };
            return Err(ParameterError::of(
                1,
                format!("the high end must be above the low end: {instead}"),
            ));
        }
        Ok(Self { low, high, low_ns, high_ns })
    }
}

impl Law for Uniform {
    fn at(&self, u: f64) -> f64 {
        (self.low_ns + u * (self.high_ns - self.low_ns)).min(self.high_ns)
    }

    fn share_to(&self, value: f64) -> f64 {
        ((value - self.low_ns) / (self.high_ns - self.low_ns)).clamp(0.0, 1.0)
    }

    fn mean(&self) -> f64 {
        self.low_ns + 0.5 * (self.high_ns - self.low_ns)
    }

    fn ends(&self) -> (f64, f64) {
        (self.low_ns, self.high_ns)
    }
}

impl fmt::Display for Uniform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uniform({}, {})", text(self.low), text(self.high))
    }
}
