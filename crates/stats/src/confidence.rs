//! The confidence of a percentile: the 95 % interval that is printed next to it.
//!
//! Two intervals are computed, and each end is that of the wider one. [`Ranks`] are right for independent
//! calls, but far too narrow for calls that waited in the same queue. The moving-block bootstrap draws entire
//! stretches of the run, and so preserves what successive calls have in common; it needs 30 s of calls.
//! benches/coverage measures how often the printed interval contains the true value.

mod bootstrap;
mod columns;
mod ranks;
mod sparse;

use std::time::Duration;

pub use self::ranks::Ranks;
pub use self::sparse::Sparse;

use self::bootstrap::Bootstrap;
use self::sparse::WholeRun;
use crate::counts::Counts;
use crate::distribution::{Distribution, Quantile};
use crate::figures::{Figure, Figures};
use crate::interval::Interval;
use crate::percentile::Percentile;

/// A shorter run has too few blocks to draw from.
const ENOUGH_FOR_BOOTSTRAP: Duration = Duration::from_secs(30);

/// How long calls were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The length of an interval.
    pub interval: Duration,
    /// For how long calls were due (in a closed loop: sent), excluding the warm-up and the time at the end in
    /// which the last calls ended.
    pub recorded: Duration,
}

/// The durations between which a percentile lies with a probability of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfidenceInterval {
    /// The lower end: the lower edge of its bucket. [`None`] if there are too few values for one.
    pub lower: Option<Quantile>,
    /// The upper end: the upper edge of its bucket, and never [`Quantile::Beyond`]. [`None`] if there are too
    /// few values for one, or if it is slower than any value.
    pub upper: Option<Quantile>,
    /// The run was too short to learn how calls depend on one another: the interval is right only if they
    /// did not.
    pub assumes_independence: bool,
}

/// The confidence intervals of the percentiles of one figure of a run.
#[derive(Debug)]
pub struct Confidence {
    whole: WholeRun,
    bootstrap: Option<Bootstrap>,
}

impl Confidence {
    /// For one figure of a run. If it is the response time, calls without a good answer are slower than any
    /// value.
    pub fn of_figure(
        figure: Figure,
        whole: &Figures,
        intervals: &[Interval],
        recorded: Duration,
        seed: u64,
    ) -> Self {
        let sparse = |distribution: &Distribution, counts: &Counts| {
            let mut sparse = Sparse::from(distribution);
            if figure == Figure::ResponseTime {
                sparse.beyond += counts.without_answer();
            }
            sparse
        };
        let length = intervals.first().map_or(recorded, |interval| interval.length);
        Self::new(
            &sparse(whole.get(figure), &whole.counts),
            intervals.iter().map(|it| sparse(&it.distribution(figure), &it.counts)),
            Span { interval: length, recorded },
            seed,
        )
    }

    /// From the values of the entire run and of each of its intervals, in order and including the empty ones.
    /// A call belongs to the interval in which it ended. One that is slower than any value (it was not sent,
    /// or failed, or has not ended) counts as beyond in the interval in which that became known. The same
    /// values and the same seed, the run's, give the same ends.
    ///
    /// Intervals are taken one at a time, and not at all if the run is too short for them. For each non-empty
    /// bucket, 16 bytes are kept.
    pub fn new(
        whole: &Sparse,
        intervals: impl IntoIterator<Item = Sparse>,
        span: Span,
        seed: u64,
    ) -> Self {
        let whole = WholeRun::new(whole);
        let is_enough = span.recorded >= ENOUGH_FOR_BOOTSTRAP;
        let bootstrap = if is_enough {
            Bootstrap::new(whole.tops(), intervals, span.interval, seed)
        } else {
            None
        };
        Self { whole, bootstrap }
    }

    /// The interval of this percentile. Counts that were made for it are kept for the next one.
    pub fn of(&mut self, percentile: Percentile) -> ConfidenceInterval {
        let ranks = Ranks::of(self.whole.count(), percentile);
        let mut lower = ranks.lower.map(|rank| self.whole.level(rank));
        let mut upper = ranks.upper.map(|rank| self.whole.level(rank));
        if let Some(bootstrap) = &mut self.bootstrap {
            let near = self.whole.level(percentile.rank(self.whole.count()));
            let (lowest, highest) = bootstrap.ends(percentile, near).unzip();
            lower = lower.zip(lowest).map(|(one, other)| one.min(other));
            upper = upper.zip(highest).map(|(one, other)| one.max(other));
        }
        ConfidenceInterval {
            lower: lower.map(|level| self.whole.lower_edge(level)),
            upper: upper.and_then(|level| self.whole.upper_edge(level)),
            assumes_independence: self.bootstrap.is_none(),
        }
    }
}

#[cfg(test)]
mod tests;
