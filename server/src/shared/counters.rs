//! The counters of a worker, and their sum over all workers.

use std::fmt;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use longsync_behavior::{Behavior, FaultClause};

use crate::shared::fault_counts::FaultCounts;
use crate::shared::queue::QueueCounts;

/// Defines the kinds and their names from one list, so that none is forgotten.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal),+ $(,)?) => {
        /// The kind of a call, as in the metrics' label `rpc`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum CallKind {
            $($(#[$doc])* $kind),+
        }

        impl CallKind {
            /// All kinds.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$kind),+];

            /// The name of the kind: for an RPC, its own name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),+
                }
            }
        }
    };
}

kinds! {
    /// The unary RPC.
    LongSync = "LongSync",
    /// The server streaming RPC.
    LongSyncStream = "LongSyncStream",
    /// The client streaming RPC.
    LongSyncCollect = "LongSyncCollect",
    /// The bidirectional RPC.
    LongSyncExchange = "LongSyncExchange",
    /// `GET /long_sync`.
    Http = "GET /long_sync",
}

impl fmt::Display for CallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a call ended, as in the metrics' label `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// With all its answers.
    Answered,
    /// With an error that was caused by the request or by a limit.
    Refused,
    /// At its deadline, with the server's status or by a reset that the deadline explains.
    DeadlineExceeded,
    /// Its client cancelled it, or disconnected, before it ended.
    Cancelled,
    /// At the end of a drain.
    Drained,
    /// With an error that its behavior planned.
    Failed,
    /// By a reset of its stream that its behavior planned.
    Reset,
    /// Never answered, as its behavior planned.
    Hung,
    /// With its connection, which its behavior, or that of another call, planned to drop.
    Dropped,
    /// Refused at once, because the server's queue was full.
    Shed,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 10] = [
        Self::Answered,
        Self::Refused,
        Self::DeadlineExceeded,
        Self::Cancelled,
        Self::Drained,
        Self::Failed,
        Self::Reset,
        Self::Hung,
        Self::Dropped,
        Self::Shed,
    ];
}

impl Outcome {
    /// The name of the outcome.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Cancelled => "cancelled",
            Self::Drained => "drained",
            Self::Failed => "failed",
            Self::Reset => "reset",
            Self::Hung => "hung",
            Self::Dropped => "dropped",
            Self::Shed => "shed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Measured durations: their number, their exact sum, and their distribution in nanoseconds from 1 ns to 24
/// h, with 3 significant digits. Longer durations count as 24 h in the distribution.
#[derive(Debug, Clone)]
pub struct DurationHistogram {
    sum: Duration,
    histogram: Histogram<u64>,
}

const DAY_NS: u64 = 24 * 3_600 * 1_000_000_000;

impl DurationHistogram {
    fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, DAY_NS, 3);
        Self { sum: Duration::ZERO, histogram: histogram.expect("the constant bounds are valid") }
    }

    fn record(&mut self, duration: Duration) {
        self.sum += duration;
        self.histogram.saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(DAY_NS));
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.histogram.add(&other.histogram).expect("the bounds are the same");
    }

    fn clear(&mut self) {
        self.sum = Duration::ZERO;
        // An empty histogram needs no reset, and going over all its buckets takes a long time.
        if !self.histogram.is_empty() {
            self.histogram.reset();
        }
    }

    /// The sum of all durations.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The number of durations.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Their mean; [`None`] if there are none.
    pub fn mean(&self) -> Option<Duration> {
        let nanos = self.sum.as_nanos().checked_div(self.count().into())?;
        Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// The smallest recorded value, to three significant digits, such that at least `part` out of every
    /// `of` values are no larger: `at_rank(99, 100)` is the p99. [`None`] if there are none. The rank is
    /// rounded up, using integers.
    ///
    /// # Panics
    /// If `of` is 0.
    pub fn at_rank(&self, part: u32, of: u32) -> Option<Duration> {
        let rank = (u128::from(self.count()) * u128::from(part)).div_ceil(u128::from(of));
        let mut seen = 0;
        let (nanos, _) = self.recorded().find(|(_, count)| {
            seen += u128::from(*count);
            seen >= rank
        })?;
        Some(Duration::from_nanos(self.histogram.highest_equivalent(nanos)))
    }

    /// What was recorded after `earlier`, an earlier state of this histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut histogram = self.histogram.clone();
        // This fails only if `earlier` contains values that this histogram does not.
        let _ = histogram.subtract(&earlier.histogram);
        Self { sum: self.sum.saturating_sub(earlier.sum), histogram }
    }

    /// The recorded values in nanoseconds, in ascending order, and how often each occurs. Of values that are
    /// the same to three significant digits, it is the smallest.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = (u64, u64)> {
        // Iterating over an empty histogram would scan all its buckets for a first value.
        let recorded = (!self.histogram.is_empty()).then(|| self.histogram.iter_recorded());
        recorded.into_iter().flatten().map(|step| {
            let nanos = self.histogram.lowest_equivalent(step.value_iterated_to());
            (nanos, step.count_at_value())
        })
    }
}

