//! The shapes of a delay. Each draws by its inverse distribution function from one uniform number, and so
//! knows its own quantiles; truncation is a condition on the law, never a spike at its edge.

mod exponential;

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use crate::DEFAULT_MOST;
use crate::nonsense::Nonsense;

pub(crate) use self::exponential::Exponential;

/// A law of delays, in nanoseconds. What is beyond its truncation is never drawn.
pub(crate) trait Law {
    /// The value at `u`, which lies between 0 and 1, both excluded: the inverse distribution function. Within
    /// [`Law::ends`].
    fn at(&self, u: f64) -> f64;

    /// Which share of the values is at most `value`: the distribution function.
    fn share_to(&self, value: f64) -> f64;

    fn mean(&self) -> f64;

    /// The least and the greatest value.
    fn ends(&self) -> (f64, f64);

    /// Which share of the law as written lies beyond its truncation, before the condition.
    fn beyond(&self) -> f64 {
        0.0
    }
}

/// Less than this share of a law below its truncation is a mistake.
const LEAST_SHARE: f64 = 0.01;

pub(crate) fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

/// Checks that a parameter is above zero and at most `most`.
fn positive(
    parameter: usize,
    name: &str,
    value: Duration,
    most: Duration,
) -> Result<f64, Nonsense> {
    if value.is_zero() {
        return Err(Nonsense::of(parameter, format!("{name} must be above 0s")));
    }
    at_most(parameter, name, value, most)
}

/// Checks that a parameter is at most `most`.
fn at_most(parameter: usize, name: &str, value: Duration, most: Duration) -> Result<f64, Nonsense> {
    if value > most {
        return Err(Nonsense::of(
            parameter,
            format!(
                "{name} is {}, and nothing here may take longer than {}",
                text(value),
                text(most)
            ),
        ));
    }
    Ok(nanos(value))
}

/// Checks that a law has enough below its truncation.
fn enough(share: f64, most: Duration) -> Result<f64, Nonsense> {
    if share < LEAST_SHARE {
        return Err(Nonsense::of_all(format!(
            "less than 1 % of its values are at most {}: raise the max or lower the parameters",
            text(most)
        )));
    }
    Ok(share)
}

/// Prints the `max` of a law that is always truncated, unless it is what every server allows.
fn max(f: &mut fmt::Formatter<'_>, most: Duration) -> fmt::Result {
    if most == DEFAULT_MOST { Ok(()) } else { write!(f, " max {}", text(most)) }
}
