//! A law given by points of its distribution function.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use super::{Law, decay, enough, nanos, positive};
use crate::Percent;
use crate::parameter_error::ParameterError;

/// The most points by which a law may be given.
const MOST_POINTS: usize = 64;
/// A law reaches this many times its last value, unless it has a `max` or `100=`.
const REACH: u32 = 10;

/// A law whose value's logarithm is linear in `-ln(1 - share)` between the given points: there, and beyond
/// the last of them, it is a piece of a Pareto law. The tail has the slope of the last piece, and it alone is
/// conditioned on the value being at most `most`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Percentiles {
    points: Vec<(Percent, Duration)>,
    most: Duration,
    /// In ascending order of their shares; the first is at 0 %, and the tail begins at the last.
    knots: Box<[Knot]>,
    most_ns: f64,
    /// `(most / last value)^(-1 / last slope)`: the fraction of the tail that lies beyond `most`, in the law
    /// as written.
    beyond_tail: f64,
}

/// A point, and the slope after it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Knot {
    share: f64,
    value: f64,
    slope: f64,
}

impl Knot {
    /// Which share of the values that exceed this point exceed the value at `u`.
    fn exceeded(&self, u: f64) -> f64 {
        (1.0 - u) / (1.0 - self.share)
    }

    /// The distance to `next` on the axis of `-ln(1 - share)`.
    fn length(&self, next: &Self) -> f64 {
        -libm::log(self.exceeded(next.share))
    }
}

/// A point as it was given.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Its position among all as written.
    parameter: usize,
    percent: Percent,
    value: Duration,
}

impl Percentiles {
    /// The law through these points, in any order; those at 0 % and 100 % are its ends. Without the latter,
    /// it reaches up to `max`, or else up to ten times its last value, and never beyond `limit`.
    pub(crate) fn new(
        points: &[(Percent, Duration)],
        max: Option<Duration>,
        limit: Duration,
    ) -> Result<Self, ParameterError> {
        if let Some(max) = max.filter(|max| *max > limit) {
            let (max, limit) = (text(max), text(limit));
            return Err(ParameterError::of_all(format!(
                "the max is {max}, over the limit of {limit}"
            )));
        }
        let points = ordered(points, max.unwrap_or(limit))?;
        let (end, rising) = match points.split_last() {
            Some((end, rising)) if end.percent == Percent::ALL => (Some(end), rising),
            _ => (None, &points[..]),
        };
        let (knots, last) = knots(rising)?;
        let most = match end {
            Some(end) => end.value,
            None => max.unwrap_or_else(|| last.value.saturating_mul(REACH).min(limit)),
        };
        let tail = knots[knots.len() - 1];
        if let Some(end) = end.filter(|end| tail.slope == 0.0 && nanos(end.value) > tail.value) {
            let flat = text(last.value);
            let why = format!(
                "the values before 100% stay at {flat}, so nothing says how they rise to {}: \
                 write 100={flat} or leave it out",
                text(end.value)
            );
            return Err(ParameterError::of(end.parameter, why));
        }
        let most_ns = nanos(most);
        let beyond_tail = match tail.slope {
            0.0 => 0.0,
            slope => libm::pow(most_ns / tail.value, -1.0 / slope),
        };
        enough(1.0 - (1.0 - tail.share) * beyond_tail, most)?;
        let points = points.iter().map(|point| (point.percent, point.value)).collect();
        Ok(Self { points, most, knots, most_ns, beyond_tail })
    }

    /// The knot at which the tail begins.
    fn tail(&self) -> &Knot {
        &self.knots[self.knots.len() - 1]
    }

    /// The mean of the values in the tail.
    fn mean_of_tail(&self) -> f64 {
        let Knot { value, slope, .. } = *self.tail();
        let length = libm::log(self.most_ns / value) / slope;
        if slope == 0.0 || length == 0.0 {
            return value;
        }
        value * decay(1.0 - slope, length) / decay(1.0, length)
    }
}

