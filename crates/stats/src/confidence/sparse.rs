//! Distributions as lists of their non-empty buckets, and the levels at which their percentiles can lie.

use std::time::Duration;

use crate::distribution::{Bucket, Distribution, Quantile};
use crate::moment::whole_nanos;

/// A distribution without its empty buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sparse {
    /// The buckets that are not empty, ascending.
    pub buckets: Vec<Bucket>,
    /// How many values are less than zero.
    pub below_zero: u64,
    /// How many values are longer than any recorded one.
    pub beyond: u64,
    /// The shortest value in a bucket, in nanoseconds: no interval begins below it.
    pub shortest_ns: u64,
    /// The longest value in a bucket, in nanoseconds: no interval ends above it.
    pub longest_ns: u64,
}

impl From<&Distribution> for Sparse {
    fn from(distribution: &Distribution) -> Self {
        let nanos = |time: Option<Duration>| time.map_or(0, whole_nanos);
        Self {
            buckets: distribution.buckets().collect(),
            below_zero: distribution.below_zero(),
            beyond: distribution.beyond(),
            shortest_ns: nanos(distribution.shortest()),
            longest_ns: nanos(distribution.longest()),
        }
    }
}

/// Where a percentile can lie, in ascending order: 0 is below zero, 1 is the first bucket of the entire run,
/// and so on; the one after the last bucket is beyond.
pub(super) type Level = usize;

/// How many values there are up to each level.
#[derive(Debug)]
pub(super) struct CumulativeCounts {
    tops: Vec<u64>,
    up_to: Vec<u64>,
    below_zero: u64,
    count: u64,
}

impl CumulativeCounts {
    /// A count of more than 2^64 values stops there.
    pub(super) fn new(sparse: &Sparse) -> Self {
        let mut reached = sparse.below_zero;
        let up_to = sparse.buckets.iter().map(|bucket| {
            reached = reached.saturating_add(bucket.count);
            reached
        });
        let up_to: Vec<_> = up_to.collect();
        Self {
            tops: sparse.buckets.iter().map(|bucket| bucket.to_ns).collect(),
            up_to,
            below_zero: sparse.below_zero,
            count: reached.saturating_add(sparse.beyond),
        }
    }

    /// The number of all values, including those below zero and those beyond.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of values below zero and in buckets that end at `top` or below; without a top, only the
    /// former.
    pub(super) fn up_to(&self, top: Option<u64>) -> u64 {
        let buckets = top.map_or(0, |top| self.tops.partition_point(|to_ns| *to_ns <= top));
        buckets.checked_sub(1).map_or(self.below_zero, |last| self.up_to[last])
    }
}

/// The values of an entire run.
#[derive(Debug)]
pub(super) struct WholeRun {
    counts: CumulativeCounts,
    bottoms: Vec<u64>,
    shortest_ns: u64,
    longest_ns: u64,
}

impl WholeRun {
    pub(super) fn new(sparse: &Sparse) -> Self {
        Self {
            counts: CumulativeCounts::new(sparse),
            bottoms: sparse.buckets.iter().map(|bucket| bucket.from_ns).collect(),
            shortest_ns: sparse.shortest_ns,
            longest_ns: sparse.longest_ns,
        }
    }

    /// How many values there are.
    pub(super) fn count(&self) -> u64 {
        self.counts.count()
    }

    /// The upper edge of each bucket: the first is that of level 1.
    pub(super) fn tops(&self) -> &[u64] {
        &self.counts.tops
    }

    /// The level of the value of this rank; the first rank is 1.
    pub(super) fn level(&self, rank: u64) -> Level {
        if rank <= self.counts.below_zero {
            return 0;
        }
        1 + self.counts.up_to.partition_point(|up_to| *up_to < rank)
    }

    /// The least value that lies at a level.
    pub(super) fn lower_edge(&self, level: Level) -> Quantile {
        let Some(bucket) = level.checked_sub(1) else { return Quantile::BelowZero };
        match self.bottoms.get(bucket) {
            Some(bottom) => Quantile::At(Duration::from_nanos(*bottom.max(&self.shortest_ns))),
            None => Quantile::Beyond(Duration::from_nanos(self.longest_ns)),
        }
    }

    /// The greatest value that lies at a level, if there is one.
    pub(super) fn upper_edge(&self, level: Level) -> Option<Quantile> {
        let Some(bucket) = level.checked_sub(1) else { return Some(Quantile::BelowZero) };
        let top = self.counts.tops.get(bucket)?;
        Some(Quantile::At(Duration::from_nanos(*top.min(&self.longest_ns))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rank_has_its_level() {
        let bucket = |from_ns, count| Bucket { from_ns, to_ns: from_ns + 9, count };
        let whole = WholeRun::new(&Sparse {
            buckets: vec![bucket(10, 1), bucket(30, 3)],
            below_zero: 2,
            beyond: 1,
            shortest_ns: 10,
            longest_ns: 39,
        });
        assert_eq!(whole.count(), 7);
        let levels: Vec<_> = (1..=7).map(|rank| whole.level(rank)).collect();
        assert_eq!(levels, [0, 0, 1, 2, 2, 2, 3]);
        let counts = [None, Some(18), Some(19), Some(38), Some(39)];
        assert_eq!(counts.map(|top| whole.counts.up_to(top)), [2, 2, 3, 3, 6]);
    }
}
