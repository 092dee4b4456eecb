//! The simulated queue in front of a server's workers: what it holds, behind one short lock.

pub(crate) mod mailbox;
pub(crate) mod standing;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longsync_behavior::queue::{
    Entry, Gate, Place, QueuedCall, ServiceStart, StallGate, Ticket, VirtualQueue,
};
use longsync_behavior::{Behavior, Queue};
use tokio::sync::Notify;

use crate::shared::queue::mailbox::Mailbox;
use crate::shared::queue::standing::Standing;

/// The queue of a server, shared by the calls of all its workers, which drive it.
///
/// Its moments are nanoseconds since the server's first worker was made. Every event is a short time under one
/// lock; whoever causes it wakes what begins service after that.
#[derive(Debug)]
pub(crate) struct SharedQueue {
    queue: Arc<Queue>,
    state: Mutex<QueueState>,
    /// Tells the driver that something is due earlier than what it waits for.
    earlier: Notify,
}

/// What the queue holds.
#[derive(Debug)]
pub(crate) struct QueueState {
    calls: VirtualQueue<Waking, QueueGate>,
    has_gate: bool,
    /// When services of messages end: nothing attends to them while their client does not read.
    message_ends: BTreeSet<(u64, Ticket)>,
    /// What the driver waits for. [`None`] if there is no driver.
    driver: Option<u64>,
}

/// When service may begin.
#[derive(Debug)]
enum QueueGate {
    Open,
    Stalling(StallGate),
    /// Never again.
    Closed,
}

impl Gate for QueueGate {
    fn opens_at(&self, at: u64) -> u64 {
        match self {
            Self::Open => at,
            Self::Stalling(stall) => stall.opens_at(at),
            Self::Closed => u64::MAX,
        }
    }
}

/// How something that stands learns that its service begins.
#[derive(Debug)]
pub(crate) enum Waking {
    /// A call.
    Call(Arc<Standing>),
    /// The message with this number of an exchange.
    Message { mailbox: Arc<Mailbox>, order: u64, service: Option<Duration> },
}

/// What has begun service, and is still to be woken.
pub(crate) type Started = Vec<ServiceStart<Waking>>;

/// What follows from an event.
pub(crate) struct QueueChange<T> {
    pub(crate) result: T,
    pub(crate) started: Started,
    pub(crate) driver: DriverNeed,
}

/// What has to be done about the driver.
pub(crate) enum DriverNeed {
    Nothing,
    Start,
    Tell,
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

impl SharedQueue {
    /// The queue of a behavior. [`None`] if it has none.
    pub(crate) fn of(behavior: &Behavior) -> Option<Self> {
        let queue = behavior.queue()?;
        let state = QueueState {
            calls: VirtualQueue::with_gate(queue, QueueGate::Open),
            has_gate: false,
            message_ends: BTreeSet::new(),
            driver: None,
        };
        let earlier = Notify::new();
        Some(Self { queue: Arc::new(*queue), state: Mutex::new(state), earlier })
    }

    /// The clause that describes it.
    pub(crate) fn clause(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// What it has counted and holds at this moment.
    pub(crate) fn counts(&self, now: u64) -> QueueCounts {
        let calls = &self.state().calls;
        let standing = calls.standing();
        // While nothing stands, nothing attends to the end of a message whose client does not read.
        let busy = if standing == 0 { calls.busy_at(now) } else { calls.busy() };
        QueueCounts {
            standing: standing as u64,
            busy: busy as u64,
            shed: calls.shed(),
            wasted: calls.wasted(),
        }
    }

    /// An event.
    pub(crate) fn change<T>(
        &self,
        event: impl FnOnce(&mut QueueState, &mut Started) -> T,
    ) -> QueueChange<T> {
        let mut started = Vec::new();
        let mut state = self.state();
        let result = event(&mut state, &mut started);
        state.note_ends(&started);
        let driver = state.driver_need();
        drop(state);
        QueueChange { result, started, driver }
    }

    /// What the driver waits for next. [`None`] if there is nothing: then the queue has no driver any more.
    pub(crate) fn next_for_driver(&self) -> Option<u64> {
        let mut state = self.state();
        state.driver = state.next_unattended();
        state.driver
    }

    /// The queue has no driver any more, or did not get one.
    pub(crate) fn lose_driver(&self) {
        self.state().driver = None;
    }

    /// Tells the driver to ask again what it waits for.
    pub(crate) fn tell_driver(&self) {
        self.earlier.notify_one();
    }

    /// Ready when the driver has to ask again.
    pub(crate) async fn driver_is_told(&self) {
        self.earlier.notified().await;
    }

    /// What the driver waits for, and how many ends of messages are noted.
    #[cfg(test)]
    pub(crate) fn attended(&self) -> (Option<u64>, usize) {
        let state = self.state();
        (state.driver, state.message_ends.len())
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waking {
    /// Lets the service begin at `since`, which may have passed.
    pub(crate) fn starts_at(&self, since: Instant) {
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
    pub(crate) fn set_gate(
        &mut self,
        gate: impl FnOnce() -> Option<StallGate>,
        started: &mut Started,
    ) {
        if !self.has_gate {
            self.has_gate = true;
            let gate = gate().map_or(QueueGate::Open, QueueGate::Stalling);
            self.calls.set_gate(0, gate, started);
        }
    }

    /// The server is stopping: no service begins any more, so that all that stand end as they are.
    pub(crate) fn close(&mut self, started: &mut Started) {
        self.has_gate = true;
        self.calls.set_gate(0, QueueGate::Closed, started);
    }

    /// A call, or a message, arrives. Also returns the moment at which it counts as having arrived.
    pub(crate) fn arrive(
        &mut self,
        at: u64,
        call: QueuedCall,
        is_message: bool,
        waking: impl FnOnce() -> Waking,
        started: &mut Started,
    ) -> (Entry, u64) {
        let entry = self.calls.arrive(at, call, waking, started);
        if let (Entry::Serving { ticket, .. }, true) = (entry, is_message) {
            self.note_message(ticket);
        }
        (entry, self.calls.clock())
    }

    /// A call, or a message, gives back its seat. Returns where it was, unless its service had ended or its
    /// deadline had come, and when it has left.
    pub(crate) fn leave(
        &mut self,
        at: u64,
        ticket: Ticket,
        started: &mut Started,
    ) -> (Option<Place>, u64) {
        self.forget_message(ticket);
        (self.calls.leave(at, ticket, started), self.calls.clock())
    }

    /// Takes everything that is due up to `to`.
    pub(crate) fn advance(&mut self, to: u64, started: &mut Started) {
        self.calls.advance(to, started);
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
