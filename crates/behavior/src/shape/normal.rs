//! The normal law, truncated.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use super::{Law, enough, nanos, positive};
use crate::normal;
use crate::parameter_error::ParameterError;

/// The normal distribution, conditioned on the value being between 0 and `most`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Normal {
    mean: Duration,
    deviation: Duration,
    most: Duration,
    mean_ns: f64,
    deviation_ns: f64,
    most_ns: f64,
    /// Which shares of the law as written are at most 0, and at most `most`.
    below_zero: f64,
    below_most: f64,
}

impl Normal {
    /// Mean and standard deviation are those of the law before it is truncated.
    pub(crate) fn new(
        mean: Duration,
        deviation: Duration,
        most: Duration,
    ) -> Result<Self, ParameterError> {
        let mean_ns = positive(0, "the mean", mean, most)?;
        let deviation_ns = positive(1, "the standard deviation", deviation, most)?;
        let most_ns = nanos(most);
        let below_zero = normal::share_to((0.0 - mean_ns) / deviation_ns);
        let below_most = normal::share_to((most_ns - mean_ns) / deviation_ns);
        enough(below_most - below_zero, most)?;
        Ok(Self { mean, deviation, most, mean_ns, deviation_ns, most_ns, below_zero, below_most })
    }
}

impl Law for Normal {
    fn at(&self, u: f64) -> f64 {
        let share = self.below_zero + u * (self.below_most - self.below_zero);
        let value = self.mean_ns + self.deviation_ns * normal::at(share);
        value.clamp(0.0, self.most_ns)
    }

    fn share_to(&self, value: f64) -> f64 {
        let below = normal::share_to((value - self.mean_ns) / self.deviation_ns);
        ((below - self.below_zero) / (self.below_most - self.below_zero)).clamp(0.0, 1.0)
    }

    fn mean(&self) -> f64 {
        let at_zero = normal::density((0.0 - self.mean_ns) / self.deviation_ns);
        let at_most = normal::density((self.most_ns - self.mean_ns) / self.deviation_ns);
        let share = self.below_most - self.below_zero;
        self.mean_ns + self.deviation_ns * (at_zero - at_most) / share
    }

    fn ends(&self) -> (f64, f64) {
        (0.0, self.most_ns)
    }

    fn beyond(&self) -> f64 {
        1.0 - (self.below_most - self.below_zero)
    }
}

impl fmt::Display for Normal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "normal({}, {})", text(self.mean), text(self.deviation))?;
        super::max(f, self.most)
    }
}
