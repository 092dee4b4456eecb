//! How many calls a rate over time adds up to, and when it reaches a given number of them: in integers,
//! exactly.

use longsync_text::Rate;

use super::piece::{Pieces, Segment};
use super::wide;

/// One call, in the unit in which calls are counted here. A rate is in millionths of a call per hour and time
/// in nanoseconds, so that 3.6 x 10^18 of their products make one call; and they are counted twice, because
/// the area under a line is half of a product.
///
/// 2^64 calls, and the area under the highest rate (62 bits) over 2^64 ns or over a year (55 bits), both
/// counted twice, stay below 2^128.
pub(super) const CALL: u128 = 7_200_000_000_000_000_000;

/// The area under a rate, counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    /// Rounded down.
    pub(super) whole: u128,
    /// Whether anything was rounded off.
    pub(super) is_more: bool,
}

impl Area {
    /// Whether it is greater than `reached`.
    pub(super) fn exceeds(self, reached: u128) -> bool {
        self.whole > reached || (self.whole == reached && self.is_more)
    }
}

/// A rate over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RateCurve {
    pub(super) pieces: Pieces<Rate>,
    /// The area before each segment, followed by the total area; counted twice.
    before: Vec<u128>,
}

impl RateCurve {
    pub(super) fn new(pieces: Pieces<Rate>) -> Self {
        let mut before = vec![0];
        before.extend(pieces.segments().iter().scan(0, |reached, segment| {
            *reached += segment.area();
            Some(*reached)
        }));
        Self { pieces, before }
    }

    /// When the area exceeds `reached`, rounded down to a nanosecond: the earliest time after which it is
    /// greater. [`None`] if it never is. `segment` is the first segment that may contain that time, and is
    /// moved to the one that does.
    pub(super) fn time_of(&self, reached: u128, segment: &mut usize) -> Option<u64> {
        loop {
            let at = self.pieces.segments().get(*segment)?;
            let into = reached.saturating_sub(self.before[*segment]);
            // A segment whose rate is zero has no area: a call that would be due in it is due after it.
            if into < at.area() {
                return Some(at.start_ns + at.time_of(into));
            }
            *segment += 1;
        }
    }

    /// The area up to this time.
    pub(super) fn area_until(&self, until_ns: u64) -> Area {
        let found = self.pieces.segment_at(until_ns);
        let index = found.map_or(self.before.len() - 1, |(index, _)| index);
        let (into, is_more) =
            found.map_or((0, false), |(_, at)| at.area_to(until_ns - at.start_ns));
        Area { whole: self.before[index] + into, is_more }
    }

    /// How many of the numbers 0, 1, 2... are exceeded before this time.
    pub(super) fn calls_until(&self, until_ns: u64) -> u64 {
        let Area { whole, is_more } = self.area_until(until_ns);
        let calls = whole / CALL + u128::from(is_more || !whole.is_multiple_of(CALL));
        u64::try_from(calls).unwrap_or(u64::MAX)
    }

    /// The rate at this time, in calls per second.
    pub(super) fn rate_at(&self, at_ns: u64) -> f64 {
        let per_second = |millionths| {
            Rate::from_millionths_per_hour(millionths).unwrap_or_default().calls_per_second()
        };
        self.pieces.segment_at(at_ns).map_or(0.0, |(_, segment)| {
            let (from, to) = (per_second(segment.from), per_second(segment.to));
            let share = float((at_ns - segment.start_ns).into()) / float(segment.length_ns.into());
            from + (to - from) * share
        })
    }
}

impl Segment {
    /// The total area, counted twice.
    fn area(&self) -> u128 {
        (u128::from(self.from) + u128::from(self.to)) * u128::from(self.length_ns)
    }

    /// The area up to this time from its start, counted twice, rounded down; and whether anything was rounded
    /// off.
    pub(super) fn area_to(&self, time_ns: u64) -> (u128, bool) {
        let level = 2 * u128::from(self.from) * u128::from(time_ns);
        let change = u128::from(self.from.abs_diff(self.to)) * u128::from(time_ns);
        let (triangle, is_more) = wide::ratio(change, time_ns, self.length_ns);
        if self.from <= self.to {
            (level + triangle, is_more)
        } else {
            (level - triangle - u128::from(is_more), is_more)
        }
    }

    /// The latest time from its start up to which the area, counted twice, is at most `area`, which is less
    /// than the total.
    fn time_of(&self, area: u128) -> u64 {
        if self.from == self.to {
            return u64::try_from(area / (2 * u128::from(self.from))).unwrap_or(u64::MAX);
        }
        // The floating-point result is at most about 30 ns off in a year, and within an hour at most one.
        let mut time_ns = self.about_time_of(area).min(self.length_ns - 1);
        while !self.is_at_most(time_ns, area) {
            time_ns -= 1;
        }
        while self.is_at_most(time_ns + 1, area) {
            time_ns += 1;
        }
        time_ns
    }

    /// Whether the area of a line up to this time is at most `area`: t (2 from T + (to - from) t) <= area T.
    fn is_at_most(&self, time_ns: u64, area: u128) -> bool {
        // At most 1 + 62 + 55 bits; for a falling line at least (from + to) T of it is left.
        let level = 2 * u128::from(self.from) * u128::from(self.length_ns);
        let change = u128::from(self.from.abs_diff(self.to)) * u128::from(time_ns);
        let sum = if self.from <= self.to { level + change } else { level - change };
        wide::product(sum, time_ns) <= wide::product(area, self.length_ns)
    }

    /// Starts from the end at which the rate is lower, so that there is no cancellation: t = area / (low +
    /// sqrt(low^2 + slope area)).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "such a cast stays within the range, and times are not negative"
    )]
    fn about_time_of(&self, area: u128) -> u64 {
        let is_rising = self.from < self.to;
        let low = float(self.from.min(self.to).into());
        let area = float(if is_rising { area } else { self.area() - area });
        let length = float(self.length_ns.into());
        let slope = float(self.from.abs_diff(self.to).into()) / length;
        let time = (area / (low + (low * low + slope * area).sqrt())) as u64;
        if is_rising { time } else { self.length_ns.saturating_sub(time) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the result is checked, or only shown")]
fn float(number: u128) -> f64 {
    number as f64
}
