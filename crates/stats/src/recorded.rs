//! Durations that a user has recorded, read from a file's text. Pure: the caller reads the file.

mod csv;
mod decimal;
mod histogram;
mod log;

use std::time::Duration;

use longsync_text::duration::{self, LONGEST};
use longsync_text::said::printable;

use crate::moment::whole_nanos;
use crate::percentile::Percentile;

/// Recorded durations: each distinct value, ascending, and how often it was recorded. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedDurations {
    values: Vec<(u64, u64)>,
    count: u64,
    longest_line: usize,
}

/// Why a file is not one of recorded durations: the line, counted from 1, and what would be right there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RecordingError(String);

impl RecordingError {
    pub(crate) fn new(why: &str) -> Self {
        Self(printable(why).into_owned())
    }

    pub(crate) fn at(line: usize, why: &str) -> Self {
        Self(format!("line {line}: {}", printable(why)))
    }
}

impl RecordedDurations {
    /// Reads a CSV file or an interval log of `HdrHistogram`, depending on the content.
    ///
    /// - **CSV**: one row per line, of which only the first column is read. Either each cell has its unit,
    ///   such as `12ms`, or the first line names the unit (`seconds`, `ms`, `us` or `ns`) and each cell is a
    ///   number, which is rounded to the nearest nanosecond.
    /// - **`HdrHistogram` log**: the histograms of all lines and tags are added up. Their values are taken as
    ///   nanoseconds, whatever the divisor of the column with the maximum; each counts as the middle of its
    ///   bucket.
    ///
    /// Empty lines are skipped, and so are those that begin with `#`.
    ///
    /// # Errors
    /// When there is no value, or when a line is wrong: a duration without a unit, negative or longer than a
    /// year, or a damaged histogram.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordingError> {
        Self::of_text(text(bytes)?)
    }

    pub(crate) fn of_text(text: &str) -> Result<Self, RecordingError> {
        let Some((_, first)) = lines(text).next() else {
            return Err(RecordingError::new(
                "there is not a single value: write one duration per line, such as 12ms",
            ));
        };
        if log::begins_with(first) { log::read(text) } else { csv::read(text) }
    }

    /// The distinct values in nanoseconds, ascending, and how often each was recorded.
    pub fn values(&self) -> &[(u64, u64)] {
        &self.values
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest of them, and the first line with it, counted from 1.
    pub fn longest(&self) -> (Duration, usize) {
        let nanos = self.values.last().map_or(0, |(value, _)| *value);
        (Duration::from_nanos(nanos), self.longest_line)
    }

    /// The value at a percentile's rank, as defined by [`Percentile::rank`].
    pub fn quantile(&self, percentile: Percentile) -> Duration {
        let rank = percentile.rank(self.count);
        let mut reached = 0;
        let at = self.values.iter().find(|(_, count)| {
            reached += count;
            reached >= rank
        });
        at.map_or_else(|| self.longest().0, |(value, _)| Duration::from_nanos(*value))
    }
}

/// The text of a file, without the byte order mark with which some programs begin it.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, RecordingError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            Err(RecordingError::at(line, "this is not text: write it in UTF-8, and not compressed"))
        }
    }
}

/// The lines that are neither empty nor comments, trimmed, each with its number.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The durations that have been read so far.
#[derive(Debug, Default)]
struct DurationCounts {
    values: Vec<(u64, u64)>,
    longest: (u64, usize),
}

impl DurationCounts {
    fn add(&mut self, nanos: u64, count: u64, line: usize) -> Result<(), RecordingError> {
        if nanos > whole_nanos(LONGEST) {
            let most = duration::text(LONGEST);
            let why = format!("this is longer than a year: a duration is at most {most}");
            return Err(RecordingError::at(line, &why));
        }
        if nanos > self.longest.0 || self.longest.1 == 0 {
            self.longest = (nanos, line);
        }
        self.values.push((nanos, count));
        Ok(())
    }

    fn finish(mut self, none: &str) -> Result<RecordedDurations, RecordingError> {
        if self.values.is_empty() {
            return Err(RecordingError::new(none));
        }
        let total = self.values.iter().try_fold(0_u64, |sum, (_, count)| sum.checked_add(*count));
        let Some(count) = total else {
            return Err(RecordingError::new("there are more values than 64 bits can count"));
        };
        self.values.sort_unstable();
        self.values.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 += next.1;
            }
            is_same
        });
        self.values.shrink_to_fit();
        Ok(RecordedDurations { values: self.values, count, longest_line: self.longest.1 })
    }
}

#[cfg(test)]
mod tests;
