//! The Pareto law, truncated.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use super::{Law, decay, enough, nanos, positive, positive_number};
use crate::parameter_error::ParameterError;

/// A power law above its `scale`, which is the least value, conditioned on the value being at most `most`:
/// before the condition, a value `x` is exceeded with probability `(scale / x)^exponent`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pareto {
    scale: Duration,
    exponent: f64,
    most: Duration,
    scale_ns: f64,
    most_ns: f64,
    /// Which share of the law as written is at most `most`.
    share: f64,
}

impl Pareto {
    pub(crate) fn new(
        scale: Duration,
        exponent: f64,
        most: Duration,
    ) -> Result<Self, ParameterError> {
        let (scale_ns, most_ns) = (positive(0, "the scale", scale, most)?, nanos(most));
        let exponent = positive_number(1, "the shape", exponent)?;
        let share = enough(1.0 - libm::pow(scale_ns / most_ns, exponent), most)?;
        Ok(Self { scale, exponent, most, scale_ns, most_ns, share })
    }
}

impl Law for Pareto {
    fn at(&self, u: f64) -> f64 {
        let exceeded = 1.0 - u * self.share;
        (self.scale_ns * libm::pow(exceeded, -1.0 / self.exponent))
            .clamp(self.scale_ns, self.most_ns)
    }

    fn share_to(&self, value: f64) -> f64 {
        let value = value.max(self.scale_ns);
        ((1.0 - libm::pow(self.scale_ns / value, self.exponent)) / self.share).min(1.0)
    }

    fn mean(&self) -> f64 {
        let length = libm::log(self.most_ns / self.scale_ns);
        self.exponent * self.scale_ns * decay(self.exponent - 1.0, length) / self.share
    }

    fn ends(&self) -> (f64, f64) {
        (self.scale_ns, self.most_ns)
    }

    fn beyond(&self) -> f64 {
        1.0 - self.share
    }
}

impl fmt::Display for Pareto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pareto({}, {})", text(self.scale), self.exponent)?;
        super::max(f, self.most)
    }
}
