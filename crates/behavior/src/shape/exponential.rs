//! The exponential law, truncated.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use super::{Law, enough, nanos, positive};
use crate::parameter_error::ParameterError;

/// The times between the events of a Poisson process, conditioned on being at most `most`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exponential {
    mean: Duration,
    most: Duration,
    mean_ns: f64,
    most_ns: f64,
    /// Which share of the law as written is at most `most`.
    share: f64,
}

impl Exponential {
    pub(crate) fn new(mean: Duration, most: Duration) -> Result<Self, ParameterError> {
        let (mean_ns, most_ns) = (positive(0, "the mean", mean, most)?, nanos(most));
        let share = enough(-libm::expm1(-most_ns / mean_ns), most)?;
        Ok(Self { mean, most, mean_ns, most_ns, share })
    }
}

impl Law for Exponential {
    fn at(&self, u: f64) -> f64 {
        (-self.mean_ns * libm::log1p(-u * self.share)).min(self.most_ns)
    }

    fn share_to(&self, value: f64) -> f64 {
        (-libm::expm1(-value.max(0.0) / self.mean_ns) / self.share).min(1.0)
    }

    fn mean(&self) -> f64 {
        self.mean_ns - self.most_ns * (1.0 - self.share) / self.share
    }

    fn ends(&self) -> (f64, f64) {
        (0.0, self.most_ns)
    }

    fn beyond(&self) -> f64 {
        1.0 - self.share
    }
}

impl fmt::Display for Exponential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exponential({})", text(self.mean))?;
        super::max(f, self.most)
    }
}
