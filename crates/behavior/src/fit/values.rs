//! A law for values that were recorded one by one.

use super::judge::{self, Zeros};
use super::law::FittedLaw;
use super::refine::{self, FitGoal};
use super::step::steps_of;
use super::{Fit, FitError, WHOLE, float};

/// Points are added until the law is this close; the promise is a distance of 0.01 and 2 %.
const GOAL_KS: f64 = 0.009;
const GOAL_LN: f64 = 0.015;
/// Quantiles count between these shares.
const FROM: f64 = 0.5;
const TO: f64 = 0.999;

/// The law that comes close to recorded values: distinct values in nanoseconds, ascending, each with how
/// often it was recorded.
///
/// With at most 64 points, its distance from the data (KS) is at most 0.01 and its quantiles from p50 to
/// p99.9 are within 2 %, if that number of points suffices. From n values that are all different, a
/// continuous law is always off by 0.5 / n.
///
/// # Errors
/// If there are no values, or they do not ascend.
pub fn values(values: &[(u64, u64)]) -> Result<Fit, FitError> {
    let sum = |values: &[(u64, u64)]| {
        values.iter().try_fold(0_u64, |sum, (_, count)| sum.checked_add(*count))
    };
    if !values.is_sorted_by(|a, b| a.0 < b.0) || values.iter().any(|(_, count)| *count == 0) {
        return Err(FitError::Unordered);
    }
    let total = sum(values).ok_or(FitError::Unordered)?;
    let (zeros, positive) = match values {
        [] => return Err(FitError::Empty),
        [(0, count), positive @ ..] => (*count, positive),
        positive => (0, positive),
    };
    let zeros = Zeros::new(float(zeros) / float(total));
    let (Some((min, _)), Some((max, _))) = (positive.first(), positive.last()) else {
        return Ok(Fit::constant(WHOLE, 0));
    };
    if min == max {
        return Ok(Fit::constant(zeros.millionths(), *min));
    }
    let others = sum(positive).unwrap_or(total);
    let steps = steps_of(positive, others);
    let (from, to) = (zeros.among_others(FROM), zeros.among_others(TO));
    // A continuous law through the middle of each value is off by half of one.
    let ks = GOAL_KS.max(0.501 / float(others));
    let points = refine::points(&steps, FitGoal { ks, ln: GOAL_LN, from, to });
    let law = FittedLaw::new(*min, &points, Some(*max));
    Ok(Fit {
        zero_share: zeros.millionths(),
        min_ns: *min,
        ks: judge::ks(&law, &steps, zeros),
        worst: judge::worst(&law, &steps, zeros, from, to),
        points,
        max_ns: Some(*max),
        guess_above: None,
    })
}
