//! A Prometheus histogram: how many durations do not exceed each bound.

use std::collections::{BTreeMap, BTreeSet};

use longsync_text::duration::LONGEST;
use longsync_text::said::quoted;

use super::exposition::{BUCKET, ExpositionSample, sample};
use crate::moment::whole_nanos;
use crate::recorded::RecordingError;

/// The label of a bucket's bound.
const BOUND: &str = "le";
/// The endings that give a name its unit, and the nanoseconds of each; without one, bounds are seconds.
const UNITS: [(&str, f64); 6] = [
    ("_milliseconds", 1e6),
    ("_ms", 1e6),
    ("_microseconds", 1e3),
    ("_us", 1e3),
    ("_nanoseconds", 1.0),
    ("_ns", 1.0),
];
const SECOND: f64 = 1e9;

/// Counts of a histogram's buckets, all its series added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedBuckets {
    name: String,
    bounds: Vec<(u64, u64)>,
    total: u64,
}

impl ObservedBuckets {
    /// The histogram's name, without `_bucket`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Each bound in nanoseconds, ascending, and how many durations do not exceed it.
    pub fn bounds(&self) -> &[(u64, u64)] {
        &self.bounds
    }

    /// How many durations there are, including those above the last bound.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// One series: the count of each bound in nanoseconds, [`u64::MAX`] being `+Inf`, and its line.
#[derive(Debug, Default)]
struct BucketSeries {
    counts: BTreeMap<u64, u64>,
    line: usize,
}

pub(super) fn read(text: &str) -> Result<ObservedBuckets, RecordingError> {
    let mut names = BTreeSet::new();
    let mut series = BTreeMap::<_, BucketSeries>::new();
    for (line, row) in (1..).zip(text.lines()) {
        let row = row.trim();
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        let sample = sample(row).map_err(|why| RecordingError::at(line, &why))?;
        let Some(name) = sample.name.strip_suffix(BUCKET) else { continue };
        names.insert(name);
        let (bound, count) = bucket(name, &sample).map_err(|why| RecordingError::at(line, &why))?;
        let mut labels = sample.labels;
        labels.retain(|(label, _)| *label != BOUND);
        labels.sort_unstable();
        let series = series.entry((name, labels)).or_default();
        series.line = line;
        if series.counts.insert(bound, count).is_some() {
            let why = "this bound was given before, with the same labels: write each bucket once";
            return Err(RecordingError::at(line, why));
        }
    }
    let mut names = names.into_iter();
    match (names.next(), names.len()) {
        (None, _) => Err(RecordingError::new(
            "there is no histogram: give lines such as rpc_seconds_bucket{le=\"0.005\"} 12",
        )),
        (Some(name), 0) => added_up(name, series.into_values()),
        (Some(name), others) => {
            let all: Vec<_> = [name].into_iter().chain(names).collect();
            let (count, all) = (others + 1, all.join(", "));
            Err(RecordingError::new(&format!("there are {count} histograms: give one of {all}")))
        }
    }
}

/// The bound in nanoseconds and the count of a line.
fn bucket(name: &str, sample: &ExpositionSample<'_>) -> Result<(u64, u64), String> {
    let Some((_, bound)) = sample.labels.iter().find(|(label, _)| *label == BOUND) else {
        return Err("a bucket has a bound: write le=\"0.005\" among its labels".to_owned());
    };
    let count = whole(sample.value).ok_or_else(|| {
        format!(
            "{} is not a count: give whole numbers, not rates",
            quoted(&sample.value.to_string())
        )
    })?;
    let unit = UNITS.iter().find(|(suffix, _)| name.ends_with(suffix));
    let nanos = unit.map_or(SECOND, |(_, nanos)| *nanos);
    match bound.parse::<f64>() {
        Ok(f64::INFINITY) => Ok((u64::MAX, count)),
        Ok(bound) => match whole((bound * nanos).round()) {
            Some(nanos) if nanos <= whole_nanos(LONGEST) => Ok((nanos, count)),
            _ => Err(format!("le=\"{bound}\" is not a bound: give one from zero to a year")),
        },
        Err(_) => Err(format!("le={} is not a number, such as 0.005, or +Inf", quoted(bound))),
    }
}

/// A whole number up to 2^53, which is how counts are written; larger ones are not exact.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a whole number from zero to 2^53"
)]
fn whole(number: f64) -> Option<u64> {
    let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    is_whole.then_some(number as u64)
}

/// The sum of all series, which have the same bounds.
fn added_up(
    name: &str,
    all: impl Iterator<Item = BucketSeries>,
) -> Result<ObservedBuckets, RecordingError> {
    let mut sum = BTreeMap::<u64, u64>::new();
    for series in all {
        if !series.counts.values().is_sorted() {
            let why = "the counts of this series fall: each bucket counts those below it too";
            return Err(RecordingError::at(series.line, why));
        }
        if !series.counts.contains_key(&u64::MAX) {
            let why = "this series has no bucket le=\"+Inf\", which says how many there are";
            return Err(RecordingError::at(series.line, why));
        }
        if !sum.is_empty() && !sum.keys().eq(series.counts.keys()) {
            let why =
                "this series has different bounds from the one before: give all series the same";
            return Err(RecordingError::at(series.line, why));
        }
        for (bound, count) in series.counts {
            let sum = sum.entry(bound).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let total = sum.remove(&u64::MAX).unwrap_or(0);
    if total == 0 {
        return Err(RecordingError::new(
            "all counts are zero: give a histogram of calls that were made",
        ));
    }
    Ok(ObservedBuckets { name: name.to_owned(), bounds: sum.into_iter().collect(), total })
}
