//! The figures of one interval of a run.

use std::time::Duration;

use crate::counts::Counts;
use crate::distribution::{Distribution, DistributionSummary};
use crate::figures::{Figure, Figures};

/// The figures of one interval of a run, which is over. Its distributions are kept encoded: hundreds of them
/// take no more memory than one that is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// When it began, counted from the end of the warm-up.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    /// How many calls were due in it; in a closed loop, how many were sent.
    pub due: u64,
    /// How many recorded calls were in flight when it ended.
    pub in_flight: u64,
    /// The calls that were sent or ended in it.
    pub counts: Counts,
    kept: [EncodedDistribution; Figure::ALL.len()],
}

/// A distribution, encoded.
#[derive(Debug, Clone, PartialEq)]
struct EncodedDistribution {
    summary: DistributionSummary,
    /// Empty if no bucket has values.
    encoded: Box<[u8]>,
}

impl Interval {
    /// Keeps the figures of an interval that is over.
    pub fn new(
        start: Duration,
        length: Duration,
        due: u64,
        in_flight: u64,
        figures: &Figures,
    ) -> Self {
        let kept = Figure::ALL.map(|figure| EncodedDistribution::of(figures.get(figure)));
        Self { start, length, due, in_flight, counts: figures.counts, kept }
    }

    /// One of its distributions. It is decoded each time.
    pub fn distribution(&self, figure: Figure) -> Distribution {
        self.kept[figure as usize].distribution()
    }

    /// One of its distributions as `HdrHistogram` encodes it; [`None`] if nothing was recorded.
    pub fn encoded(&self, figure: Figure) -> Option<&[u8]> {
        let encoded = &*self.kept[figure as usize].encoded;
        (!encoded.is_empty()).then_some(encoded)
    }

    /// The longest value of one of its distributions, exactly; [`None`] if nothing was recorded.
    pub fn longest(&self, figure: Figure) -> Option<Duration> {
        let EncodedDistribution { summary, encoded } = &self.kept[figure as usize];
        (!encoded.is_empty()).then(|| summary.longest())
    }

    /// How many values of one of its distributions are below zero, and how many are beyond the recorded
    /// durations, exactly and without decoding it.
    pub fn outside(&self, figure: Figure) -> (u64, u64) {
        self.kept[figure as usize].summary.outside()
    }

    /// Adds the interval that follows.
    pub fn absorb(&mut self, next: &Self) {
        self.length += next.length;
        self.due += next.due;
        self.in_flight = next.in_flight;
        self.counts += next.counts;
        for (kept, next) in self.kept.iter_mut().zip(&next.kept) {
            let mut both = kept.distribution();
            both.merge(&next.distribution());
            *kept = EncodedDistribution::of(&both);
        }
    }
}

impl EncodedDistribution {
    fn of(distribution: &Distribution) -> Self {
        let has_buckets = distribution.shortest().is_some();
        let encoded = if has_buckets { distribution.to_v2_deflate() } else { Vec::new() };
        Self { summary: distribution.summary(), encoded: encoded.into() }
    }

    fn distribution(&self) -> Distribution {
        let decoded = if self.encoded.is_empty() {
            Distribution::default()
        } else {
            Distribution::from_v2_deflate(&self.encoded)
                .expect("our own encoding is readable, as a property test shows")
        };
        decoded.with_summary(self.summary)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[i64]) -> Figures {
        let mut figures = Figures::default();
        for nanos in values {
            figures.added.record(*nanos);
        }
        figures
    }

    fn interval(values: &[i64]) -> Interval {
        Interval::new(Duration::ZERO, Duration::from_secs(1), 0, 0, &of(values))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Everything that was recorded is kept: buckets, ends, sums, and the values outside.
        #[test]
        fn nothing_is_lost(values in proptest::collection::vec(any::<i64>(), 0..50)) {
            let interval = interval(&values);
            let (kept, recorded) = (interval.distribution(Figure::Added), of(&values).added);
            let outside = (recorded.below_zero(), recorded.beyond());
            prop_assert_eq!(interval.outside(Figure::Added), outside);
            prop_assert_eq!(kept, recorded);
        }

        /// Two merged intervals have the figures of both.
        #[test]
        fn absorbed_is_recorded_in_one(
            first in proptest::collection::vec(any::<i64>(), 0..50),
            second in proptest::collection::vec(any::<i64>(), 0..50),
        ) {
            let mut both = interval(&first);
            both.absorb(&interval(&second));
            prop_assert_eq!(both.length, Duration::from_secs(2));
            prop_assert_eq!(both.distribution(Figure::Added), of(&[first, second].concat()).added);
        }
    }

    #[test]
    fn figures_without_values_take_no_memory() {
        assert_eq!(interval(&[1]).encoded(Figure::Lag), None);
        assert!(interval(&[1]).encoded(Figure::Added).is_some());
    }
}
