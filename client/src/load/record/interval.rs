//! One interval of a load.

use std::collections::BTreeMap;

use longsync_stats::{Figure, Interval};
use serde::Serialize;

use super::counts::JsonCounts;
use super::histogram;
use crate::figures::nanos;

#[derive(Serialize)]
pub(super) struct JsonInterval {
    /// From the beginning of recorded time.
    start_ns: u64,
    length_ns: u64,
    /// How many recorded calls were in flight at its end.
    in_flight: u64,
    counts: JsonCounts,
    /// The figures that were measured in it.
    histograms: BTreeMap<&'static str, JsonHistogram>,
}

/// A distribution, without anything that can be computed from it.
#[derive(Serialize)]
struct JsonHistogram {
    below_zero: u64,
    beyond: u64,
    histogram: Option<String>,
}

impl JsonInterval {
    pub(super) fn of(interval: &Interval) -> Self {
        let figures = Figure::ALL.into_iter();
        let histograms = figures
            .filter_map(|figure| Some((figure.name(), JsonHistogram::of(interval, figure)?)));
        Self {
            start_ns: nanos(interval.start),
            length_ns: nanos(interval.length),
            in_flight: interval.in_flight,
            counts: JsonCounts::with_due(&interval.counts, interval.due),
            histograms: histograms.collect(),
        }
    }
}

impl JsonHistogram {
    /// [`None`] if nothing was measured.
    fn of(interval: &Interval, figure: Figure) -> Option<Self> {
        let (below_zero, beyond) = interval.outside(figure);
        let encoded = interval.encoded(figure);
        let has_values = encoded.is_some() || below_zero > 0 || beyond > 0;
        has_values.then(|| Self { below_zero, beyond, histogram: encoded.map(histogram) })
    }
}
