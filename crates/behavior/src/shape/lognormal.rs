//! The log-normal law, truncated.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use super::{Law, enough, nanos, positive, positive_number};
use crate::parameter_error::ParameterError;
use crate::quadrature::integral;
use crate::{Percent, normal};

/// A law whose logarithm is normal: `value = anchor * e^(sigma * (z - anchor_z))` for a standard normal `z`.
/// Up to the last percentile that was given, it is the law as written. Only the tail beyond it is conditioned
/// on being at most `most`; without a percentile, the entire law is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lognormal {
    given: LognormalParameters,
    most: Duration,
    /// A value and its `z`: the lower percentile's, or the median's.
    anchor_ns: f64,
    anchor_z: f64,
    sigma: f64,
    most_ns: f64,
    /// The share below which nothing is conditioned; if it is 0, everything is.
    kept: f64,
    /// Which share of the law as written is at most `most`.
    share: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum LognormalParameters {
    Percentiles([(Percent, Duration); 2]),
    Sigma(Duration, f64),
}

impl Lognormal {
    /// The law with these two percentiles, in any order.
    pub(crate) fn from_percentiles(
        first: (Percent, Duration),
        second: (Percent, Duration),
        most: Duration,
    ) -> Result<Self, ParameterError> {
        for (parameter, (percent, value)) in [first, second].into_iter().enumerate() {
            if percent == Percent::NONE || percent == Percent::ALL {
                let why =
                    format!("p{percent} is not between p0 and p100: a log-normal has no ends");
                return Err(ParameterError::of(parameter, why));
            }
            positive(parameter, format_args!("p{percent}"), value, most)?;
        }
        let ordered = if first.0 <= second.0 { [first, second] } else { [second, first] };
        let [(low_percent, low), (high_percent, high)] = ordered;
        if low_percent == high_percent {
            return Err(ParameterError::of(1, format!("p{low_percent} is given twice")));
        }
        let (low_ns, high_ns) = (nanos(low), nanos(high));
        if low_ns >= high_ns {
            let so = format!("p{high_percent} must be above p{low_percent}");
            return Err(ParameterError::of_all(if low == high {
                format!("{so}: if all are equal, write the constant {}", text(low))
            } else {
                format!("{so}, which is {}", text(low))
            }));
        }
        let [low_z, high_z] = [low_percent, high_percent].map(|it| normal::at(it.fraction()));
        let sigma = libm::log(high_ns / low_ns) / (high_z - low_z);
        let given = LognormalParameters::Percentiles(ordered);
        Self::truncated(given, (low_ns, low_z), sigma, high_percent.fraction(), most)
    }

    /// The law with this median and this standard deviation of its natural logarithm.
    pub(crate) fn from_sigma(
        median: Duration,
        sigma: f64,
        most: Duration,
    ) -> Result<Self, ParameterError> {
        let median_ns = positive(0, "the median", median, most)?;
        let sigma = positive_number(1, "sigma", sigma)?;
        Self::truncated(
            LognormalParameters::Sigma(median, sigma),
            (median_ns, 0.0),
            sigma,
            0.0,
            most,
        )
    }

    fn truncated(
        given: LognormalParameters,
        (anchor_ns, anchor_z): (f64, f64),
        sigma: f64,
        kept: f64,
        most: Duration,
    ) -> Result<Self, ParameterError> {
        let most_ns = nanos(most);
        let most_z = anchor_z + libm::log(most_ns / anchor_ns) / sigma;
        // Rounding must not make `most` less than a percentile that is equal to it.
        let share = enough(normal::share_to(most_z).max(kept), most)?;
        Ok(Self { given, most, anchor_ns, anchor_z, sigma, most_ns, kept, share })
    }

    /// The value with this `z`, in the law as written.
    fn value(&self, z: f64) -> f64 {
        self.anchor_ns * libm::exp(self.sigma * (z - self.anchor_z))
    }

    /// The `z` of this value, in the law as written.
    fn z(&self, value: f64) -> f64 {
        self.anchor_z + libm::log(value / self.anchor_ns) / self.sigma
    }

    /// The integral of the values with their density from one `z` to another, in the law as written. The
    /// closed form has factors that overflow if sigma is large.
    fn integral_of_values(&self, ends: (f64, f64)) -> f64 {
        let (ends, pieces) = window(self.sigma, ends);
        integral(ends, pieces, |z| self.value(z) * normal::density(z))
    }

    /// The mean beyond the last percentile that was given.
    fn mean_of_tail(&self, kept_z: f64) -> f64 {
        if self.share <= self.kept {
            return self.most_ns;
        }
        let tail = (kept_z, self.z(self.most_ns));
        let (ends, pieces) = window(0.0, tail);
        self.integral_of_values(tail) / integral(ends, pieces, normal::density)
    }
}

/// The part of the range between two ends that contributes to the integral of `e^(tilt z)` times the standard
/// normal density, and in how many pieces to take it. The rest contributes less than 1 part in 10^17.
fn window(tilt: f64, (from, to): (f64, f64)) -> ((f64, f64), u32) {
    // The integrand is proportional to the density of a normal law around `tilt`: it is negligible further
    // than this many standard deviations from its maximum. If it rises steeply up to the end, it is also
    // negligible where it is smaller by a factor of e^-40.
    const FAR: f64 = 9.0;
    let to = to.min(from.max(tilt) + FAR);
    let rise = tilt - to;
    let far = if rise > 0.0 { FAR.min(40.0 / rise) } else { FAR };
    let from = from.max(to.min(tilt) - far);
    let steepest = (to - tilt).abs().max((from - tilt).abs());
    let pieces = ((to - from) * steepest.max(2.0)).ceil().max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1, and by the lines above at most 2 FAR FAR"
    )]
    ((from, to), pieces as u32)
}

impl Law for Lognormal {
    fn at(&self, u: f64) -> f64 {
        let share = if u <= self.kept {
            u
        } else {
            self.kept + (u - self.kept) / (1.0 - self.kept) * (self.share - self.kept)
        };
        self.value(normal::at(share)).min(self.most_ns)
    }

    fn share_to(&self, value: f64) -> f64 {
        if value >= self.most_ns {
            return 1.0;
        }
        let share = if value <= 0.0 { 0.0 } else { normal::share_to(self.z(value)) };
        if share <= self.kept || self.share <= self.kept {
            return share.min(self.kept);
        }
        (self.kept + (share - self.kept) * (1.0 - self.kept) / (self.share - self.kept)).min(1.0)
    }

    fn mean(&self) -> f64 {
        if self.kept == 0.0 {
            let all = (f64::NEG_INFINITY, self.z(self.most_ns));
            return self.integral_of_values(all) / self.share;
        }
        let kept_z = normal::at(self.kept);
        self.integral_of_values((f64::NEG_INFINITY, kept_z))
            + (1.0 - self.kept) * self.mean_of_tail(kept_z)
    }

    fn ends(&self) -> (f64, f64) {
        (0.0, self.most_ns)
    }

    fn beyond(&self) -> f64 {
        1.0 - self.share
    }
}

impl fmt::Display for Lognormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.given {
            LognormalParameters::Percentiles([(low, low_value), (high, high_value)]) => {
                let (low_value, high_value) = (text(low_value), text(high_value));
                write!(f, "lognormal(p{low}={low_value}, p{high}={high_value})")?;
            }
            LognormalParameters::Sigma(median, sigma) => {
                write!(f, "lognormal(p50={}, sigma={sigma})", text(median))?;
            }
        }
        super::max(f, self.most)
    }
}
