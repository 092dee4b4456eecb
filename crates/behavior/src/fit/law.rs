//! The law of `percentiles(...)`: the logarithm of the value is linear in -ln(1 - share) between points, and
//! past the last point it goes on with the last slope, compressed below the longest value.

use super::{WHOLE, float, share};

/// A law without `100=` draws up to this many times its last value.
pub(super) const TIMES_LAST: u64 = 10;

/// One end of a line.
#[derive(Debug, Clone, Copy)]
struct Point {
    share: f64,
    /// -ln(1 - share).
    depth: f64,
    value: u64,
    ln: f64,
}

/// The law of the values that are not zero.
#[derive(Debug)]
pub(super) struct FittedLaw {
    points: Vec<Point>,
    /// The last of them.
    last: Point,
    /// The slope of the last line: of the logarithm, by depth. If it is zero, the law ends at the last point.
    slope: f64,
    /// The logarithm of the longest value.
    longest_ln: f64,
}

/// -ln(1 - share).
pub(super) fn depth(share: f64) -> f64 {
    -libm::log1p(-share)
}

impl FittedLaw {
    /// `inner` has at least two points, with percentages in millionths.
    pub(super) fn new(min_ns: u64, inner: &[(u32, u64)], max_ns: Option<u64>) -> Self {
        let point = |(at, value): (u32, u64)| {
            let share = share(at);
            Point { share, depth: depth(share), value, ln: libm::log(float(value)) }
        };
        let mut points = vec![point((0, min_ns))];
        points.extend(inner.iter().copied().filter(|(at, _)| *at < WHOLE).map(point));
        let last = points[points.len() - 1];
        let before = points[points.len().saturating_sub(2)];
        let longest = max_ns.unwrap_or_else(|| last.value.saturating_mul(TIMES_LAST));
        let slope = if longest > last.value && last.value > before.value {
            (last.ln - before.ln) / (last.depth - before.depth)
        } else {
            0.0
        };
        Self { points, last, slope, longest_ln: libm::log(float(longest)) }
    }

    /// The longest value that it draws.
    pub(super) fn longest_ns(&self) -> u64 {
        if self.slope > 0.0 { nanos(self.longest_ln) } else { self.last.value }
    }

    /// Which share is at most `value`.
    pub(super) fn share_to(&self, value: u64) -> f64 {
        self.share_after(self.points.partition_point(|point| point.value <= value), value)
    }

    /// Which share is less than `value`.
    pub(super) fn share_below(&self, value: u64) -> f64 {
        self.share_after(self.points.partition_point(|point| point.value < value), value)
    }

    /// The share at `value`, which is preceded by the given number of points.
    fn share_after(&self, points: usize, value: u64) -> f64 {
        let Some(before) = points.checked_sub(1).map(|index| self.points[index]) else {
            return 0.0;
        };
        if before.value == value && points < self.points.len() {
            return before.share;
        }
        let ln = libm::log(float(value));
        let Some(after) = self.points.get(points) else {
            return self.tail_share(ln);
        };
        let part = (ln - before.ln) / (after.ln - before.ln);
        -libm::expm1(-(before.depth + part * (after.depth - before.depth)))
    }

    /// The share at a value past the last point.
    fn tail_share(&self, ln: f64) -> f64 {
        if self.slope <= 0.0 || ln >= self.longest_ln {
            return 1.0;
        }
        let left = libm::exp((self.last.ln - ln) / self.slope);
        let at_longest = self.left_at_longest();
        1.0 - (left - at_longest) / (1.0 - at_longest) * (1.0 - self.last.share)
    }

    /// The share of the part past the last point that the law would have beyond the longest value.
    fn left_at_longest(&self) -> f64 {
        libm::exp((self.last.ln - self.longest_ln) / self.slope)
    }

    /// The value that the given share does not exceed, in nanoseconds.
    pub(super) fn quantile(&self, share: f64) -> u64 {
        let index = self.points.partition_point(|point| point.share < share);
        let Some(after) = self.points.get(index) else {
            return self.tail_quantile(share);
        };
        let Some(before) = index.checked_sub(1).map(|index| self.points[index]) else {
            return after.value;
        };
        let part = (depth(share) - before.depth) / (after.depth - before.depth);
        nanos(before.ln + part * (after.ln - before.ln))
    }

    fn tail_quantile(&self, share: f64) -> u64 {
        if self.slope <= 0.0 {
            return self.last.value;
        }
        let left = (1.0 - share) / (1.0 - self.last.share);
        let left = left + (1.0 - left) * self.left_at_longest();
        nanos(self.last.ln - self.slope * libm::log(left))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is the logarithm of a number of nanoseconds, which has 64 bits"
)]
fn nanos(ln: f64) -> u64 {
    libm::round(libm::exp(ln)) as u64
}
