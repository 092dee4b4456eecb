//! The shapes of a delay. Each draws by its inverse distribution function from one uniform number, and so
//! knows its own quantiles. Truncation conditions the law: values are never clamped, which would make a spike
//! at the edge.

mod exponential;
mod lognormal;
mod normal;
mod pareto;
mod percentiles;
mod replay;
mod uniform;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use crate::DEFAULT_MOST;
use crate::parameter_error::ParameterError;
use crate::quadrature::integral;

pub(crate) use self::exponential::Exponential;
pub(crate) use self::lognormal::Lognormal;
pub(crate) use self::normal::Normal;
pub(crate) use self::pareto::Pareto;
pub(crate) use self::percentiles::Percentiles;
pub(crate) use self::replay::Replay;
pub(crate) use self::uniform::Uniform;

/// A law of delays, in nanoseconds. Values beyond its truncation are never drawn.
pub(crate) trait Law {
    /// The value at `u`, which lies between 0 and 1, both excluded: the inverse distribution function. It
    /// lies within [`Law::ends`].
    fn at(&self, u: f64) -> f64;

    /// Which share of the values is at most `value`: the distribution function.
    fn share_to(&self, value: f64) -> f64;

    fn mean(&self) -> f64;

    /// The mean of the squares.
    fn second_moment(&self) -> f64 {
        // In y = -ln(1 - u), so that the tail has as many pieces as it has orders of magnitude. What lies
        // beyond has a probability that a float cannot tell from 0.
        const LONGEST: f64 = 36.0;
        integral((0.0, LONGEST), 2_000, |y| {
            let value = self.at(-libm::expm1(-y));
            value * value * libm::exp(-y)
        })
    }

    /// The least and the greatest value.
    fn ends(&self) -> (f64, f64);

    /// Which share of the law as written lies beyond its truncation, before the condition.
    fn beyond(&self) -> f64 {
        0.0
    }
}

/// If less than this share of a law lies below its truncation, that is a mistake.
const LEAST_SHARE: f64 = 0.01;

/// A duration in nanoseconds: exact up to 104 days. A longer one is rounded down, by at most 4 ns in a year,
/// so that nothing is drawn beyond it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rounding is corrected below"
)]
pub(crate) fn nanos(duration: Duration) -> f64 {
    let exact = duration.as_nanos();
    let nearest = exact as f64;
    if nearest as u128 > exact { nearest.next_down() } else { nearest }
}

/// A whole number: exact up to 2^53, and to 16 digits beyond.
#[expect(
    clippy::cast_precision_loss,
    reason = "16 digits are enough for statistics and logarithms"
)]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// Checks that a parameter is above zero and at most `most`.
fn positive(
    parameter: usize,
    name: impl fmt::Display,
    value: Duration,
    most: Duration,
) -> Result<f64, ParameterError> {
    if value.is_zero() {
        return Err(ParameterError::of(parameter, format!("{name} must be above 0s")));
    }
    at_most(parameter, name, value, most)
}

/// Checks that a parameter is at most `most`.
pub(crate) fn at_most(
    parameter: usize,
    name: impl fmt::Display,
    value: Duration,
    most: Duration,
) -> Result<f64, ParameterError> {
    if value > most {
        return Err(ParameterError::of(
            parameter,
            format!("{name}, {}, is over the limit: ask for at most {}", text(value), text(most)),
        ));
    }
    Ok(nanos(value))
}

/// Checks that a parameter without a unit is above zero and finite: a text's number may be too large.
fn positive_number(parameter: usize, name: &str, value: f64) -> Result<f64, ParameterError> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(ParameterError::of(parameter, format!("{name} must be a number above 0, such as 1.5")))
}

/// The integral of `e^(-rate x)` from 0 to `length`.
fn decay(rate: f64, length: f64) -> f64 {
    if rate == 0.0 { length } else { -libm::expm1(-rate * length) / rate }
}

/// Checks that enough of a law lies below its truncation.
fn enough(share: f64, most: Duration) -> Result<f64, ParameterError> {
    if share < LEAST_SHARE {
        return Err(ParameterError::of_all(format!(
            "less than 1% of its values would be at most {}: raise the max, or choose parameters \
             that put more of them below it",
            text(most)
        )));
    }
    Ok(share)
}

/// Prints the `max` of a law that is always truncated, unless it is the default limit of every server.
fn max(f: &mut fmt::Formatter<'_>, most: Duration) -> fmt::Result {
    if most == DEFAULT_MOST { Ok(()) } else { write!(f, " max {}", text(most)) }
}