/// The points in ascending order, if a law that is never above `most` can have them.
fn ordered(points: &[(Percent, Duration)], most: Duration) -> Result<Vec<Point>, ParameterError> {
    if points.len() > MOST_POINTS {
        let count = points.len();
        let why = format!("{count} points are too many: write at most {MOST_POINTS}");
        return Err(ParameterError::of(MOST_POINTS, why));
    }
    let mut ordered = Vec::with_capacity(points.len());
    for (parameter, &(percent, value)) in points.iter().enumerate() {
        positive(parameter, format_args!("the value at {percent}%"), value, most)?;
        ordered.push(Point { parameter, percent, value });
    }
    ordered.sort_by_key(|point| point.percent);
    for pair in ordered.windows(2) {
        let [Point { percent, value, .. }, after] = [pair[0], pair[1]];
        if after.percent == percent {
            return Err(ParameterError::of(after.parameter, format!("{percent}% is given twice")));
        }
        if after.value < value {
            let (least, at) = (text(value), after.percent);
            let why = format!(
                "values must not fall: the value at {percent}% is {least}, so write at least {least} at {at}%"
            );
            return Err(ParameterError::of(after.parameter, why));
        }
    }
    Ok(ordered)
}

/// The knots of points below 100 %, and the last of these points.
fn knots(points: &[Point]) -> Result<(Box<[Knot]>, &Point), ParameterError> {
    let knot = |share, value| Knot { share, value, slope: 0.0 };
    let [first, .., last] = points else { return Err(too_few()) };
    let mut knots = Vec::with_capacity(points.len() + 1);
    if first.percent != Percent::NONE {
        knots.push(knot(0.0, 0.5 * nanos(first.value)));
    }
    knots.extend(points.iter().map(|it| knot(it.percent.fraction(), nanos(it.value))));
    // Two points, and the one at 0 %.
    if knots.len() < 3 {
        return Err(too_few());
    }
    for index in 1..knots.len() {
        let (before, next) = (knots[index - 1], knots[index]);
        let slope = libm::log(next.value / before.value) / before.length(&next);
        knots[index - 1].slope = slope;
        // No slope follows the last knot, so it has the one before it.
        knots[index].slope = slope;
    }
    Ok((knots.into(), last))
}

fn too_few() -> ParameterError {
    ParameterError::of_all(
        "at least two points between 0 and 100 are needed, such as 50=10ms, 99=80ms",
    )
}

impl Law for Percentiles {
    fn at(&self, u: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.share <= u).max(1);
        let knot = &self.knots[after - 1];
        let v = knot.exceeded(u);
        let (v, end) = match self.knots.get(after) {
            Some(next) => (v, next.value),
            None => (v + (1.0 - v) * self.beyond_tail, self.most_ns),
        };
        (knot.value * libm::pow(v, -knot.slope)).clamp(knot.value, end)
    }

    fn share_to(&self, value: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.value <= value);
        let Some(index) = after.checked_sub(1) else { return 0.0 };
        let knot = &self.knots[index];
        let is_tail = after == self.knots.len();
        if is_tail && (value >= self.most_ns || knot.slope == 0.0 || self.beyond_tail >= 1.0) {
            return 1.0;
        }
        let exceeded = libm::pow(value / knot.value, -1.0 / knot.slope);
        let exceeded = if is_tail {
            (exceeded - self.beyond_tail) / (1.0 - self.beyond_tail)
        } else {
            exceeded
        };
        1.0 - exceeded * (1.0 - knot.share)
    }

    fn mean(&self) -> f64 {
        let between = self.knots.windows(2).map(|pair| {
            let exceeded = 1.0 - pair[0].share;
            pair[0].value * exceeded * decay(1.0 - pair[0].slope, pair[0].length(&pair[1]))
        });
        between.sum::<f64>() + (1.0 - self.tail().share) * self.mean_of_tail()
    }

    fn ends(&self) -> (f64, f64) {
        let tail = self.tail();
        (self.knots[0].value, if tail.slope == 0.0 { tail.value } else { self.most_ns })
    }

    fn beyond(&self) -> f64 {
        (1.0 - self.tail().share) * self.beyond_tail
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joint = "percentiles(";
        for (percent, value) in &self.points {
            write!(f, "{joint}{percent}={}", text(*value))?;
            joint = ", ";
        }
        f.write_str(")")?;
        match self.points.last() {
            Some((percent, value))
                if *percent != Percent::ALL && self.most != value.saturating_mul(REACH) =>
            {
                write!(f, " max {}", text(self.most))
            }
            _ => Ok(()),
        }
    }
}