/// What one worker has counted, or several together.
#[derive(Debug, Clone)]
pub struct Snapshot {
    started: [u64; CallKind::ALL.len()],
    ended: [[u64; Outcome::ALL.len()]; CallKind::ALL.len()],
    lateness: DurationHistogram,
    cancelled_after: DurationHistogram,
    /// [`None`] if the behavior has no queue.
    queued: Option<Box<DurationHistogram>>,
    queue: Option<QueueCounts>,
    faults: FaultCounts,
}

impl Snapshot {
    /// No counts, of a server with this behavior.
    pub(crate) fn new(behavior: &Behavior) -> Self {
        Self {
            started: [0; CallKind::ALL.len()],
            ended: [[0; Outcome::ALL.len()]; CallKind::ALL.len()],
            lateness: DurationHistogram::new(),
            cancelled_after: DurationHistogram::new(),
            queued: behavior.queue().map(|_| Box::new(DurationHistogram::new())),
            queue: None,
            faults: FaultCounts::new(behavior),
        }
    }

    pub(crate) fn start(&mut self, kind: CallKind) {
        self.started[kind as usize] += 1;
    }

    pub(crate) fn end(&mut self, kind: CallKind, outcome: Outcome) {
        self.ended[kind as usize][outcome as usize] += 1;
    }

    pub(crate) fn late(&mut self, lateness: Duration) {
        self.lateness.record(lateness);
    }

    pub(crate) fn cancelled(&mut self, after: Duration) {
        self.cancelled_after.record(after);
    }

    /// A call or message that was queued for this long begins service.
    pub(crate) fn queued_for(&mut self, queued: Duration) {
        if let Some(histogram) = &mut self.queued {
            histogram.record(queued);
        }
    }

    /// The same counts, with those of the queue.
    pub(crate) fn with_queue(self, queue: Option<QueueCounts>) -> Self {
        Self { queue, ..self }
    }

    pub(crate) fn fault(&mut self, clause: &FaultClause) {
        self.faults.apply(clause);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for kind in CallKind::ALL {
            self.started[kind as usize] += other.started[kind as usize];
            for outcome in Outcome::ALL {
                self.ended[kind as usize][outcome as usize] += other.calls_ended(kind, outcome);
            }
        }
        self.lateness.add(&other.lateness);
        self.cancelled_after.add(&other.cancelled_after);
        if let (Some(sum), Some(other)) = (&mut self.queued, &other.queued) {
            sum.add(other);
        }
        self.faults.add(&other.faults);
    }

    /// Resets all counters, keeping their memory.
    fn clear(&mut self) {
        self.started = [0; CallKind::ALL.len()];
        self.ended = [[0; Outcome::ALL.len()]; CallKind::ALL.len()];
        self.lateness.clear();
        self.cancelled_after.clear();
        if let Some(queued) = &mut self.queued {
            queued.clear();
        }
        self.faults.clear();
    }

    /// How many calls of a kind have arrived.
    pub fn calls_started(&self, kind: CallKind) -> u64 {
        self.started[kind as usize]
    }

    /// How many calls of a kind have ended with this outcome.
    pub fn calls_ended(&self, kind: CallKind, outcome: Outcome) -> u64 {
        self.ended[kind as usize][outcome as usize]
    }

    /// How many calls have arrived and not ended.
    pub fn calls_in_flight(&self) -> u64 {
        let started: u64 = self.started.iter().sum();
        started - self.ended.iter().flatten().sum::<u64>()
    }

    /// For each wait that ran out, how long after its due time it ended.
    pub fn lateness(&self) -> &DurationHistogram {
        &self.lateness
    }

    /// How often each fault was applied to a call, or to a message of an exchange: by the canonical text of
    /// its clause in the server's behavior, and `(caller)` for those of all behaviors that callers bring.
    pub fn faults(&self) -> impl Iterator<Item = (&str, u64)> {
        self.faults.all()
    }

    /// For each call and message that began service in the server's queue, how long it had stood. [`None`] if
    /// the server has no queue.
    pub fn queued(&self) -> Option<&DurationHistogram> {
        self.queued.as_deref()
    }

    /// What the server's queue holds and has counted. [`None`] if it has none.
    pub fn queue(&self) -> Option<QueueCounts> {
        self.queue
    }

    /// For each cancelled call, how long it had waited.
    pub fn cancelled_after(&self) -> &DurationHistogram {
        &self.cancelled_after
    }
}

