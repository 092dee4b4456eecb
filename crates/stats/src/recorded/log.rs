//! An interval log of `HdrHistogram`: comments, a line of column names, and one histogram per interval.

use super::{DurationCounts, RecordedDurations, RecordingError, histogram, lines};

/// The beginning of the line of column names.
const COLUMN_NAMES: &str = "\"StartTimestamp\"";

/// Whether a file whose first line is `line` is such a log.
pub(super) fn begins_with(line: &str) -> bool {
    line.starts_with(COLUMN_NAMES) || histogram::is_encoded(last_field(line))
}

pub(super) fn read(text: &str) -> Result<RecordedDurations, RecordingError> {
    let mut counts = DurationCounts::default();
    for (line, row) in lines(text) {
        if row.starts_with(COLUMN_NAMES) {
            continue;
        }
        let buckets =
            histogram::decode(last_field(row)).map_err(|why| RecordingError::at(line, why))?;
        for (nanos, count) in buckets {
            counts.add(nanos, count, line)?;
        }
    }
    counts.finish("there is not a single value in the histograms of this log")
}

/// The field of the histogram: before it come a tag, if there is one, two times and the maximum.
fn last_field(row: &str) -> &str {
    row.rsplit(',').next().unwrap_or(row).trim()
}
