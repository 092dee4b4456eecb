//! The simulated queue in front of a server's workers, driven by its calls.

mod driver;
mod log;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longsync_behavior::queue::{Entry, QueuedCall, ServiceStart, StallGate, Ticket, VirtualQueue};
use longsync_behavior::{Behavior, Queue};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::call::mailbox::Mailbox;
use crate::call::standing::Standing;
use crate::call::wait::nanos;
use crate::shared::Shared;
use crate::worker::Worker;

use self::driver::{Driver, drive};
pub(crate) use self::log::CallNumbers;
pub use self::log::QUEUE_LOG_TARGET;

/// The queue of a server, shared by the calls of all its workers.
///
/// Every event is a short time under one lock; calls that begin service are woken after it. Calls attend to
/// their own ends, at which they give their seats back. What is due when no call is there, as the end of the
/// work of an abandoned call, is attended to by a driver: a task that exists only while there is such a thing.
#[derive(Debug)]
pub(crate) struct SharedQueue {
    queue: Arc<Queue>,
    state: Mutex<QueueState>,
    /// Tells the driver that something is due earlier than what it waits for.
    earlier: Notify,
}

#[derive(Debug)]
struct QueueState {
    /// Its moments are nanoseconds since the server's first worker was made.
    calls: VirtualQueue<Waking, Option<StallGate>>,
    has_gate: bool,
    /// When services of messages end: nothing attends to them while their client does not read.
    message_ends: BTreeSet<(u64, Ticket)>,
    /// What the driver waits for. [`None`] if there is no driver.
    driver: Option<u64>,
}

/// How something that stands learns that its service begins.
#[derive(Debug)]
pub(crate) enum Waking {
    /// A call.
    Call(Arc<Standing>),
    /// The message with this number of an exchange.
    Message { mailbox: Arc<Mailbox>, order: u64, service: Option<Duration> },
}

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

/// What a queue has counted, and what it currently holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueCounts {
    /// How many calls and messages stand.
    pub standing: u64,
    /// How many workers are busy.
    pub busy: u64,
    /// How many calls and messages were refused because the queue was full.
    pub shed: u64,
    /// How much work was done for calls that had ended.
    pub wasted: Duration,
}

/// What has to be done about the driver.
enum DriverNeed {
    Nothing,
    Start,
    Tell,
}

impl SharedQueue {
    /// The queue of a behavior. [`None`] if it has none.
    pub(crate) fn of(behavior: &Behavior) -> Option<Self> {
        let queue = behavior.queue()?;
        let state = QueueState {
            calls: VirtualQueue::with_gate(queue, None),
            has_gate: false,
            message_ends: BTreeSet::new(),
            driver: None,
        };
        let earlier = Notify::new();
        Some(Self { queue: Arc::new(*queue), state: Mutex::new(state), earlier })
    }

    /// What it has counted and holds at `now`.
    pub(crate) fn counts(&self, now: Duration) -> QueueCounts {
        let calls = &self.state().calls;
        let standing = calls.standing();
        // While nothing stands, nothing attends to the end of a message whose client does not read.
        let busy = if standing == 0 { calls.busy_at(nanos(now)) } else { calls.busy() };
        QueueCounts {
            standing: standing as u64,
            busy: busy as u64,
            shed: calls.shed(),
            wasted: calls.wasted(),
        }
    }

    /// Something arrives. If it has to stand, `waking` makes what wakes it.
    pub(crate) fn arrive(
        &self,
        worker: &Arc<Worker>,
        arrival: Arrival,
        waking: impl FnOnce() -> Waking,
    ) -> Arrived {
        let shared = worker.shared();
        let at = since_start(shared, arrival.at);
        let call = QueuedCall {
            service: arrival.service.map(nanos),
            deadline: arrival.deadline.map(|deadline| since_start(shared, deadline)),
        };
        let (entry, arrived) = self.with(worker, |state, started| {
            state.set_gate(shared, arrival.at, started);
            let entry = state.calls.arrive(at, call, waking, started);
            if let (Entry::Serving { ticket, .. }, Some(_)) = (entry, arrival.from.message) {
                state.note_message(ticket);
            }
            (entry, state.calls.clock())
        });
        log::arrived(arrival.from, call, entry, [at, arrived]);
        let seat = |ticket| Seat { worker: Arc::clone(worker), ticket };
        match entry {
            Entry::Serving { ticket, since } => {
                Arrived::Serving { seat: seat(ticket), since: instant(shared, since) }
            }
            Entry::Standing(ticket) => Arrived::Standing(seat(ticket)),
            Entry::Shed => Arrived::Shed(Arc::clone(&self.queue)),
        }
    }

    fn leave(&self, worker: &Arc<Worker>, ticket: Ticket) {
        let now = since_start(worker.shared(), worker.timer().now());
        let (left, at) = self.with(worker, |state, started| {
            state.forget_message(ticket);
            (state.calls.leave(now, ticket, started), state.calls.clock())
        });
        // Otherwise its service had ended, or its deadline had come.
        if left.is_some() {
            log::left_early(ticket, at);
        }
    }

    /// Takes everything that is due by now.
    pub(crate) fn advance(&self, worker: &Arc<Worker>) {
        let now = since_start(worker.shared(), worker.timer().now());
        self.with(worker, |state, started| state.calls.advance(now, started));
    }

