//! The rate of a run over time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use longsync_text::Rate;

use super::curve::RateCurve;
use super::piece::Pieces;
use super::schedule_error::ScheduleError;
use super::{parse, points};

/// The rate of a run over time: pieces, one after the other. Clones share them.
///
/// - `constant(1000/s, for=60s)`: the same rate all the time. The last piece of a profile may omit `for=`,
///   and then never ends.
/// - `step(from=100/s, to=1000/s, by=100/s, every=10s)`: up or down in steps, each of which lasts for
///   `every`, including the last. The last step is `to`, or, if the steps do not hit it exactly, the last one
///   before it: `to` is never exceeded.
/// - `line(from=0/s, to=1000/s, in=60s)`: from one rate to the other at a constant slope.
///
/// Its text consists of the texts of its pieces, separated by semicolons; it is printed in the form in which
/// it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile(Arc<RateCurve>);

impl Profile {
    /// The same rate without end.
    pub fn constant(rate: Rate) -> Self {
        Self::new(Pieces::endless(rate))
    }

    /// Reads the text of a CSV file: on each line a time in seconds and the rate at that time, such as
    /// `2.5,1000`; between two lines the rate changes linearly. The first time is 0, and the profile ends
    /// with the last one. Times are exact to the nanosecond; a rate without a unit is per second. Empty
    /// lines, lines that begin with `#`, and a first line `seconds,rate` are skipped.
    ///
    /// # Errors
    /// If a line is not of this form, times do not ascend, or there are fewer than two lines or more than a
    /// million. The error names the line, counted from 1.
    pub fn from_csv(text: &str) -> Result<Self, ScheduleError> {
        points::read(text).map(Self::new)
    }

    /// When it ends: no call is due at this time or later. [`None`] if it never does.
    pub fn end(&self) -> Option<Duration> {
        self.0.pieces.end()
    }

    pub(super) fn new(pieces: Pieces<Rate>) -> Self {
        Self(Arc::new(RateCurve::new(pieces)))
    }

    pub(super) fn curve(&self) -> &Arc<RateCurve> {
        &self.0
    }

    /// The highest rate, in calls per second, rounded up.
    pub(super) fn most_per_second(&self) -> u64 {
        /// One call per second, in millionths of a call per hour.
        const ONE: u64 = 3_600_000_000;
        let segments = self.0.pieces.segments().iter();
        segments.map(|segment| segment.from.max(segment.to)).max().unwrap_or(0).div_ceil(ONE)
    }

    /// The rate at which it begins.
    pub(super) fn first(&self) -> Rate {
        let first = self.0.pieces.segments().first();
        first.and_then(|first| Rate::from_millionths_per_hour(first.from)).unwrap_or_default()
    }
}

impl FromStr for Profile {
    type Err = ScheduleError;

    /// Reads pieces, separated by semicolons.
    ///
    /// # Errors
    /// If the text is not understood; the error names the column.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        parse::read(text).map(Self::new)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.pieces.fmt(f)
    }
}
