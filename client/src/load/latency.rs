//! How long calls took at the percentiles of a report, and the confidence intervals. Pure.

use std::sync::{Mutex, PoisonError};

use longsync_load::Load;
use longsync_stats::{Confidence, ConfidenceInterval, Distribution, Figure, Percentile, Quantile};

/// The percentiles of a report. The maximum is listed below them.
pub(super) const PERCENTILES: [Percentile; 6] = [
    Percentile::P50,
    Percentile::P75,
    Percentile::P90,
    Percentile::P99,
    Percentile::P99_9,
    Percentile::P99_99,
];
/// A percentile with fewer values above it is unreliable.
pub(super) const FEW: u64 = 10;

/// One of the times of all calls in a run.
#[derive(Debug)]
pub(super) struct Latency {
    pub(super) figure: Figure,
    /// Its values; for the response time, calls without a good answer count as longer than any value.
    pub(super) values: Distribution,
    /// In the order of [`PERCENTILES`].
    pub(super) percentiles: Vec<PercentileEstimate>,
    /// The intervals take most of a report's time, as they need the values of all intervals; so they are
    /// computed once.
    confidence: Mutex<Confidence>,
}

/// A percentile and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PercentileEstimate {
    pub(super) percentile: Percentile,
    pub(super) at: Quantile,
    pub(super) interval: ConfidenceInterval,
    /// Whether it has so few values above it that it is unreliable.
    pub(super) is_marked: bool,
}

impl Latency {
    /// The percentiles of one figure of a run; none if the figure has no values.
    pub(super) fn of(load: &Load, figure: Figure, seed: u64) -> Self {
        let figures = &load.figures;
        let values = match figure {
            Figure::ResponseTime => figures.response_time(),
            figure => figures.get(figure).clone(),
        };
        let mut confidence =
            Confidence::of_figure(figure, figures, &load.intervals, load.recorded, seed);
        let placed = |percentile| {
            let at = values.percentile(percentile)?;
            let is_marked = values.above(percentile) < FEW;
            Some(PercentileEstimate {
                percentile,
                at,
                interval: confidence.of(percentile),
                is_marked,
            })
        };
        let percentiles = PERCENTILES.into_iter().filter_map(placed).collect();
        Self { figure, values, percentiles, confidence: Mutex::new(confidence) }
    }

    /// The confidence that its percentiles have.
    pub(super) fn interval(&self, percentile: Percentile) -> ConfidenceInterval {
        self.confidence.lock().unwrap_or_else(PoisonError::into_inner).of(percentile)
    }

    /// The maximum of all values.
    pub(super) fn longest(&self) -> Option<Quantile> {
        self.values.percentile(Percentile::P100)
    }

    /// Its name for people.
    pub(super) fn name(&self) -> &'static str {
        name(self.figure)
    }
}

/// The name of a figure for people: with spaces.
pub(super) fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::ServiceTime => "service time",
        Figure::FailedServiceTime => "service time of failed calls",
        Figure::ResponseTime => "response time",
        figure => figure.name(),
    }
}
