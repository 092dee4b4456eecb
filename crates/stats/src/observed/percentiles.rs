//! Percentiles that a user has read off: `p50=10ms,p99=80ms,max=1s`.

use std::collections::BTreeMap;

use longsync_text::said::quoted;
use longsync_text::{Percent, duration};

use crate::moment::whole_nanos;
use crate::recorded::RecordingError;

/// Percentiles and their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPercentiles {
    points: Vec<(u32, u64)>,
}

impl ObservedPercentiles {
    /// Percentages in millionths, ascending, and their values in nanoseconds, which do not fall. The value of
    /// 0 is the shortest, that of 100,000,000 the longest.
    pub fn points(&self) -> &[(u32, u64)] {
        &self.points
    }
}

/// Whether a text is meant as percentiles.
pub(super) fn are_these(text: &str) -> bool {
    entries(text).next().is_some_and(|(_, entry)| {
        entry.split_once('=').is_some_and(|(key, _)| percent(key).is_some())
    })
}

pub(super) fn read(text: &str) -> Result<ObservedPercentiles, RecordingError> {
    let mut points = BTreeMap::new();
    for (line, entry) in entries(text) {
        let refused = |why: String| RecordingError::at(line, &why);
        let Some((key, value)) = entry.split_once('=') else {
            return Err(refused(format!(
                "{} is not a percentile: write one such as p99=80ms, without blanks in it",
                quoted(entry)
            )));
        };
        let Some(percent) = percent(key) else {
            return Err(refused(format!(
                "{} is not a percentile's name: write p50, p99.9, min or max, \
                 between 0 and 100 with at most six decimals",
                quoted(key)
            )));
        };
        let value = duration::parse(value).map_err(|why| refused(why.to_string()))?;
        if points.insert(percent, (whole_nanos(value), line)).is_some() {
            return Err(refused(format!("{} is given twice: write it once", quoted(key))));
        }
    }
    let all: Vec<_> = points.into_iter().collect();
    if let Some(pair) = all.windows(2).find(|pair| pair[0].1.0 > pair[1].1.0) {
        let (_, (_, line)) = pair[1];
        let why =
            "a value is below that of a lower percentile: values of percentiles must not fall";
        return Err(RecordingError::at(line, why));
    }
    Ok(ObservedPercentiles {
        points: all.into_iter().map(|(at, (nanos, _))| (at, nanos)).collect(),
    })
}

/// The entries, separated by white space and commas, each with its line; comments are left out.
fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with('#'));
    lines.flat_map(|(number, line)| {
        let entries = line.split(|c: char| c == ',' || c.is_whitespace());
        entries.filter(|entry| !entry.is_empty()).map(move |entry| (number, entry))
    })
}

/// A key in millionths of a percent.
fn percent(key: &str) -> Option<u32> {
    match key {
        "min" => return Some(Percent::NONE.millionths()),
        "max" => return Some(Percent::ALL.millionths()),
        _ => {}
    }
    Percent::from_number(key.strip_prefix('p').unwrap_or(key)).ok().map(Percent::millionths)
}
