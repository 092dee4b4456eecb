//! How long calls took, at the percentiles of a report, and how sure that is. Pure.

use longsync_stats::{ConfidenceInterval, Distribution, Figure, Percentile, Reading};

use super::report::Report;
use super::sure::confidence;

/// The percentiles of a report. What none exceeds stands below them.
pub(super) const PERCENTILES: [Percentile; 6] = [
    Percentile::P50,
    Percentile::P75,
    Percentile::P90,
    Percentile::P99,
    Percentile::P99_9,
    Percentile::P99_99,
];
/// With fewer values above it, a percentile says little.
pub(super) const FEW: u64 = 10;

/// One of the times of all calls of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Latency {
    pub(super) figure: Figure,
    /// Its values; those of calls without a good answer are beyond, if it is the response time.
    pub(super) values: Distribution,
    /// In the order of [`PERCENTILES`].
    pub(super) percentiles: Vec<Placed>,
}

/// A percentile, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) percentile: Percentile,
    pub(super) at: Reading,
    pub(super) interval: ConfidenceInterval,
    /// Whether so few values are above it that it says little.
    pub(super) is_marked: bool,
}

impl Latency {
    /// Looks at one figure of a run; without values, at none of its percentiles.
    pub(super) fn of(report: &Report, figure: Figure) -> Self {
        let figures = &report.load.figures;
        let values = match figure {
            Figure::ResponseTime => figures.response_time(),
            figure => figures.get(figure).clone(),
        };
        let mut confidence = confidence(report, figure, &values);
        let placed = |percentile| {
            let at = values.percentile(percentile)?;
            let is_marked = values.above(percentile) < FEW;
            Some(Placed { percentile, at, interval: confidence.of(percentile), is_marked })
        };
        let percentiles = PERCENTILES.into_iter().filter_map(placed).collect();
        Self { figure, values, percentiles }
    }

    /// The longest of all.
    pub(super) fn longest(&self) -> Option<Reading> {
        self.values.percentile(Percentile::P100)
    }

    /// How people call it.
    pub(super) fn name(&self) -> &'static str {
        name(self.figure)
    }
}

/// What a report shows side by side: response time if calls were due, service time, and what was added if servers
/// have said how long they waited.
pub(super) fn shown(report: &Report) -> Vec<&Latency> {
    let figures = &report.load.figures;
    let main = main_figure(report);
    let mut shown = vec![main];
    let others = [Figure::ServiceTime, Figure::Added].into_iter();
    shown.extend(others.filter(|it| *it != main && figures.get(*it).count() > 0));
    shown.into_iter().map(|figure| report.latency(figure)).collect()
}

/// What a caller feels: the response time, or the service time in a closed loop, where no call is due.
pub(super) fn main_figure(report: &Report) -> Figure {
    if report.settings.is_closed { Figure::ServiceTime } else { Figure::ResponseTime }
}

/// How people call a figure: its name with blanks.
pub(super) fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::ServiceTime => "service time",
        Figure::FailedServiceTime => "service time of failed calls",
        Figure::ResponseTime => "response time",
        figure => figure.name(),
    }
}
