//! What the workers of a run share with one another, and with the collector of their figures.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longsync_stats::{Figures, Moment};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::in_flight::InFlightLimit;
use crate::plan::LoadPlan;

/// How long after the last due time calls are still sent: a later call is the client's fault.
pub(crate) const LATEST: Duration = Duration::from_millis(100);

/// The minimum time for which a run without a connection continues, and for which a call that no connection
/// takes waits; and for which one is waited for when sending ends: a server that goes away and comes back costs nothing, however short the grace is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// The grace of a plan as it applies to calls that wait for a connection.
pub(crate) fn patience(grace: Duration) -> Duration {
    grace.max(PATIENCE)
}

/// How many closed seconds a worker has room for before the collector takes them.
const SPARES: usize = 3;

/// What the workers of a run share.
#[derive(Debug)]
pub(crate) struct Board {
    /// Calls that are due at this moment or later are not made, in nanoseconds.
    over: AtomicU64,
    /// When the last call of the plan is due, if that is known.
    last_due: Moment,
    /// No further call is made.
    pub(crate) stopped: CancellationToken,
    /// Nothing is waited for.
    pub(crate) ended: CancellationToken,
    pub(crate) in_flight: InFlightLimit,
    slots: Vec<WorkerSlot>,
    numbers: NextNumber,
    /// The total number of recorded calls, if a count ends the run.
    calls: Option<u64>,
    /// All recorded calls of a closed loop have a number.
    pub(crate) all_numbered: CancellationToken,
    /// How many workers are still sending.
    senders: AtomicUsize,
    /// All workers have stopped sending.
    pub(crate) all_sent: CancellationToken,
    open_connections: AtomicUsize,
    /// Notified when the first connection was opened, or the last one lost.
    pub(crate) reached: Notify,
    /// Notifies everyone who waits when the first connection was opened.
    returned: Notify,
    /// No connection was there when sending ended.
    is_lost: AtomicBool,
}

/// The number of the next recorded call of a closed loop, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct NextNumber(AtomicU64);

/// A worker's slot, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct WorkerSlot {
    /// The second into which the worker records.
    second: AtomicU64,
    /// The ID of its thread in the system; 0 until it is known.
    thread: AtomicU32,
    /// For how many nanoseconds that thread has polled on purpose.
    polled: AtomicU64,
    /// How many connections it has.
    connections: AtomicUsize,
    /// Whether it has stopped sending calls.
    has_sent: AtomicBool,
    handed: Mutex<Handover>,
}

/// Figures that are handed over to the collector.
#[derive(Debug)]
struct Handover {
    /// Empty figures, for seconds to come.
    #[expect(clippy::vec_box, reason = "a pointer is handed over instead of a copy")]
    spare: Vec<Box<Figures>>,
    /// The figures of seconds that are over.
    closed: Vec<Second>,
}

/// The figures that a worker has recorded in one second.
#[derive(Debug)]
pub(crate) struct Second {
    /// The number of the second, counted from the end of the warm-up.
    pub(crate) number: u64,
    pub(crate) figures: Box<Figures>,
}

impl Board {
    /// The board for a run of this plan.
    pub(crate) fn new<M>(plan: &LoadPlan<M>) -> Self {
        let (workers, calls) = (plan.workers, plan.stop.calls());
        let slot = || {
            let mut spare = Vec::with_capacity(SPARES + 1);
            spare.resize_with(SPARES, Box::default);
            let closed = Vec::with_capacity(SPARES + 1);
            WorkerSlot {
                second: AtomicU64::new(0),
                thread: AtomicU32::new(0),
                polled: AtomicU64::new(0),
                connections: AtomicUsize::new(0),
                has_sent: AtomicBool::new(false),
                handed: Mutex::new(Handover { spare, closed }),
            }
        };
        Self {
            over: AtomicU64::new(u64::MAX),
            last_due: plan.last_due().unwrap_or(Moment::from_nanos(u64::MAX)),
            stopped: CancellationToken::new(),
            ended: CancellationToken::new(),
            in_flight: InFlightLimit::new(workers, plan.max_in_flight),
            slots: (0..workers).map(|_| slot()).collect(),
            numbers: NextNumber::default(),
            calls,
            all_numbered: CancellationToken::new(),
            senders: AtomicUsize::new(workers),
            all_sent: CancellationToken::new(),
            open_connections: AtomicUsize::new(0),
            reached: Notify::new(),
            returned: Notify::new(),
            is_lost: AtomicBool::new(false),
        }
    }

