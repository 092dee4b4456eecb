//! One of the figures of a load.

use std::collections::BTreeMap;

use longsync_stats::{ConfidenceInterval, Distribution, Figure, Percentile, Quantile};
use serde::Serialize;

use super::histogram;
use crate::figures::nanos;
use crate::load::latency::{FEW, Latency, PERCENTILES};
use crate::load::report::Report;

#[derive(Serialize)]
pub(super) struct JsonFigure {
    /// Including those below zero and those beyond.
    count: u64,
    below_zero: u64,
    lowest_ns: i64,
    /// Those longer than any recorded value: for the response time, the calls without a good answer.
    beyond: u64,
    shortest_ns: Option<u64>,
    longest_ns: Option<u64>,
    mean_ns: Option<i64>,
    percentiles: BTreeMap<String, JsonPercentile>,
    histogram: String,
}

#[derive(Serialize)]
struct JsonPercentile {
    value_ns: Option<u64>,
    /// The value is longer than this one, which is the maximum that was recorded.
    beyond_ns: Option<u64>,
    below_zero: bool,
    /// Whether fewer than ten values are above it.
    marked: bool,
    /// Only for the figures that callers experience.
    interval: Option<JsonConfidenceInterval>,
}

/// The 95 % confidence interval of a percentile.
#[derive(Serialize)]
struct JsonConfidenceInterval {
    lower_ns: Option<u64>,
    upper_ns: Option<u64>,
    assumes_independence: bool,
}

impl JsonFigure {
    /// [`None`] if nothing was measured, or if calls have no due time.
    pub(super) fn of(report: &Report, figure: Figure) -> Option<Self> {
        let is_due = matches!(figure, Figure::ResponseTime | Figure::Lag);
        if is_due && report.settings.is_closed {
            return None;
        }
        // Nobody needs the intervals of the others, which would take most of a record's time.
        if let Figure::ResponseTime | Figure::ServiceTime | Figure::Added = figure {
            let Latency { values, percentiles, .. } = report.latency(figure);
            let placed = percentiles.iter().map(|placed| {
                let interval = Some(JsonConfidenceInterval::of(placed.interval));
                (
                    placed.percentile,
                    JsonPercentile { interval, ..JsonPercentile::of(placed.at, placed.is_marked) },
                )
            });
            return Self::with(values, placed);
        }
        let values = report.load.figures.get(figure);
        let percentiles = PERCENTILES.into_iter().filter_map(|percentile| {
            let is_marked = values.above(percentile) < FEW;
            Some((percentile, JsonPercentile::of(values.percentile(percentile)?, is_marked)))
        });
        Self::with(values, percentiles)
    }

    fn with(
        values: &Distribution,
        percentiles: impl Iterator<Item = (Percentile, JsonPercentile)>,
    ) -> Option<Self> {
        let named = percentiles.map(|(percentile, placed)| (percentile.to_string(), placed));
        (values.count() > 0).then(|| Self {
            count: values.count(),
            below_zero: values.below_zero(),
            lowest_ns: values.lowest_ns(),
            beyond: values.beyond(),
            shortest_ns: values.shortest().map(nanos),
            longest_ns: values.longest().map(nanos),
            mean_ns: mean_ns(values),
            percentiles: named.collect(),
            histogram: histogram(&values.to_v2_deflate()),
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "values are between minus and plus 292 years")]
fn mean_ns(values: &Distribution) -> Option<i64> {
    values.mean().map(|mean| mean.round() as i64)
}

impl JsonPercentile {
    fn of(at: Quantile, marked: bool) -> Self {
        let (value_ns, beyond_ns) = match at {
            Quantile::BelowZero => (None, None),
            Quantile::At(value) => (Some(nanos(value)), None),
            Quantile::Beyond(longest) => (None, Some(nanos(longest))),
        };
        Self { value_ns, beyond_ns, below_zero: at == Quantile::BelowZero, marked, interval: None }
    }
}

impl JsonConfidenceInterval {
    fn of(interval: ConfidenceInterval) -> Self {
        let end = |reading| match reading {
            Quantile::At(value) => Some(nanos(value)),
            // A value below zero or beyond the recorded ones has no number.
            Quantile::BelowZero | Quantile::Beyond(_) => None,
        };
        Self {
            lower_ns: interval.lower.and_then(end),
            upper_ns: interval.upper.and_then(end),
            assumes_independence: interval.assumes_independence,
        }
    }
}