/// The counters of all workers of a server.
///
/// A reader takes from each worker what it has counted and leaves an empty snapshot in its place. A worker is
/// thus held up only while the two are swapped, however much must be merged.
#[derive(Debug)]
pub(crate) struct Counters {
    workers: Box<[WorkerSnapshot]>,
    taken: Mutex<MergedCounts>,
}

/// The counters of a worker, on their own pair of cache lines: processors fetch 64-byte lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct WorkerSnapshot(Mutex<Snapshot>);

#[derive(Debug)]
struct MergedCounts {
    sum: Snapshot,
    /// Empty, except while it is swapped.
    spare: Snapshot,
}

impl Counters {
    /// The counters of this many workers of a server with this behavior.
    pub(crate) fn new(workers: usize, behavior: &Behavior) -> Self {
        let empty = || Snapshot::new(behavior);
        Self {
            workers: (0..workers).map(|_| WorkerSnapshot(Mutex::new(empty()))).collect(),
            taken: Mutex::new(MergedCounts { sum: empty(), spare: empty() }),
        }
    }

    /// The counters of one worker.
    pub(crate) fn of(&self, worker: usize) -> MutexGuard<'_, Snapshot> {
        lock(&self.workers[worker].0)
    }

    /// Reads what all workers together have counted so far.
    pub(crate) fn read<T>(&self, reader: impl FnOnce(&Snapshot) -> T) -> T {
        let mut taken = lock(&self.taken);
        let MergedCounts { sum, spare } = &mut *taken;
        for worker in &self.workers {
            mem::swap(&mut *lock(&worker.0), spare);
            sum.add(spare);
            spare.clear();
        }
        reader(sum)
    }
}

/// Locks; a panic elsewhere must not end the counting.
fn lock<T>(counters: &Mutex<T>) -> MutexGuard<'_, T> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn behavior() -> Behavior {
        Behavior::constant(Duration::ZERO)
    }

    fn empty() -> Snapshot {
        Snapshot::new(&behavior())
    }

    proptest! {
        /// Merging the counts of several workers gives what a single worker would have counted.
        #[test]
        fn merge_is_record_all(lateness in proptest::collection::vec((0_u64..10_000_000_000, any::<bool>()), 0..50)) {
            let (mut left, mut right, mut all) = (empty(), empty(), empty());
            for (nanos, to_left) in lateness {
                let late = Duration::from_nanos(nanos);
                let one = if to_left { &mut left } else { &mut right };
                for counted in [one, &mut all] {
                    counted.start(CallKind::LongSync);
                    counted.end(CallKind::LongSync, Outcome::Answered);
                    counted.late(late);
                }
            }
            left.add(&right);
            prop_assert_eq!(left.lateness.sum(), all.lateness.sum());
            prop_assert_eq!(&left.lateness.histogram, &all.lateness.histogram);
            prop_assert_eq!(left.calls_started(CallKind::LongSync), all.calls_started(CallKind::LongSync));
            prop_assert_eq!(left.calls_in_flight(), 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// However often the counters are read in between, nothing is counted twice or lost.
        #[test]
        fn a_snapshot_is_the_sum_of_all_that_was_counted(
            counted in proptest::collection::vec((0_usize..3, 0_u64..10_000_000_000, any::<bool>()), 0..40),
        ) {
            let (counters, mut all) = (Counters::new(3, &behavior()), empty());
            for (worker, nanos, is_read) in counted {
                let late = Duration::from_nanos(nanos);
                for snapshot in [&mut *counters.of(worker), &mut all] {
                    snapshot.start(CallKind::LongSync);
                    snapshot.end(CallKind::LongSync, Outcome::Cancelled);
                    snapshot.late(late);
                    snapshot.cancelled(late);
                }
                if is_read {
                    counters.read(|_| ());
                }
            }
            let read = counters.read(Snapshot::clone);
            prop_assert_eq!(read.started, all.started);
            prop_assert_eq!(read.ended, all.ended);
            prop_assert_eq!(read.lateness.sum(), all.lateness.sum());
            prop_assert_eq!(&read.lateness.histogram, &all.lateness.histogram);
            prop_assert_eq!(read.cancelled_after.sum(), all.cancelled_after.sum());
        }
    }

    #[test]
    fn a_worker_is_held_up_for_a_swap_which_allocates_nothing() {
        let counters = Counters::new(1, &behavior());
        let mut spare = empty();
        counters.of(0).late(Duration::from_secs(1));
        let allocated = allocation_counter::measure(|| {
            mem::swap(&mut *counters.of(0), &mut spare);
            let mut counted = counters.of(0);
            counted.late(Duration::from_secs(3_600));
            counted.cancelled(Duration::from_secs(3_600));
        });
        assert_eq!(allocated.count_total, 0);
    }

    #[test]
    fn kinds_and_outcomes_index_their_own_entries() {
        for (index, kind) in CallKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }
}
