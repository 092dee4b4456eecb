//! Latency by percentile.

use std::time::Duration;

use longsync_stats::{Distribution, Percentile, Quantile};

use crate::chart::{Axis, Plot, Series, nanoseconds};
use crate::load::latency::Latency;
use crate::load::report::Report;
use crate::load::words::place;

/// The maximum number of nines on the axis, and how many points of a curve each has.
const MOST_NINES: u32 = 5;
const POINTS_PER_NINE: u32 = 40;
/// Intervals take longer to compute: only one in this many points of a curve has its own, but all of the
/// first ones do, since the curve is steep there.
const POINTS_PER_INTERVAL: usize = 4;
const STEEP: usize = POINTS_PER_INTERVAL * 3;
/// Points of a curve below this share do not stretch the vertical axis.
const LOWEST: f64 = 0.01;
const RED: usize = 3;

/// The curves of a report, each with its intervals as a band behind it; calls slower than any value
/// are hatched. [`None`] if there are no values at all.
pub(super) fn plot(report: &Report) -> Option<Plot> {
    let shown = report.shown();
    let most = shown.iter().map(|latency| latency.values.count()).max().unwrap_or(0);
    let nines = most.checked_ilog10().unwrap_or(0).clamp(1, MOST_NINES);
    let curves: Vec<_> = shown.iter().map(|it| curve(&it.values, nines)).collect();
    let bands: Vec<_> = shown.iter().map(|latency| band(latency, nines)).collect();
    let heights = heights(&curves, &bands);
    if heights.is_empty() {
        return None;
    }
    let bands = bands.into_iter().map(|band| Series::band("", band)).enumerate();
    let curves = shown.iter().zip(curves).map(|(it, curve)| Series::line(it.name(), curve));
    let curves = curves.enumerate().map(|(number, curve)| curve.colored(number));
    let mut series: Vec<_> = bands.map(|(number, band)| band.colored(number)).collect();
    series.extend(shown.first().and_then(|latency| beyond(latency)));
    series.extend(curves);
    Some(Plot {
        title: "latency by percentile, with 95 % intervals".to_owned(),
        x: Axis::percentiles(u8::try_from(nines).unwrap_or(1)),
        y: Axis::log(heights),
        series,
    })
}

/// The content of the picture, for screen readers.
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let sentence = |latency: &Latency| {
        let mut parts: Vec<_> = latency
            .percentiles
            .iter()
            .map(|placed| format!("{} {}", placed.percentile, place(placed.at)))
            .collect();
        parts.extend(latency.longest().map(|longest| format!("max {}", place(longest))));
        format!("{}: {}.", latency.name(), parts.join(", "))
    };
    report.shown().into_iter().filter(|it| !it.percentiles.is_empty()).map(sentence).collect()
}

/// The values at shares that approach 1, as far as there are values.
fn curve(values: &Distribution, nines: u32) -> Vec<(f64, f64)> {
    let count = values.count();
    let mut curve = Vec::new();
    let (mut buckets, mut reached) = (values.buckets(), values.below_zero());
    let mut nanos = 0;
    for share in shares(nines) {
        let Some(rank) = percentile(share).map(|percentile| percentile.rank(count)) else { break };
        while reached < rank {
            let Some(bucket) = buckets.next() else { return curve };
            (reached, nanos) = (reached + bucket.count, bucket.to_ns);
        }
        curve.push((share, nanoseconds(Duration::from_nanos(nanos))));
    }
    curve
}

/// Shares that approach 1.
fn shares(nines: u32) -> impl Iterator<Item = f64> {
    (0..=nines * POINTS_PER_NINE)
        .map(|point| 1.0 - 10_f64.powf(-f64::from(point) / f64::from(POINTS_PER_NINE)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is from 0 to 1"
)]
fn percentile(share: f64) -> Option<Percentile> {
    Percentile::per_million((share * 1e6).round() as u32)
}

/// The intervals along a curve: shares, each with both ends. One without an upper end reaches to the top of
/// the picture; between it and a neighbor that has one there is a gap.
fn band(latency: &Latency, nines: u32) -> Vec<(f64, f64, f64)> {
    let edge = |end: Quantile| match end {
        Quantile::BelowZero => 0.0,
        Quantile::At(duration) => nanoseconds(duration),
        Quantile::Beyond(_) => f64::INFINITY,
    };
    let point = |percentile: Percentile| {
        let share = f64::from(percentile.parts()) / 1e6;
        let interval = latency.interval(percentile);
        match (interval.lower.map(edge), interval.upper.map(edge)) {
            (None, None) => (share, f64::NAN, f64::NAN),
            (lower, upper) => (share, lower.unwrap_or(0.0), upper.unwrap_or(f64::INFINITY)),
        }
    };
    let mut band: Vec<(f64, f64, f64)> = Vec::new();
    if latency.percentiles.is_empty() {
        return band;
    }
    let own = |number: usize| number < STEEP || number.is_multiple_of(POINTS_PER_INTERVAL);
    let shares = shares(nines).enumerate().filter(|(number, _)| own(*number));
    for point in shares.filter_map(|(_, share)| percentile(share)).map(point) {
        let is_apart = |last: &(f64, f64, f64)| last.2.is_finite() != point.2.is_finite();
        if band.last().is_some_and(is_apart) {
            band.push((f64::NAN, f64::NAN, f64::NAN));
        }
        band.push(point);
    }
    band
}

/// The calls that are slower than any value.
#[expect(clippy::cast_precision_loss, reason = "a picture shows less than 53 bits")]
fn beyond(latency: &Latency) -> Option<Series> {
    let (beyond, count) = (latency.values.beyond(), latency.values.count());
    let from = 1.0 - beyond as f64 / count.max(1) as f64;
    (beyond > 0).then(|| Series::hatched("no good answer", [(from, 1.0)]).colored(RED))
}

/// The range of the vertical axis.
fn heights(curves: &[Vec<(f64, f64)>], bands: &[Vec<(f64, f64, f64)>]) -> Vec<Duration> {
    let of_curves = curves.iter().flatten().filter(|(share, _)| *share >= LOWEST);
    let of_bands = bands.iter().flatten().flat_map(|(_, low, high)| [*low, *high]);
    let heights = of_curves.map(|(_, nanos)| *nanos).chain(of_bands);
    heights.filter_map(|nanos| Duration::try_from_secs_f64(nanos / 1e9).ok()).collect()
}
