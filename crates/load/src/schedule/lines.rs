//! The lines of a file whose first column is a time.

use longsync_text::decimal::{self, ParseDecimalError};
use longsync_text::duration::LONGEST;
use longsync_text::quoted;

use super::schedule_error::ScheduleError;

/// The lines with content, trimmed, each with its number from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // Some programs begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// A time in seconds, converted to nanoseconds.
pub(super) fn nanos(seconds: &str) -> Result<u64, String> {
    let quoted = quoted(seconds);
    let nanos = decimal::scaled(seconds, 9).map_err(|why| match why {
        ParseDecimalError::TooFine => {
            format!("{quoted} is finer than a nanosecond: write at most nine decimals")
        }
        _ => format!("{quoted} is not a time in seconds: write digits alone, such as 12.5"),
    })?;
    match u64::try_from(nanos) {
        Ok(nanos) if u128::from(nanos) <= LONGEST.as_nanos() => Ok(nanos),
        _ => Err(format!("{quoted} is longer than a year: write at most {}", LONGEST.as_secs())),
    }
}

/// An error about a line.
pub(super) fn wrong(line: usize, why: impl AsRef<str>) -> ScheduleError {
    ScheduleError::new(format!("line {line}: {}", why.as_ref()))
}
