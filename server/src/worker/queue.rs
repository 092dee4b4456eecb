//! A worker's calls in the server's queue.
//!
//! Calls attend to their own ends, at which they give their seats back. What is due when no call is there, as the
//! end of the work of an abandoned call, is attended to by a driver: a task that exists only while there is such
//! a thing.

mod driver;
mod log;

use std::sync::Arc;
use std::time::{Duration, Instant};

use longsync_behavior::Queue;
use longsync_behavior::queue::{Entry, QueuedCall, StallGate, Ticket};
use tokio::runtime::Handle;

use crate::call::wait::nanos;
use crate::shared::Shared;
use crate::shared::queue::{DriverNeed, QueueState, SharedQueue, Started, Waking};
use crate::worker::Worker;

use self::driver::{Driver, drive};
pub(crate) use self::log::CallNumbers;
pub use self::log::QUEUE_LOG_TARGET;

/// Something that arrives in the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) from: CallNumbers,
    pub(crate) at: Instant,
    /// [`None`] if it holds its worker until it ends.
    pub(crate) service: Option<Duration>,
    pub(crate) deadline: Option<Instant>,
}

/// What becomes of it.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// Its service has begun.
    Serving { seat: Seat, since: Instant },
    /// It stands until it is woken.
    Standing(Seat),
    /// The queue is full.
    Shed(Arc<Queue>),
}

/// A place in the queue, or a worker. It is given back when this is dropped: after a service that has ended,
/// at its planned end; before that, the queue decides what becomes of the rest of the work.
#[derive(Debug)]
pub(crate) struct Seat {
    worker: Arc<Worker>,
    ticket: Ticket,
}

impl Worker {
    /// Something arrives in the queue. If it has to stand, `waking` makes what wakes it. [`None`] if the server
    /// has no queue.
    pub(crate) fn arrive_in_queue(
        self: &Arc<Self>,
        arrival: Arrival,
        waking: impl FnOnce() -> Waking,
    ) -> Option<Arrived> {
        let Arrival { from, at, service, deadline } = arrival;
        let shared = self.shared();
        let queue = shared.queue.as_ref()?;
        let received = shared.queue_clock(at);
        let deadline = deadline.map(|deadline| shared.queue_clock(deadline));
        let call = QueuedCall { service: service.map(nanos), deadline };
        let (entry, arrived) = self.change_queue(queue, |state, started| {
            state.set_gate(|| gate(shared, at), started);
            state.arrive(received, call, from.message.is_some(), waking, started)
        });
        log::arrived(from, call, entry, [received, arrived]);
        let seat = |ticket| Seat { worker: Arc::clone(self), ticket };
        Some(match entry {
            Entry::Serving { ticket, since } => {
                Arrived::Serving { seat: seat(ticket), since: instant(shared, since) }
            }
            Entry::Standing(ticket) => Arrived::Standing(seat(ticket)),
            Entry::Shed => Arrived::Shed(Arc::clone(queue.clause())),
        })
    }

    /// Takes everything in the queue that is due by now.
    pub(crate) fn advance_queue(self: &Arc<Self>) {
        if let Some(queue) = &self.shared().queue {
            let now = self.shared().queue_clock(self.timer().now());
            self.change_queue(queue, |state, started| state.advance(now, started));
        }
    }

    fn leave_queue(self: &Arc<Self>, ticket: Ticket) {
        let Some(queue) = &self.shared().queue else { return };
        let now = self.shared().queue_clock(self.timer().now());
        let (left, at) =
            self.change_queue(queue, |state, started| state.leave(now, ticket, started));
        if left.is_some() {
            log::left_early(ticket, at);
        }
    }

    /// An event: afterwards, what begins service is woken, and the driver knows what is due.
    fn change_queue<T>(
        self: &Arc<Self>,
        queue: &SharedQueue,
        event: impl FnOnce(&mut QueueState, &mut Started) -> T,
    ) -> T {
        let is_stopping = self.is_drained();
        let change = queue.change(|state, started| {
            if is_stopping {
                state.close(started);
            }
            event(state, started)
        });
        for start in change.started {
            start.waiting.starts_at(instant(self.shared(), start.since));
        }
        match change.driver {
            DriverNeed::Nothing => {}
            DriverNeed::Start => self.start_driver(queue),
            DriverNeed::Tell => queue.tell_driver(),
        }
        change.result
    }

