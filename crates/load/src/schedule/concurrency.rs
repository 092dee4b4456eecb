//! How many calls a closed loop keeps in flight over time.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use longsync_stats::Moment;

use super::parse;
use super::piece::{Pieces, Segment};
use super::schedule_error::ScheduleError;

/// How many calls a closed loop keeps in flight over time: pieces like those of a
/// [`Profile`](super::Profile), with numbers instead of rates, such as `constant(64, for=10s); step(from=1,
/// to=64, by=1, every=1s); line(from=0, to=100, in=60s)`. Clones share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency(Arc<Pieces<u64>>);

impl Concurrency {
    /// The same number without end.
    pub fn constant(in_flight: NonZeroUsize) -> Self {
        Self(Arc::new(Pieces::endless(in_flight.get() as u64)))
    }

    /// The number at this time, counted from the schedule's 0: along a line the nearest whole number, halves
    /// rounded up. 0 once the schedule has ended.
    pub fn at(&self, at: Moment) -> u64 {
        let at_ns = at.as_nanos();
        self.0.segment_at(at_ns).map_or(0, |(_, segment)| segment.nearest(at_ns - segment.start_ns))
    }

    /// When the number next changes, after this time. [`None`] if it stays the same.
    pub fn next_change(&self, after: Moment) -> Option<Moment> {
        let after_ns = after.as_nanos();
        let (index, segment) = self.0.segment_at(after_ns)?;
        let number = segment.nearest(after_ns - segment.start_ns);
        if let Some(time_ns) = segment.changes_after(number) {
            return Some(Moment::from_nanos(segment.start_ns + time_ns));
        }
        for later in &self.0.segments()[index + 1..] {
            if later.nearest(0) != number {
                return Some(Moment::from_nanos(later.start_ns));
            }
            if let Some(time_ns) = later.changes_after(number) {
                return Some(Moment::from_nanos(later.start_ns + time_ns));
            }
        }
        self.end().filter(|_| number > 0).map(|end| Moment::START + end)
    }

    /// The greatest number that it reaches.
    pub fn most(&self) -> u64 {
        self.0.segments().iter().map(|segment| segment.from.max(segment.to)).max().unwrap_or(0)
    }

    /// When it ends. [`None`] if it never does.
    pub fn end(&self) -> Option<Duration> {
        self.0.end()
    }
}

impl Segment {
    /// The whole number nearest to the amount at this time from the segment's start.
    fn nearest(&self, time_ns: u64) -> u64 {
        if self.from == self.to {
            return self.from;
        }
        let length = i128::from(self.length_ns);
        let change = i128::from(self.to) - i128::from(self.from);
        // floor(amount + 1/2). Numbers have at most 50 bits, and are multiplied by at most 55 bits.
        let twice = 2 * (i128::from(self.from) * length + change * i128::from(time_ns)) + length;
        u64::try_from(twice.div_euclid(2 * length)).unwrap_or(0)
    }

    /// The earliest time from the segment's start at which the nearest number is no longer this one, after
    /// having been this one.
    fn changes_after(&self, number: u64) -> Option<u64> {
        let length = i128::from(self.length_ns);
        let (from, number) = (i128::from(self.from), i128::from(number));
        let change = i128::from(self.to) - from;
        let time = match change {
            0 => return None,
            // from + change t / T >= number + 1/2
            1.. => {
                let wanted = length * (2 * number + 1 - 2 * from);
                wanted.div_euclid(2 * change) + i128::from(wanted.rem_euclid(2 * change) > 0)
            }
            // from + change t / T < number - 1/2
            _ => (length * (2 * from + 1 - 2 * number)).div_euclid(-2 * change) + 1,
        };
        u64::try_from(time).ok().filter(|time| *time < self.length_ns)
    }
}

impl FromStr for Concurrency {
    type Err = ScheduleError;

    /// Reads pieces, separated by semicolons.
    ///
    /// # Errors
    /// If the text is not understood; the error names the column.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        parse::read(text).map(|pieces| Self(Arc::new(pieces)))
    }
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
