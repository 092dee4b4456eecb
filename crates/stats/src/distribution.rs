//! Measured durations and their statistics. Pure.

mod layout;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use self::layout::{BUCKETS, bounds, index_of};
pub(crate) use self::layout::{LONGEST_NS, SIGNIFICANT_DIGITS};
use crate::percentile::Percentile;

/// Counts stop here: two of them can be added without a check, and one can be incremented for centuries.
pub(crate) const MOST: u64 = u64::MAX / 4;
/// Sums stop here, in nanoseconds.
const MOST_NS: u128 = u128::MAX / 2;

/// Durations from 1 ns to 24 h, to three digits; and how many were below zero, or beyond 24 h.
///
/// The buckets are those of an `HdrHistogram` with these bounds. The shortest, the longest and the sum are
/// kept exactly in addition. A call that never ended is slower than any value: it counts among those beyond.
///
/// It takes 304 KiB of address space, and memory only for the pages on which values fall. Only
/// [`Default::default`] and [`Clone::clone`] allocate. A count stops at 2^62 - 1, and a sum at 2^127 - 1.
#[derive(PartialEq)]
pub struct Distribution {
    counts: Box<[u64; BUCKETS]>,
    /// How many values are in `counts`.
    recorded: u64,
    summary: DistributionSummary,
}

/// The parts of a distribution that are not in its buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DistributionSummary {
    /// The shortest of the values in buckets; [`u64::MAX`] if there are none.
    shortest_ns: u64,
    /// The longest of the values in buckets; zero if there are none.
    longest_ns: u64,
    /// The sum of the values in buckets.
    sum_ns: u128,
    below_zero: u64,
    lowest_ns: i64,
    /// The sum of the values below zero, without its sign.
    sum_below_zero_ns: u128,
    beyond: u64,
}

impl DistributionSummary {
    const NOTHING: Self = Self {
        shortest_ns: u64::MAX,
        longest_ns: 0,
        sum_ns: 0,
        below_zero: 0,
        lowest_ns: 0,
        sum_below_zero_ns: 0,
        beyond: 0,
    };

    /// The longest of the values in buckets, if there are any.
    pub(crate) fn longest(self) -> Duration {
        Duration::from_nanos(self.longest_ns)
    }

    /// How many values are in no bucket: below zero, and beyond.
    pub(crate) fn outside(self) -> (u64, u64) {
        (self.below_zero, self.beyond)
    }
}

/// Where a percentile lies. Exhaustive: there are no other places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// Among the values that are less than zero.
    BelowZero,
    /// At this duration, to three digits.
    At(Duration),
    /// Beyond the recorded durations, of which this is the longest.
    Beyond(Duration),
}

/// A range of values at most a thousandth of themselves wide, and how many values are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The shortest value that belongs to it, in nanoseconds.
    pub from_ns: u64,
    /// The longest value that belongs to it, in nanoseconds.
    pub to_ns: u64,
    /// How many values are in it; never zero.
    pub count: u64,
}

impl Bucket {
    /// The middle, in nanoseconds, as `HdrHistogram` defines it: the higher of two.
    pub fn middle_ns(self) -> u64 {
        self.from_ns + (self.to_ns - self.from_ns).div_ceil(2)
    }
}

impl Default for Distribution {
    fn default() -> Self {
        // The system zeroes this memory, so pages that are never touched take none.
        let counts = vec![0; BUCKETS].try_into().expect("the vector has the length of the array");
        Self { counts, recorded: 0, summary: DistributionSummary::NOTHING }
    }
}

impl Clone for Distribution {
    fn clone(&self) -> Self {
        let mut clone = Self::default();
        clone.merge(self);
        clone
    }
}

impl Distribution {
    /// Records a duration in nanoseconds.
    #[inline]
    pub fn record(&mut self, nanos: i64) {
        // As unsigned numbers, negative values are larger than any that has a bucket.
        let value = nanos.cast_unsigned();
        if value > LONGEST_NS {
            return self.record_outside(nanos, 1);
        }
        self.counts[index_of(value)] += 1;
        self.recorded += 1;
        self.summary.shortest_ns = self.summary.shortest_ns.min(value);
        self.summary.longest_ns = self.summary.longest_ns.max(value);
        self.summary.sum_ns += u128::from(value);
    }

