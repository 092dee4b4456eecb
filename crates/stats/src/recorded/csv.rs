//! Durations in the first column of a CSV file.

use longsync_text::duration;
use longsync_text::said::quoted;

use super::{DurationCounts, RecordedDurations, RecordingError, decimal, lines};
use crate::moment::whole_nanos;

/// The units that a header line may name, and the nanoseconds of each.
const HEADERS: [(&str, u64); 4] =
    [("seconds", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

const A_UNIT: &str =
    "write a unit, such as 12ms, or name the unit in a header line: seconds, ms, us or ns";

pub(super) fn read(text: &str) -> Result<RecordedDurations, RecordingError> {
    let mut counts = DurationCounts::default();
    let mut unit_ns = None;
    for (index, (line, row)) in lines(text).enumerate() {
        let cell = first_cell(row).map_err(|why| RecordingError::at(line, why))?;
        let header = HEADERS.iter().find(|(name, _)| *name == cell);
        if let (0, Some((_, nanos))) = (index, header) {
            unit_ns = Some(*nanos);
            continue;
        }
        let nanos = match unit_ns {
            Some(unit_ns) => decimal::nanos(cell, unit_ns),
            None => with_unit(cell, index == 0),
        };
        counts.add(nanos.map_err(|why| RecordingError::at(line, &why))?, 1, line)?;
    }
    counts.finish("there is a header but not a single value: write one number per line below it")
}

/// The text before the first comma, or between the quotes.
fn first_cell(row: &str) -> Result<&str, &'static str> {
    let Some(quoted) = row.strip_prefix('"') else {
        return Ok(row.split(',').next().unwrap_or(row).trim());
    };
    match quoted.split_once('"') {
        None => Err("the cell's closing quote is missing: write \"12ms\""),
        Some((cell, after))
            if after.trim_start().is_empty() || after.trim_start().starts_with(',') =>
        {
            Ok(cell.trim())
        }
        Some(_) => Err("after a cell's closing quote a comma is expected, such as \"12ms\", OK"),
    }
}

fn with_unit(cell: &str, is_first: bool) -> Result<u64, String> {
    duration::parse(cell).map(whole_nanos).map_err(|why| {
        if decimal::nanos(cell, 1).is_ok() {
            format!("{} has no unit: {A_UNIT}", quoted(cell))
        } else if cell.starts_with('-') {
            format!("{} is negative: a duration is at least zero", quoted(cell))
        } else if is_first {
            format!("{} is neither a duration nor a header: {A_UNIT}", quoted(cell))
        } else {
            why.to_string()
        }
    })
}
