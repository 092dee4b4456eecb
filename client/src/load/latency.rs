//! How long calls took, at the percentiles of a report, and how sure that is. Pure.

use std::sync::{Mutex, PoisonError};

use longsync_load::Load;
use longsync_stats::{Confidence, ConfidenceInterval, Distribution, Figure, Percentile, Quantile};

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
#[derive(Debug)]
pub(super) struct Latency {
    pub(super) figure: Figure,
    /// Its values; those of calls without a good answer are beyond, if it is the response time.
    pub(super) values: Distribution,
    /// In the order of [`PERCENTILES`].
    pub(super) percentiles: Vec<PercentileEstimate>,
    /// It takes most of a report's time: the values of all intervals are looked at, and what was counted is kept.
    confidence: Mutex<Confidence>,
}

/// A percentile, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PercentileEstimate {
    pub(super) percentile: Percentile,
    pub(super) at: Quantile,
    pub(super) interval: ConfidenceInterval,
    /// Whether so few values are above it that it says little.
    pub(super) is_marked: bool,
}

impl Latency {
    /// Looks at one figure of a run; without values, at none of its percentiles.
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

    /// How sure any of its percentiles is.
    pub(super) fn interval(&self, percentile: Percentile) -> ConfidenceInterval {
        self.confidence.lock().unwrap_or_else(PoisonError::into_inner).of(percentile)
    }

    /// The longest of all.
    pub(super) fn longest(&self) -> Option<Quantile> {
        self.values.percentile(Percentile::P100)
    }

    /// How people call it.
    pub(super) fn name(&self) -> &'static str {
        name(self.figure)
    }
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