    /// Records a duration in nanoseconds `count` times.
    pub fn record_n(&mut self, nanos: i64, count: u64) {
        let value = nanos.cast_unsigned();
        if count == 0 {
            return;
        }
        if value > LONGEST_NS {
            return self.record_outside(nanos, count);
        }
        self.record_value(value, count);
    }

    /// Records a value that has a bucket, at least once.
    fn record_value(&mut self, nanos: u64, count: u64) {
        add(&mut self.counts[index_of(nanos)], count);
        add(&mut self.recorded, count);
        self.summary.shortest_ns = self.summary.shortest_ns.min(nanos);
        self.summary.longest_ns = self.summary.longest_ns.max(nanos);
        add_ns(&mut self.summary.sum_ns, u128::from(nanos) * u128::from(count));
    }

    #[cold]
    fn record_outside(&mut self, nanos: i64, count: u64) {
        if nanos > 0 {
            return self.add_beyond(count);
        }
        add(&mut self.summary.below_zero, count);
        self.summary.lowest_ns = self.summary.lowest_ns.min(nanos);
        add_ns(
            &mut self.summary.sum_below_zero_ns,
            u128::from(nanos.unsigned_abs()) * u128::from(count),
        );
    }

    /// Counts the given number of values as longer than any that can be recorded.
    pub fn add_beyond(&mut self, count: u64) {
        add(&mut self.summary.beyond, count);
    }

    /// Adds everything that another has recorded. The time is proportional to the number of buckets between
    /// the other's shortest and longest value.
    pub fn merge(&mut self, other: &Self) {
        let used = other.used();
        for (count, more) in self.counts[used.clone()].iter_mut().zip(&other.counts[used]) {
            *count += *more;
        }
        self.recorded += other.recorded;
        self.summary.shortest_ns = self.summary.shortest_ns.min(other.summary.shortest_ns);
        self.summary.longest_ns = self.summary.longest_ns.max(other.summary.longest_ns);
        add_ns(&mut self.summary.sum_ns, other.summary.sum_ns);
        if self.recorded > MOST {
            self.stop_counts();
        }
        add(&mut self.summary.below_zero, other.summary.below_zero);
        self.summary.lowest_ns = self.summary.lowest_ns.min(other.summary.lowest_ns);
        add_ns(&mut self.summary.sum_below_zero_ns, other.summary.sum_below_zero_ns);
        self.add_beyond(other.summary.beyond);
    }

    #[cold]
    fn stop_counts(&mut self) {
        let used = self.used();
        for count in &mut self.counts[used] {
            *count = (*count).min(MOST);
        }
        self.recorded = MOST;
    }

    /// Adds at least one value to a bucket: the shortest and the longest are taken as the bucket's bounds,
    /// and the sum as if each value was in its middle. The bucket is at most that of [`LONGEST_NS`].
    pub(crate) fn add_to_bucket(&mut self, index: usize, count: u64) {
        let (from_ns, to_ns) = bounds(index);
        let middle_ns = Bucket { from_ns, to_ns, count }.middle_ns().min(LONGEST_NS);
        self.record_value(middle_ns, count);
        self.summary.shortest_ns = self.summary.shortest_ns.min(from_ns);
        self.summary.longest_ns = self.summary.longest_ns.max(to_ns.min(LONGEST_NS));
    }

    /// Forgets everything. The time is proportional to the number of buckets between the shortest and the
    /// longest value.
    pub fn clear(&mut self) {
        let used = self.used();
        self.counts[used].fill(0);
        self.recorded = 0;
        self.summary = DistributionSummary::NOTHING;
    }

    /// The buckets from that of the shortest value to that of the longest. All others are empty.
    fn used(&self) -> Range<usize> {
        if self.recorded == 0 {
            return 0..0;
        }
        index_of(self.summary.shortest_ns)..index_of(self.summary.longest_ns) + 1
    }

    /// The number of empty buckets below that of the shortest value, and the counts from there to that of the
    /// longest. Without values, the counts are those of one empty bucket.
    pub(crate) fn counts(&self) -> (usize, &[u64]) {
        let used = if self.recorded == 0 { 0..1 } else { self.used() };
        (used.start, &self.counts[used])
    }

