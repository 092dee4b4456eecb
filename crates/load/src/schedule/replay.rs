//! Recorded times of calls, to be replayed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use longsync_text::decimal;
use longsync_text::duration::LONGEST;
use longsync_text::quoted;

use super::lines::{lines, nanos, wrong};
use super::schedule_error::ScheduleError;

/// Recorded times at which calls are due again, once each. Clones share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The recorded times, ascending; never empty.
    recorded_ns: Arc<[u64]>,
    speed: Speed,
}

/// How much faster than recorded the calls are made: a number above zero, at most a million, with up to six
/// decimals, such as `2` (in half the time) or `0.5` (in twice the time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed {
    millionths: u64,
}

const DECIMALS: usize = 6;
const ONE: u64 = 1_000_000;

impl Replay {
    /// Reads the text of a file: on each line a time in seconds, such as `2.5`, not less than the one before
    /// it. Times are exact to the nanosecond, and count from the run's start. Empty lines, lines that begin
    /// with `#`, and a first line `seconds` are skipped.
    ///
    /// # Errors
    /// If the text contains no time, or a line is not a time; the error names the line, counted from 1.
    pub fn read(text: &str) -> Result<Self, ScheduleError> {
        let mut recorded_ns = Vec::new();
        for (index, (line, row)) in lines(text).enumerate() {
            if (index, row) == (0, "seconds") {
                continue;
            }
            let time_ns = nanos(row).map_err(|why| wrong(line, why))?;
            if recorded_ns.last().is_some_and(|before| *before > time_ns) {
                return Err(wrong(
                    line,
                    "the time is earlier than that of the line before: sort the file",
                ));
            }
            recorded_ns.push(time_ns);
        }
        if recorded_ns.is_empty() {
            let why =
                "a replay needs at least one time: write one per line in seconds, such as 2.5";
            return Err(ScheduleError::new(why.to_owned()));
        }
        Ok(Self { recorded_ns: recorded_ns.into(), speed: Speed { millionths: ONE } })
    }

    /// The same replay at this speed: a call that was made after t is due after t divided by the speed,
    /// rounded down to a nanosecond.
    ///
    /// # Errors
    /// If it would take longer than a year.
    pub fn at_speed(self, speed: Speed) -> Result<Self, ScheduleError> {
        let replay = Self { speed, ..self };
        if u128::from(replay.last_ns()) > LONGEST.as_nanos() {
            let why = format!(
                "at a speed of {speed} the replay takes longer than a year: make it faster"
            );
            return Err(ScheduleError::new(why));
        }
        Ok(replay)
    }

    /// When call `number` is due.
    pub(super) fn due_ns(&self, number: u64) -> Option<u64> {
        let index = usize::try_from(number).ok()?;
        self.recorded_ns.get(index).map(|time_ns| self.speed.applied(*time_ns))
    }

    /// When the last call is due.
    pub(super) fn last_ns(&self) -> u64 {
        self.recorded_ns.last().map_or(0, |time_ns| self.speed.applied(*time_ns))
    }

    /// How many calls are due before this time.
    pub(super) fn calls_until(&self, until_ns: u64) -> u64 {
        self.recorded_ns.partition_point(|time_ns| self.speed.applied(*time_ns) < until_ns) as u64
    }
}

impl Speed {
    /// A time at this speed; if that is longer than clocks can represent, the longest time that they can.
    fn applied(self, time_ns: u64) -> u64 {
        let time_ns = u128::from(time_ns) * u128::from(ONE) / u128::from(self.millionths);
        u64::try_from(time_ns).unwrap_or(u64::MAX)
    }
}

impl FromStr for Speed {
    type Err = ScheduleError;

    /// Reads a speed.
    ///
    /// # Errors
    /// If `text` is not a number above zero with at most six decimals, or is more than a million.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let millionths = decimal::scaled(text.trim(), DECIMALS).ok();
        let millionths = millionths.and_then(|it| u64::try_from(it).ok());
        let millionths = millionths.filter(|it| (1..=ONE * ONE).contains(it));
        millionths.map(|millionths| Self { millionths }).ok_or_else(|| {
            let why = "write a number above 0, at most 1000000, with at most six decimals, such as 2 or 0.5";
            ScheduleError::new(format!("{} is not a speed: {why}", quoted(text)))
        })
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal::text(self.millionths.into(), DECIMALS))
    }
}