    /// An operation: afterwards, those that it lets begin service are woken, and the driver knows what is due.
    fn with<T>(
        &self,
        worker: &Arc<Worker>,
        operation: impl FnOnce(&mut QueueState, &mut Vec<ServiceStart<Waking>>) -> T,
    ) -> T {
        let mut started = Vec::new();
        let (result, need) = {
            let mut state = self.state();
            let result = operation(&mut state, &mut started);
            state.note_ends(&started);
            (result, state.driver_need())
        };
        for start in started {
            start.waiting.starts_at(instant(worker.shared(), start.since));
        }
        match need {
            DriverNeed::Nothing => {}
            DriverNeed::Start => self.start_driver(worker),
            DriverNeed::Tell => self.earlier.notify_one(),
        }
        result
    }

    #[cold]
    fn start_driver(&self, worker: &Arc<Worker>) {
        match Handle::try_current() {
            Ok(runtime) if !worker.is_drained() => {
                runtime.spawn(drive(Driver::new(worker)));
            }
            // The server is stopping, and nobody waits for what is due.
            _ => self.state().driver = None,
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waking {
    fn starts_at(&self, since: Instant) {
        match self {
            Self::Call(standing) => standing.starts_at(since),
            Self::Message { mailbox, order, service } => {
                mailbox.starts_at(*order, since, *service);
            }
        }
    }
}

impl QueueState {
    /// Sets the gate at the first arrival: the windows of a stall may be counted from the first call.
    fn set_gate(&mut self, shared: &Shared, at: Instant, started: &mut Vec<ServiceStart<Waking>>) {
        if self.has_gate {
            return;
        }
        self.has_gate = true;
        if let Some(stall) = &shared.stall {
            let gate = StallGate::new(stall.stall().clone(), since_start(shared, stall.origin(at)));
            self.calls.set_gate(0, Some(gate), started);
        }
    }

    fn note_ends(&mut self, started: &[ServiceStart<Waking>]) {
        for start in started {
            if let Waking::Message { .. } = &start.waiting {
                self.note_message(start.ticket);
            }
        }
        let now = self.calls.clock();
        while self.message_ends.first().is_some_and(|(end, _)| *end <= now) {
            self.message_ends.pop_first();
        }
    }

    fn note_message(&mut self, ticket: Ticket) {
        self.message_ends.extend(self.calls.ends_at(ticket).map(|end| (end, ticket)));
    }

    /// What leaves may have been a message whose end would come much later.
    fn forget_message(&mut self, ticket: Ticket) {
        if !self.message_ends.is_empty()
            && let Some(end) = self.calls.ends_at(ticket)
        {
            self.message_ends.remove(&(end, ticket));
        }
    }

    /// When the driver must advance the queue.
    fn next_unattended(&self) -> Option<u64> {
        let ends = self.message_ends.first().map(|(end, _)| *end);
        // A worker that becomes free matters only to those that stand.
        let ends = ends.filter(|_| self.calls.standing() > 0);
        self.calls.next_unattended().into_iter().chain(ends).min()
    }

    fn driver_need(&mut self) -> DriverNeed {
        let Some(due) = self.next_unattended() else { return DriverNeed::Nothing };
        let need = match self.driver {
            None => DriverNeed::Start,
            Some(waits) if due < waits => DriverNeed::Tell,
            Some(_) => return DriverNeed::Nothing,
        };
        self.driver = Some(due);
        need
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(queue) = &self.worker.shared().queue {
            queue.leave(&self.worker, self.ticket);
        }
    }
}

/// A moment as the queue counts it.
fn since_start(shared: &Shared, at: Instant) -> u64 {
    nanos(shared.uptime(at))
}

fn instant(shared: &Shared, nanos: u64) -> Instant {
    shared.began() + Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use longsync_timer::Clock;

    use super::*;
    use crate::config::{Config, Options};

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
                let queue = worker.shared().queue.as_ref().unwrap();
                let waking = || Waking::Call(Arc::clone(&place));
                let arrived = queue.arrive(&worker, arrival, waking);
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
        workers[0].shared().queue.as_ref().unwrap().advance(&workers[0]);
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
        assert!(queue.state().driver.is_some());
        drop(first);
        assert_eq!(queue.state().driver, None);
        runtime().block_on(async { queue.advance(&worker) });
        assert_eq!(queue.state().driver, None, "that runtime has ended as well");
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_exists_only_while_something_is_due_that_nobody_attends_to() {
        let workers = workers("1ms; queue(workers=1, limit=3, abandoned=work)", 1);
        let queue = workers[0].shared().queue.as_ref().unwrap();
        let first = Caller::arrive(&workers[0], ms(0), ms(50)).await;
        let second = Caller::arrive(&workers[0], ms(0), ms(20)).await;
        assert_eq!(queue.state().driver, None);
        drop(first);
        assert!(queue.state().driver.is_some());
        tokio::time::sleep(ms(60)).await;
        assert_eq!(second.since(), Some(workers[0].shared().began() + ms(50)));
        assert_eq!(queue.state().driver, None);
        assert_eq!(queue.counts(ms(60)).wasted, ms(50));
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
                queue.arrive(&workers[0], arrival, waking)
            };
            drop((0..7).map(arrives).collect::<Vec<_>>());
        }
        assert_eq!(queue.counts(ms(0)), QueueCounts::default());
        assert_eq!(queue.state().message_ends.len(), 0);
        tokio::task::yield_now().await;
        assert_eq!(queue.state().driver, None);
    }
}
