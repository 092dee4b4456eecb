//! The numbers behind the metrics of a run: counters, and two gauges.

use std::collections::BTreeMap;

use longsync_load::Live;
use longsync_stats::{Counts, Distribution, Figures, Loop, TextCounts};

/// Upper bounds of the buckets, in nanoseconds.
pub(super) const BOUNDS: [u64; 20] = [
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    60_000_000_000,
];

/// How many clauses of faults have a counter of their own. Servers choose the clauses.
const MOST_CLAUSES: usize = 100;
/// The label of the counter of all other clauses.
pub(super) const OTHER: &str = "(other)";

/// The numbers behind the metrics of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct MetricsSnapshot {
    /// Whether a call begins when another has ended: then no call is due, and none has a response time.
    is_closed: bool,
    pub(super) counts: Counts,
    pub(super) due: u64,
    pub(super) in_flight: u64,
    pub(super) connections: u64,
    pub(super) response_time: BucketCounts,
    pub(super) service_time: BucketCounts,
    pub(super) added: BucketCounts,
    pub(super) lag: BucketCounts,
    pub(super) faults: FaultCounts,
}

impl MetricsSnapshot {
    /// For a run with this kind of loop, before anything is known of it.
    pub(super) fn new(kind: Loop) -> Self {
        Self { is_closed: kind == Loop::Closed, ..Self::default() }
    }

    /// Adds one more second.
    pub(super) fn see(&mut self, live: &Live<'_>) {
        let Figures { counts, good_response_time, service_time, added, lag, .. } = live.so_far;
        self.counts = *counts;
        self.due = self.due.saturating_add(live.due);
        self.in_flight = live.in_flight;
        self.connections = live.connections as u64;
        self.response_time = BucketCounts::of(good_response_time);
        if !self.is_closed {
            self.response_time.add_beyond(counts.without_answer());
        }
        self.service_time = BucketCounts::of(service_time);
        self.added = BucketCounts::of(added);
        self.lag = BucketCounts::of(lag);
        self.faults.add(&live.second.faults);
    }
}

/// The planned faults that hit calls, by clause. Unlike in [`TextCounts`], in which a rare clause makes room
/// for the next, a clause that has a counter keeps it: counters never decrease.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultCounts {
    clauses: BTreeMap<String, u64>,
    other: u64,
}

impl FaultCounts {
    fn add(&mut self, faults: &TextCounts) {
        for (clause, count) in faults.by_count() {
            if let Some(counted) = self.clauses.get_mut(clause) {
                *counted += count;
            } else if self.clauses.len() < MOST_CLAUSES && clause != OTHER {
                self.clauses.insert(clause.to_owned(), count);
            } else {
                self.other += count;
            }
        }
        self.other += faults.other();
    }

    /// Each label with its count.
    pub(super) fn by_label(&self) -> impl Iterator<Item = (&str, u64)> {
        let clauses = self.clauses.iter().map(|(clause, count)| (clause.as_str(), *count));
        std::iter::once((OTHER, self.other)).chain(clauses)
    }
}

/// A distribution in a few buckets.
#[derive(Debug, Clone, Default)]
pub(super) struct BucketCounts {
    /// The number of values in each; the last has no upper bound.
    pub(super) counts: [u64; BOUNDS.len() + 1],
    /// The sum of all values, in nanoseconds; values below zero count as zero, so that it never decreases.
    pub(super) sum_ns: u128,
}

impl BucketCounts {
    fn of(values: &Distribution) -> Self {
        let mut buckets = Self::default();
        buckets.counts[0] = values.below_zero();
        for bucket in values.buckets() {
            let place = BOUNDS.partition_point(|bound| *bound < bucket.from_ns);
            buckets.counts[place] += bucket.count;
            buckets.sum_ns += u128::from(bucket.middle_ns()) * u128::from(bucket.count);
        }
        buckets.add_beyond(values.beyond());
        buckets
    }

    /// Counts values without an upper bound.
    fn add_beyond(&mut self, count: u64) {
        self.counts[BOUNDS.len()] += count;
    }

    /// How many values there are.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_bucket_of_the_next_bound() {
        let mut values = Distribution::default();
        for nanos in [-5, 0, 9_999, 10_000, 10_010, 20_000, 60_000_000_000, 61_000_000_000] {
            values.record(nanos);
        }
        values.add_beyond(3);
        let buckets = BucketCounts::of(&values);
        assert_eq!(buckets.counts[..3], [4, 2, 0]);
        assert_eq!(buckets.counts[19..], [1, 4]);
        assert_eq!(buckets.count(), 11);
    }
}
