//! The recorder of a simulation: counts in buckets of three digits like `HdrHistogram`'s, per second and in
//! total.

use longsync_stats::{Bucket, Sparse, Succession};

/// The number of buckets between two powers of two.
const BETWEEN_POWERS: usize = 1_024;
/// Enough for 10^15 ns.
const BUCKETS: usize = 42 * BETWEEN_POWERS;
const SECOND_NS: u64 = 1_000_000_000;

/// The record of a run.
pub(crate) struct RunRecord {
    pub(crate) whole: Sparse,
    pub(crate) intervals: Vec<Sparse>,
    pub(crate) succession: Succession,
}

struct Dense {
    counts: Vec<u64>,
    shortest_ns: u64,
    longest_ns: u64,
}

impl Dense {
    fn new() -> Self {
        Self { counts: vec![0; BUCKETS], shortest_ns: u64::MAX, longest_ns: 0 }
    }

    fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.shortest_ns = self.shortest_ns.min(nanos);
        self.longest_ns = self.longest_ns.max(nanos);
    }

    fn take(&mut self) -> Sparse {
        let mut sparse = Sparse::default();
        if self.shortest_ns > self.longest_ns {
            return sparse;
        }
        let first = bucket(self.shortest_ns);
        for (index, count) in self.counts[first..=bucket(self.longest_ns)].iter_mut().enumerate() {
            if *count > 0 {
                let (from_ns, to_ns) = edges(first + index);
                sparse.buckets.push(Bucket { from_ns, to_ns, count: std::mem::take(count) });
            }
        }
        sparse.shortest_ns = std::mem::replace(&mut self.shortest_ns, u64::MAX);
        sparse.longest_ns = std::mem::take(&mut self.longest_ns);
        sparse
    }
}

/// Which bucket a value belongs to.
#[expect(clippy::cast_possible_truncation, reason = "a run's values are in some thousand buckets")]
fn bucket(nanos: u64) -> usize {
    let shift = 53_u32.saturating_sub(nanos.leading_zeros());
    shift as usize * BETWEEN_POWERS + (nanos >> shift) as usize
}

fn edges(bucket: usize) -> (u64, u64) {
    let shift = (bucket / BETWEEN_POWERS).saturating_sub(1);
    let from_ns = ((bucket - shift * BETWEEN_POWERS) as u64) << shift;
    (from_ns, from_ns + (1 << shift) - 1)
}

impl RunRecord {
    /// From the time at which each call ended, ascending, and its duration.
    pub(crate) fn new(calls: impl Iterator<Item = (u64, u64)>) -> Self {
        let (mut whole, mut second) = (Dense::new(), Dense::new());
        let mut intervals = Vec::new();
        let mut succession = Succession::default();
        for (ended_ns, nanos) in calls {
            while ended_ns / SECOND_NS > intervals.len() as u64 {
                intervals.push(second.take());
            }
            whole.record(nanos);
            second.record(nanos);
            succession.record(nanos.cast_signed());
        }
        intervals.push(second.take());
        Self { whole: whole.take(), intervals, succession }
    }
}