    #[cold]
    fn start_driver(self: &Arc<Self>, queue: &SharedQueue) {
        match Handle::try_current() {
            Ok(runtime) if !self.is_drained() => {
                runtime.spawn(drive(Driver::new(self)));
            }
            // The server is stopping, and nobody waits for what is due.
            _ => queue.lose_driver(),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.worker.leave_queue(self.ticket);
    }
}

/// The gate that the server's stall is, if the first arrival is at this time.
fn gate(shared: &Shared, first: Instant) -> Option<StallGate> {
    let stall = shared.stall.as_ref()?;
    Some(StallGate::new(stall.stall().clone(), shared.queue_clock(stall.origin(first))))
}

fn instant(shared: &Shared, nanos: u64) -> Instant {
    shared.began() + Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use longsync_timer::Clock;

    use super::*;
    use crate::config::{Config, Options};
    use crate::shared::queue::QueueCounts;
    use crate::shared::queue::mailbox::Mailbox;
    use crate::shared::queue::standing::Standing;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn workers(behavior: &str, count: usize) -> Vec<Arc<Worker>> {
        let behavior = behavior.parse().unwrap();
        let config = Config::new(Options { behavior, ..Options::default() }).unwrap();
        let shared = Shared::new(config, count);
        (0..count).map(|index| Worker::of(Arc::clone(&shared), index, Clock::Tokio)).collect()
    }

    struct Caller {
        arrived: Arrived,
        place: Arc<Standing>,
    }

    impl Caller {
        /// Arrives on another thread, for which the paused clock waits.
        async fn arrive(worker: &Arc<Worker>, at: Duration, service: Duration) -> Self {
            let worker = Arc::clone(worker);
            let arrival = Arrival {
                at: worker.shared().began() + at,
                service: Some(service),
                deadline: None,
                from: CallNumbers { connection: 0, request: 0, message: None },
            };
            let arrives = move || {
                let place = Arc::new(Standing::default());
                let waking = || Waking::Call(Arc::clone(&place));
                let arrived = worker.arrive_in_queue(arrival, waking).unwrap();
                Self { arrived, place }
            };
            tokio::task::spawn_blocking(arrives).await.unwrap()
        }

        fn since(&self) -> Option<Instant> {
            match &self.arrived {
                Arrived::Serving { since, .. } => Some(*since),
                Arrived::Standing(_) => self.place.start(),
                Arrived::Shed(_) => None,
            }
        }
    }

    /// When each of some calls began service; none of those that were shed did.
    async fn starts(worker_threads: usize) -> Vec<Option<Duration>> {
        let workers = workers("1ms; queue(workers=2, limit=3, order=lifo)", worker_threads);
        let mut callers = Vec::new();
        for index in 0..60_u64 {
            let worker = &workers[usize::try_from(index).unwrap() % worker_threads];
            let (at, service) = (ms(index * 7 + index % 3), ms(5 + index * 11 % 29));
            callers.push(Caller::arrive(worker, at, service).await);
        }
        tokio::time::sleep(ms(2_000)).await;
        // A seat is given back as if its call had noticed its end late.
        workers[0].advance_queue();
        let began = workers[0].shared().began();
        callers.iter().map(|caller| Some(caller.since()?.duration_since(began))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_arrivals_begin_service_at_the_same_times_on_one_worker_and_on_four() {
        let (one, four) = (starts(1).await, starts(4).await);
        assert_eq!(one, four);
        assert!(one.contains(&None), "some are refused: {one:?}");
        assert!(one.iter().flatten().count() > 30, "most are served: {one:?}");
    }

    #[test]
    fn a_driver_whose_runtime_ends_leaves_its_place_to_another() {
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let first = runtime();
        let worker = first.block_on(async {
            let worker = workers("1ms; queue(workers=1, limit=3, abandoned=work)", 1).remove(0);
            drop(Caller::arrive(&worker, ms(0), Duration::from_secs(1_000)).await);
            worker
        });
        let queue = worker.shared().queue.as_ref().unwrap();
        assert!(queue.attended().0.is_some());
        drop(first);
        assert_eq!(queue.attended().0, None);
        runtime().block_on(async { worker.advance_queue() });
        assert_eq!(queue.attended().0, None, "that runtime has ended as well");
    }

    #[tokio::test(start_paused = true)]
    async fn no_service_begins_after_a_drain() {
        let worker = workers("1ms; queue(workers=1, limit=3)", 1).remove(0);
        let first = Caller::arrive(&worker, ms(0), ms(50)).await;
        let second = Caller::arrive(&worker, ms(0), ms(50)).await;
        worker.drain().await;
        drop(first);
        assert_eq!(second.since(), None);
        drop(second);
        let counts = worker.shared().queue.as_ref().unwrap().counts(0);
        assert_eq!(counts, QueueCounts::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_exists_only_while_something_is_due_that_nobody_attends_to() {
        let workers = workers("1ms; queue(workers=1, limit=3, abandoned=work)", 1);
        let queue = workers[0].shared().queue.as_ref().unwrap();
        let first = Caller::arrive(&workers[0], ms(0), ms(50)).await;
        let second = Caller::arrive(&workers[0], ms(0), ms(20)).await;
        assert_eq!(queue.attended().0, None);
        drop(first);
        assert!(queue.attended().0.is_some());
        tokio::time::sleep(ms(60)).await;
        assert_eq!(second.since(), Some(workers[0].shared().began() + ms(50)));
        assert_eq!(queue.attended().0, None);
        assert_eq!(queue.counts(60_000_000).wasted, ms(50));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_leaves_long_before_its_end_leaves_nothing_behind() {
        let workers = workers("1ms; queue(workers=2, limit=5)", 1);
        let queue = workers[0].shared().queue.as_ref().unwrap();
        let hour = Some(Duration::from_secs(3_600));
        let at = workers[0].shared().began();
        let from = CallNumbers { connection: 0, request: 0, message: Some(0) };
        let arrival = Arrival { from, at, service: hour, deadline: None };
        for _ in 0..100 {
            // Two are served. The others begin service, and leave, as those before them leave.
            let mailbox = Arc::new(Mailbox::default());
            let arrives = |order| {
                let waking =
                    || Waking::Message { mailbox: Arc::clone(&mailbox), order, service: hour };
                workers[0].arrive_in_queue(arrival, waking).unwrap()
            };
            drop((0..7).map(arrives).collect::<Vec<_>>());
        }
        assert_eq!(queue.counts(0), QueueCounts::default());
        assert_eq!(queue.attended().1, 0);
        tokio::task::yield_now().await;
        assert_eq!(queue.attended().0, None);
    }
}