    /// The parts of it that are not in its buckets.
    pub(crate) fn summary(&self) -> DistributionSummary {
        self.summary
    }

    /// These buckets together with the given other parts.
    pub(crate) fn with_summary(self, summary: DistributionSummary) -> Self {
        Self { summary, ..self }
    }

    /// How many values there are, including those below zero and those beyond.
    pub fn count(&self) -> u64 {
        self.summary.below_zero.saturating_add(self.recorded).saturating_add(self.summary.beyond)
    }

    /// How many values are less than zero.
    pub fn below_zero(&self) -> u64 {
        self.summary.below_zero
    }

    /// The lowest of the values that are less than zero, in nanoseconds; zero if there are none.
    pub fn lowest_ns(&self) -> i64 {
        self.summary.lowest_ns
    }

    /// How many values are longer than any recorded one.
    pub fn beyond(&self) -> u64 {
        self.summary.beyond
    }

    /// The shortest of the recorded values that are not below zero, exactly; [`None`] if there are none.
    pub fn shortest(&self) -> Option<Duration> {
        (self.recorded > 0).then(|| Duration::from_nanos(self.summary.shortest_ns))
    }

    /// The longest of the recorded values that are not below zero, exactly; [`None`] if there are none.
    pub fn longest(&self) -> Option<Duration> {
        (self.recorded > 0).then(|| Duration::from_nanos(self.summary.longest_ns))
    }

    /// The mean in nanoseconds of all values but those beyond, from their exact sum; [`None`] if there are
    /// none.
    pub fn mean(&self) -> Option<f64> {
        let count = self.summary.below_zero.saturating_add(self.recorded);
        (count > 0).then(|| {
            (float(self.summary.sum_ns) - float(self.summary.sum_below_zero_ns))
                / float(count.into())
        })
    }

    /// The buckets that are not empty, the shortest first.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let counts = self.used().zip(&self.counts[self.used()]);
        counts.filter(|(_, count)| **count > 0).map(|(index, count)| {
            let (from_ns, to_ns) = bounds(index);
            Bucket { from_ns, to_ns, count: *count }
        })
    }

    /// Where the value of a rank lies, counted from 1 among all values, the lowest first; [`None`] if there
    /// are fewer values.
    ///
    /// A value is reported as the longest of its bucket, but never as longer than the longest.
    pub fn at_rank(&self, rank: u64) -> Option<Quantile> {
        if rank == 0 || rank > self.count() {
            return None;
        }
        if rank <= self.summary.below_zero {
            return Some(Quantile::BelowZero);
        }
        let mut left = rank - self.summary.below_zero;
        for bucket in self.buckets() {
            if left <= bucket.count {
                let nanos = bucket.to_ns.min(self.summary.longest_ns);
                return Some(Quantile::At(Duration::from_nanos(nanos)));
            }
            left -= bucket.count;
        }
        Some(Quantile::Beyond(Duration::from_nanos(self.summary.longest_ns)))
    }

    /// Where a percentile lies among all values; [`None`] if there are none.
    pub fn percentile(&self, percentile: Percentile) -> Option<Quantile> {
        self.at_rank(percentile.rank(self.count()))
    }

    /// How many values are above a percentile's rank: with fewer than ten, the percentile says little.
    pub fn above(&self, percentile: Percentile) -> u64 {
        self.count().saturating_sub(percentile.rank(self.count()))
    }
}

impl fmt::Debug for Distribution {
    /// Prints the figures without the thousands of buckets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution")
            .field("recorded", &self.recorded)
            .field("shortest", &self.shortest())
            .field("longest", &self.longest())
            .field("sum_ns", &self.summary.sum_ns)
            .field("below_zero", &self.summary.below_zero)
            .field("lowest_ns", &self.summary.lowest_ns)
            .field("beyond", &self.summary.beyond)
            .finish_non_exhaustive()
    }
}

/// Adds to a count, which stops at [`MOST`].
fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more).min(MOST);
}

/// Adds to a sum, which stops at [`MOST_NS`].
fn add_ns(sum: &mut u128, more: u128) {
    *sum = sum.saturating_add(more).min(MOST_NS);
}

/// The nearest float: of an exact number, 53 bits are kept.
#[expect(clippy::cast_precision_loss, reason = "means are not exact to more than 53 bits")]
fn float(number: u128) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