    /// Stops calls that are due after `now` from being made.
    pub(crate) fn stop(&self, now: Moment) {
        self.over.fetch_min(now.as_nanos().saturating_add(1), Ordering::Relaxed);
        self.stopped.cancel();
    }

    /// Whether the run was stopped, so that no further calls are made.
    pub(crate) fn is_stopped(&self) -> bool {
        self.over.load(Ordering::Relaxed) < u64::MAX
    }

    /// Calls that are due at this moment or later are not made.
    #[inline]
    pub(crate) fn over(&self) -> Moment {
        Moment::from_nanos(self.over.load(Ordering::Relaxed))
    }

    /// The moment until which calls are due, as far as it is known.
    #[inline]
    pub(crate) fn last_due(&self) -> Moment {
        self.over().min(self.last_due)
    }

    /// The moment from which nothing is sent any more.
    #[inline]
    pub(crate) fn sending_ends(&self) -> Moment {
        self.last_due() + LATEST
    }

    /// A unique number for a recorded call of a closed loop; [`None`] if all recorded calls have theirs.
    pub(crate) fn next_number(&self) -> Option<u64> {
        let number = self.numbers.0.fetch_add(1, Ordering::Relaxed);
        let Some(calls) = self.calls else { return Some(number) };
        if number + 1 >= calls {
            self.all_numbered.cancel();
        }
        (number < calls).then_some(number)
    }

    /// Whether all recorded calls of a closed loop have a number.
    pub(crate) fn has_numbered_all(&self) -> bool {
        self.calls.is_some_and(|calls| self.numbers.0.load(Ordering::Relaxed) >= calls)
    }

