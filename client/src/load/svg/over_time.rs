//! A load over time: how many calls there were in each interval, how they ended, and their p99.

use longsync_stats::{Figure, Interval, Percentile, Quantile};
use longsync_text::duration::text;

use crate::chart::{Axis, Plot, Series, nanoseconds};
use crate::load::latency::name;
use crate::load::report::Report;
use crate::load::words::rate;

const RED: usize = 3;
const AMBER: usize = 2;

/// The pictures over time; none if the run has no intervals.
pub(super) fn plots(report: &Report) -> Vec<Plot> {
    if report.load.intervals.is_empty() {
        return Vec::new();
    }
    let mut plots = vec![rates(report)];
    plots.extend(errors(report));
    let mut figures = vec![report.main_figure(), Figure::ServiceTime];
    figures.dedup();
    plots.extend(p99(report, &figures, "p99"));
    plots.extend(p99(report, &[Figure::Queued], "time in the server's queue, p99"));
    plots
}

fn rates(report: &Report) -> Plot {
    let good = per_second(report, |interval| interval.counts.good);
    let sent = per_second(report, |interval| interval.counts.sent);
    let mut series =
        vec![Series::area("good", good).colored(0), Series::line("sent", sent).colored(1)];
    if !report.settings.is_closed {
        let due = per_second(report, |interval| interval.due);
        series.push(Series::line("due", due).colored(AMBER));
    }
    amounts(report, "calls per second".to_owned(), series)
}

/// The calls without a good answer, if there are any.
fn errors(report: &Report) -> Option<Plot> {
    let counts = &report.load.figures.counts;
    let mut series = Vec::new();
    if counts.failed() > 0 {
        let failed = per_second(report, |interval| interval.counts.failed());
        series.push(Series::area("failed", failed).colored(RED));
    }
    if counts.not_sent.total() > 0 {
        let not_sent = per_second(report, |interval| interval.counts.not_sent.total());
        series.push(Series::area("not sent", not_sent).colored(AMBER));
    }
    let names: Vec<_> = series.iter().map(Series::name).collect();
    let title = format!("{}, calls per second", names.join(" and "));
    (!series.is_empty()).then(|| amounts(report, title, series))
}

fn amounts(report: &Report, title: String, series: Vec<Series>) -> Plot {
    let y = Axis::amounts(series.iter().flat_map(Series::values));
    Plot { title, x: time(report), y, series }
}

/// The p99 of these figures in each interval; an interval whose p99 is beyond all values is hatched.
/// [`None`] if it is always zero.
fn p99(report: &Report, figures: &[Figure], what: &str) -> Option<Plot> {
    let mut series = Vec::new();
    for (number, figure) in figures.iter().enumerate() {
        let readings: Vec<_> =
            report.load.intervals.iter().map(|it| (it, reading(it, *figure))).collect();
        let beyond: Vec<_> = readings
            .iter()
            .filter(|(_, at)| matches!(at, Some(Quantile::Beyond(_))))
            .map(|(interval, _)| ends(interval))
            .collect();
        if !beyond.is_empty() {
            let name = "over 1 % without a good answer";
            series.push(Series::hatched(name, joined(beyond)).colored(RED));
        }
        let steps = readings.iter().flat_map(|(interval, at)| {
            let (from, to) = ends(interval);
            let height = at.map_or(f64::NAN, height);
            [(from, height), (to, height)]
        });
        series.push(Series::line(name(*figure), steps).colored(number));
    }
    let values: Vec<_> = series.iter().flat_map(Series::values).collect();
    let values = values.into_iter().filter(|value| value.is_finite() && *value > 0.0);
    let values: Vec<_> =
        values.map(|nanos| std::time::Duration::from_secs_f64(nanos / 1e9)).collect();
    let title = format!("{what} of each {}", length(report));
    let plot = |y| Plot { title, x: time(report), y, series };
    (!values.is_empty()).then(|| plot(Axis::log(values)))
}

/// A figure's p99 among the calls of an interval.
fn reading(interval: &Interval, figure: Figure) -> Option<Quantile> {
    let mut values = interval.distribution(figure);
    if figure == Figure::ResponseTime {
        values.add_beyond(interval.counts.without_answer());
    }
    values.percentile(Percentile::P99)
}

/// An interval without a height is a gap.
fn height(at: Quantile) -> f64 {
    match at {
        Quantile::BelowZero => 0.0,
        Quantile::At(duration) => nanoseconds(duration),
        Quantile::Beyond(_) => f64::NAN,
    }
}

/// Parts of time; adjacent ones are joined.
fn joined(parts: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for (from, to) in parts {
        match joined.last_mut() {
            Some((_, end)) if *end >= from => *end = to,
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// The number per second in each interval, as steps.
fn per_second(report: &Report, count: fn(&Interval) -> u64) -> Vec<(f64, f64)> {
    let steps = report.load.intervals.iter().flat_map(|interval| {
        let (from, to) = ends(interval);
        let value = rate(count(interval), interval.length);
        [(from, value), (to, value)]
    });
    steps.collect()
}

fn ends(interval: &Interval) -> (f64, f64) {
    (nanoseconds(interval.start), nanoseconds(interval.start + interval.length))
}

fn time(report: &Report) -> Axis {
    let end = report.load.intervals.last().map(|last| last.start + last.length);
    Axis::linear(end.unwrap_or_default())
}

/// The length of an interval: `second`, `2s`.
fn length(report: &Report) -> String {
    let length = report.load.intervals.first().map(|first| first.length).unwrap_or_default();
    if length.as_secs() == 1 && length.subsec_nanos() == 0 {
        "second".to_owned()
    } else {
        text(length)
    }
}
