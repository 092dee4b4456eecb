//! Measured durations, and what is said of them. Pure.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest duration that is recorded; longer ones are counted.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const SIGNIFICANT_DIGITS: u8 = 3;

/// A percentile, in parts of a million: 990,000 is p99.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentile(u32);

impl Percentile {
    const WHOLE: u32 = 1_000_000;

    /// The median.
    pub const P50: Self = Self(500_000);
    /// The value that 90 % do not exceed.
    pub const P90: Self = Self(900_000);
    /// The value that 99 % do not exceed.
    pub const P99: Self = Self(990_000);
    /// The value that 99.9 % do not exceed.
    pub const P99_9: Self = Self(999_000);
    /// The value that none exceeds.
    pub const P100: Self = Self(Self::WHOLE);

    /// The given number of parts of a million, if that is at most the whole.
    pub const fn per_million(parts: u32) -> Option<Self> {
        if parts <= Self::WHOLE { Some(Self(parts)) } else { None }
    }

    /// In parts of a million.
    pub const fn parts(self) -> u32 {
        self.0
    }

    /// The rank of this percentile among `count` values: ceil(count x p), in integers, and the first
    /// for p = 0.
    pub fn rank(self, count: u64) -> u64 {
        let rank = (u128::from(count) * u128::from(self.0)).div_ceil(u128::from(Self::WHOLE));
        u64::try_from(rank).unwrap_or(u64::MAX).max(1)
    }
}

/// Durations, to three digits, from 1 ns to 24 h; and how many were below zero, or beyond that.
///
/// A call that never ended is slower than any value: it counts among those beyond.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    values: Histogram<u64>,
    below_zero: u64,
    lowest_ns: i64,
    beyond: u64,
}

/// Where a percentile lies. There are no other places: exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Among the values that are less than zero.
    BelowZero,
    /// At this duration, to three digits.
    At(Duration),
    /// Beyond the recorded durations, the longest of which is this one.
    Beyond(Duration),
}

impl Default for Distribution {
    fn default() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        let values = Histogram::new_with_bounds(1, longest, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that are valid");
        Self { values, below_zero: 0, lowest_ns: 0, beyond: 0 }
    }
}

impl Distribution {
    /// Records a duration in nanoseconds.
    #[inline]
    pub fn record(&mut self, nanos: i64) {
        if let Ok(nanos) = u64::try_from(nanos) {
            self.beyond += u64::from(self.values.record(nanos).is_err());
        } else {
            self.below_zero += 1;
            self.lowest_ns = self.lowest_ns.min(nanos);
        }
    }

    /// Counts the given number as longer than any that can be recorded.
    pub fn add_beyond(&mut self, count: u64) {
        self.beyond += count;
    }

    /// Adds everything that another holds.
    pub fn merge(&mut self, other: &Self) {
        // It only fails for values out of bounds, and all distributions have the same.
        let added = self.values.add(&other.values);
        debug_assert!(added.is_ok());
        self.below_zero += other.below_zero;
        self.lowest_ns = self.lowest_ns.min(other.lowest_ns);
        self.beyond += other.beyond;
    }

    /// How many there are, with those below zero and those beyond.
    pub fn count(&self) -> u64 {
        self.below_zero + self.values.len() + self.beyond
    }

    /// How many are less than zero.
    pub fn below_zero(&self) -> u64 {
        self.below_zero
    }

    /// The lowest of those that are less than zero, in nanoseconds; zero when there are none.
    pub fn lowest_ns(&self) -> i64 {
        self.lowest_ns
    }

    /// How many are longer than any that was recorded.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The shortest of the recorded values, to three digits; [`None`] when there are none.
    pub fn shortest(&self) -> Option<Duration> {
        self.has_values().then(|| Duration::from_nanos(self.values.min()))
    }

    /// The longest of the recorded values, to three digits; [`None`] when there are none.
    pub fn longest(&self) -> Option<Duration> {
        self.has_values().then(|| Duration::from_nanos(self.values.max()))
    }

    fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// The mean of the recorded values.
    pub fn mean(&self) -> Duration {
        Duration::try_from_secs_f64(self.values.mean() / 1e9).unwrap_or_default()
    }

    /// Where a percentile lies among all values; [`None`] when there are none.
    pub fn percentile(&self, percentile: Percentile) -> Option<Reading> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let Some(rank) =
            percentile.rank(count).checked_sub(self.below_zero).filter(|rank| *rank > 0)
        else {
            return Some(Reading::BelowZero);
        };
        // The histogram's own quantiles take the rank as a float.
        let mut reached = 0;
        for bucket in self.values.iter_recorded() {
            reached += bucket.count_at_value();
            if reached >= rank {
                return Some(Reading::At(Duration::from_nanos(bucket.value_iterated_to())));
            }
        }
        Some(Reading::Beyond(Duration::from_nanos(self.values.max())))
    }

    /// How many values are above a percentile's rank: with fewer than ten, it says little.
    pub fn above(&self, percentile: Percentile) -> u64 {
        self.count().saturating_sub(percentile.rank(self.count()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Nanoseconds of every magnitude, and some below zero and beyond 24 h.
    fn nanos() -> impl Strategy<Value = i64> {
        (0_u32..50, any::<i64>()).prop_map(|(bits, value)| match bits {
            0 => -(value.unsigned_abs() >> 40).cast_signed(),
            _ => value.unsigned_abs().checked_shr(64 - bits).unwrap_or(0).cast_signed(),
        })
    }

    fn of(values: &[i64]) -> Distribution {
        let mut distribution = Distribution::default();
        for nanos in values {
            distribution.record(*nanos);
        }
        distribution
    }

    proptest! {
        /// The rank is the least integer that is at least count x p.
        #[test]
        fn a_rank_is_the_ceiling(count in 1_u64..u64::MAX / 2, parts in 1_u32..=1_000_000) {
            let rank = u128::from(Percentile(parts).rank(count));
            let exact = u128::from(count) * u128::from(parts);
            prop_assert!(rank * 1_000_000 >= exact && (rank - 1) * 1_000_000 < exact);
        }

        /// A percentile is the value of its rank in the sorted list, to three digits.
        #[test]
        fn a_percentile_is_the_value_of_its_rank(
            mut values in proptest::collection::vec(nanos(), 1..300),
            parts in 0_u32..=1_000_000,
        ) {
            let distribution = of(&values);
            values.sort_unstable();
            let percentile = Percentile(parts);
            let rank = usize::try_from(percentile.rank(values.len() as u64)).unwrap();
            let exact = values[rank - 1];
            match distribution.percentile(percentile).unwrap() {
                Reading::BelowZero => prop_assert!(exact < 0),
                Reading::Beyond(_) => prop_assert!(exact > 86_400_000_000_000),
                Reading::At(value) => {
                    let value = i64::try_from(value.as_nanos()).unwrap();
                    prop_assert!(value >= exact && value - exact <= exact / 1_000, "{value} {exact}");
                }
            }
        }

        /// Merged is the same as recorded in one.
        #[test]
        fn merged_is_recorded_in_one(
            first in proptest::collection::vec(nanos(), 0..100),
            second in proptest::collection::vec(nanos(), 0..100),
        ) {
            let mut merged = of(&first);
            merged.merge(&of(&second));
            prop_assert_eq!(merged, of(&[first, second].concat()));
        }
    }

    #[test]
    fn what_never_ended_is_slower_than_any_value() {
        let mut distribution = of(&[1_000_000; 90]);
        distribution.add_beyond(10);
        let at = |parts| distribution.percentile(Percentile(parts)).unwrap();
        let Reading::At(median) = at(900_000) else { panic!("p90 is a value") };
        assert_eq!(median.as_micros(), 1_000);
        assert!(matches!(at(900_001), Reading::Beyond(longest) if longest.as_micros() == 1_000));
        assert_eq!(Distribution::default().percentile(Percentile::P50), None);
    }
}