    /// Records that a worker has stopped sending calls.
    pub(crate) fn has_sent(&self, worker: usize) {
        let has_sent = self.slots[worker].has_sent.swap(true, Ordering::Relaxed);
        if !has_sent && self.senders.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.all_sent.cancel();
        }
    }

    /// Records that a worker has panicked, with this many calls in flight.
    pub(crate) fn lost(&self, worker: usize, in_flight: u64) {
        self.has_sent(worker);
        for _ in 0..in_flight {
            self.in_flight.give(worker);
        }
    }

    /// Records that a worker's thread has ended, and its connections with it.
    pub(crate) fn gone(&self, worker: usize) {
        for _ in 0..self.slots[worker].connections.load(Ordering::Relaxed) {
            self.disconnected(worker);
        }
    }

    /// Records that a connection of a worker was opened.
    pub(crate) fn connected(&self, worker: usize) {
        self.slots[worker].connections.fetch_add(1, Ordering::Relaxed);
        if self.open_connections.fetch_add(1, Ordering::Relaxed) == 0 {
            self.reached.notify_one();
            self.returned.notify_waiters();
        }
    }

    /// Waits until some connection takes calls.
    pub(crate) async fn until_connected(&self) {
        loop {
            let returned = self.returned.notified();
            if self.connections() > 0 {
                return;
            }
            returned.await;
        }
    }

    /// Records that there was no connection when sending ended, and that none was opened soon after.
    pub(crate) fn lose(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }

    /// Whether there was no connection when sending ended.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Records that a connection of a worker takes no more calls.
    pub(crate) fn disconnected(&self, worker: usize) {
        self.slots[worker].connections.fetch_sub(1, Ordering::Relaxed);
        if self.open_connections.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.reached.notify_one();
        }
    }

    /// How many connections take calls.
    pub(crate) fn connections(&self) -> usize {
        self.open_connections.load(Ordering::Relaxed)
    }

    /// Moves a worker from the second with this number to the `next`: `exchange` is given empty figures, and
    /// returns those of the second that is over. If the collector is so late that there are no empty figures,
    /// nothing is done and `false` is returned.
    pub(crate) fn next_second(
        &self,
        worker: usize,
        number: u64,
        next: u64,
        exchange: impl FnOnce(Box<Figures>) -> Box<Figures>,
    ) -> bool {
        let slot = &self.slots[worker];
        let mut handed = slot.lock();
        let Some(spare) = handed.spare.pop() else { return false };
        handed.closed.push(Second { number, figures: exchange(spare) });
        drop(handed);
        slot.second.store(next, Ordering::Release);
        true
    }

    /// Hands over the last second of a worker.
    pub(crate) fn last_second(&self, worker: usize, closed: Second) {
        let slot = &self.slots[worker];
        slot.lock().closed.push(closed);
        slot.second.store(u64::MAX, Ordering::Release);
    }

    /// Takes the seconds that workers have closed, by worker.
    pub(crate) fn take_closed(&self, mut take: impl FnMut(&Second)) {
        for slot in &self.slots {
            // The worker always finds room, and merging happens outside its lock.
            let mut closed = Vec::with_capacity(SPARES + 1);
            std::mem::swap(&mut closed, &mut slot.lock().closed);
            for mut second in closed {
                take(&second);
                second.figures.clear();
                slot.lock().spare.push(second.figures);
            }
        }
    }

    /// The first second that some worker may still record into.
    pub(crate) fn open_second(&self) -> u64 {
        self.slots.iter().map(|slot| slot.second.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    /// Sets the thread of that worker to the calling one.
    pub(crate) fn set_thread(&self, worker: usize, thread: u32) {
        self.slots[worker].thread.store(thread, Ordering::Relaxed);
    }

    /// Sets how long a worker has polled on purpose.
    pub(crate) fn set_polled(&self, worker: usize, polled: Duration) {
        let nanos = u64::try_from(polled.as_nanos()).unwrap_or(u64::MAX);
        self.slots[worker].polled.store(nanos, Ordering::Relaxed);
    }

    /// The IDs of the workers' threads in the system, and how long each has polled on purpose.
    pub(crate) fn threads(&self) -> impl Iterator<Item = (u32, Duration)> {
        self.slots.iter().map(|slot| {
            let polled = Duration::from_nanos(slot.polled.load(Ordering::Relaxed));
            (slot.thread.load(Ordering::Relaxed), polled)
        })
    }
}

impl WorkerSlot {
    fn lock(&self) -> MutexGuard<'_, Handover> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::thread;

    use longsync::v1::LongSyncRequest;

    use super::*;
    use crate::long_sync::LongSync;
    use crate::schedule::Schedule;
    use crate::stop::StopCondition;

    #[test]
    fn each_number_is_given_to_one_worker_and_there_is_one_per_call() {
        let calls = LongSync::new(&LongSyncRequest::default()).unwrap();
        let (schedule, stop) =
            (Schedule::closed(NonZeroUsize::MIN), StopCondition::after_calls(30_000));
        let target = "http://127.0.0.1:1".parse().unwrap();
        let plan = LoadPlan::builder(target, calls, schedule, stop).build().unwrap();
        let board = Board::new(&plan);
        let numbers = || std::iter::from_fn(|| board.next_number()).collect::<Vec<_>>();
        let mut all: Vec<_> = thread::scope(|scope| {
            let workers: Vec<_> = (0..3).map(|_| scope.spawn(numbers)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        all.sort_unstable();
        assert_eq!(all, (0..30_000).collect::<Vec<_>>());
        assert!(board.has_numbered_all() && board.all_numbered.is_cancelled());
    }
}
