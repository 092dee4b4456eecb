//! A law for percentiles that a user has read off.

use super::buckets::fill;
use super::judge::{self, Zeros};
use super::law::FittedLaw;
use super::step::Step;
use super::{Fit, FitError, GuessAbove, MOST_PERCENTILES, WHOLE, millionths, share};

/// The law that has the given percentiles: percentages in millionths, ascending, and values in nanoseconds.
/// The one at 0 is the shortest value, the one at 100 % the longest; without the latter, the part above the
/// last percentile is a guess, and is reported as one.
///
/// # Errors
/// If there are fewer than two between 0 and 100 % or more than 61, if percentages do not ascend or are over
/// 100 %, or if values fall.
pub fn percentiles(points: &[(u32, u64)]) -> Result<Fit, FitError> {
    let rises = points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
    if !rises || points.last().is_some_and(|(at, _)| *at > WHOLE) {
        return Err(FitError::Unordered);
    }
    let (Some((_, shortest)), Some((_, longest))) = (points.first(), points.last()) else {
        return Err(FitError::Empty);
    };
    let given_max = points.last().filter(|(at, _)| *at == WHOLE).map(|(_, value)| *value);
    let inner = points.iter().filter(|(at, _)| *at > 0 && *at < WHOLE);
    match inner.count() {
        0 | 1 => return Err(FitError::TooFewPercentiles),
        2..=MOST_PERCENTILES => {}
        _ => return Err(FitError::TooManyPercentiles),
    }
    if shortest == longest {
        return Ok(Fit::constant(if *longest == 0 { WHOLE } else { 0 }, *longest));
    }
    Ok(fitted(points, given_max))
}

/// The law of percentiles that are not all equal.
fn fitted(points: &[(u32, u64)], max_ns: Option<u64>) -> Fit {
    let zero_percent = points.iter().rev().find(|(_, value)| *value == 0).map_or(0, |(at, _)| *at);
    let zeros = Zeros::new(share(zero_percent));
    let positive = &points[points.partition_point(|(_, value)| *value == 0)..];
    let mut inner: Vec<(u32, u64)> = Vec::new();
    for (at, value) in positive.iter().filter(|(at, _)| *at > 0 && *at < WHOLE) {
        let among_others = millionths(zeros.among_others(share(*at)));
        // Two can only coincide next to 100 %: then the longer counts.
        inner.pop_if(|(before, _)| *before >= among_others);
        inner.push((among_others, *value));
    }
    let min_ns = match positive {
        [(0, value), ..] => *value,
        [(_, value), ..] => (value / 2).max(1),
        [] => 1,
    };
    fill(min_ns, &mut inner, max_ns);
    rise_to(max_ns, &mut inner);
    let law = FittedLaw::new(min_ns, &inner, max_ns);
    let guess_above = inner.last().filter(|_| max_ns.is_none()).map(|(at, value)| GuessAbove {
        share: zeros.of_all(WHOLE - at),
        from_ns: *value,
        to_ns: law.longest_ns(),
    });
    let steps = asked(positive, zeros);
    Fit {
        zero_share: zeros.millionths(),
        min_ns,
        ks: judge::ks(&law, &steps, zeros),
        worst: judge::worst(&law, &steps, zeros, 0.0, 1.0),
        points: inner,
        max_ns,
        guess_above,
    }
}

/// Two equal points at the end would make a flat tail: one more lets the law rise to the longest value.
fn rise_to(max_ns: Option<u64>, inner: &mut Vec<(u32, u64)>) {
    let (Some(max), [.., before, last]) = (max_ns, inner.as_slice()) else { return };
    let between = (last.0.midpoint(WHOLE), last.1.midpoint(max));
    if before.1 == last.1 && last.1 < max && last.0 < between.0 {
        inner.push(between);
    }
}

/// The given percentiles as shares of the values that are not zero; percentiles with the same value are one
/// step.
fn asked(positive: &[(u32, u64)], zeros: Zeros) -> Vec<Step> {
    let inner: Vec<_> = positive.iter().copied().filter(|(at, _)| *at > 0 && *at < WHOLE).collect();
    let step = |same: &[(u32, u64)]| {
        let among_others = |&(at, _): &(u32, u64)| zeros.among_others(share(at));
        let (first, last) = (same.first()?, same.last()?);
        Some(Step::new(first.1, among_others(first), among_others(last), 0.0))
    };
    inner.chunk_by(|a, b| a.1 == b.1).filter_map(step).collect()
}
