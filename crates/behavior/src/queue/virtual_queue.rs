//! The queue's state, in virtual time.

mod call;
mod gate;
mod line;
mod workers;

use std::time::Duration;

use self::line::{Line, StandingCall};
use self::workers::Workers;
use super::{Abandoned, Queue, QueueOrder};

pub use self::call::{Entry, Place, QueuedCall, ServiceStart, Ticket};
pub use self::gate::{AlwaysOpen, Gate, StallGate};

/// A moment that never comes.
const NEVER: u64 = u64::MAX;

/// The calls of a [`Queue`]: which stand, which are in service, and who is next.
///
/// Time is virtual: a service begins at the *planned* end of the one before, however late somebody notices
/// that end, so that lateness does not add up from call to call. All moments are nanoseconds since an epoch
/// that the caller chooses; [`u64::MAX`] means never. The clock moves only when it is told that something has
/// happened, and then takes everything that was due until then in order; a moment before the clock counts as
/// now. Of calls that end at the same moment, the one that arrived first is first.
///
/// Whoever drives it tells it of every arrival, and of every call that ends before its planned end and its
/// deadline, and [advances](Self::advance) it:
///
/// - at the planned end of every call in service, `since + service`, or at the call's deadline if that is
///   earlier. A call that stands has only its deadline;
/// - at [`next_unattended`](Self::next_unattended), for which no call has a timer.
///
/// Each of these adds the calls that have begun service to `started`, so that they can be woken without
/// holding the lock in which the queue may be. `T` is what it takes to wake a call, kept while the call stands.
///
/// An event takes a time that grows with the logarithm of the number of calls. Only the trees that hold the
/// calls allocate.
///
/// ```
/// use longsync_behavior::queue::{Entry, QueuedCall, VirtualQueue};
/// use longsync_behavior::Queue;
///
/// let mut queue = VirtualQueue::new(&Queue::new(1, 10)?);
/// let mut started = Vec::new();
/// let call = QueuedCall { service: Some(1_000), deadline: None };
/// assert!(matches!(queue.arrive(0, call, || "first", &mut started), Entry::Serving { since: 0, .. }));
/// assert!(matches!(queue.arrive(400, call, || "second", &mut started), Entry::Standing(_)));
///
/// // The first call's end is noticed 60 ns late; the second begins at that end all the same.
/// queue.advance(1_060, &mut started);
/// assert_eq!((started[0].waiting, started[0].since), ("second", 1_000));
/// # Ok::<(), longsync_behavior::ParameterError>(())
/// ```
#[derive(Debug)]
pub struct VirtualQueue<T, G = AlwaysOpen> {
    worker_count: usize,
    limit: usize,
    order: QueueOrder,
    abandoned: Abandoned,
    gate: G,
    clock: u64,
    next_ticket: u64,
    line: Line<T>,
    workers: Workers,
    /// The next moment at which the gate opens, if calls stand although a worker is free.
    opening: Option<u64>,
    shed: u64,
    wasted: Duration,
}

/// What is due next.
enum Due {
    /// The deadline of a call that stands.
    Expiry(Ticket),
    /// The end of a service.
    End(Ticket),
    Opening,
}

impl<T> VirtualQueue<T> {
    /// An empty queue, whose clock is at 0.
    pub fn new(queue: &Queue) -> Self {
        Self::with_gate(queue, AlwaysOpen)
    }
}

impl<T, G: Gate> VirtualQueue<T, G> {
    /// An empty queue, whose clock is at 0, in which service begins only while the gate is open.
    pub fn with_gate(queue: &Queue, gate: G) -> Self {
        Self {
            worker_count: count(queue.workers()),
            limit: count(queue.limit()),
            order: queue.order(),
            abandoned: queue.abandoned(),
            gate,
            clock: 0,
            next_ticket: 0,
            line: Line::default(),
            workers: Workers::default(),
            opening: None,
            shed: 0,
            wasted: Duration::ZERO,
        }
    }

    /// A call arrives. If it has to stand, `waiting` makes what wakes it. Its own start is in the result, those
    /// of other calls in `started`.
    ///
    /// The time it is queued is `since` minus the moment at which it was received, also if the queue's clock
    /// was past that moment.
    pub fn arrive(
        &mut self,
        at: u64,
        call: QueuedCall,
        waiting: impl FnOnce() -> T,
        started: &mut Vec<ServiceStart<T>>,
    ) -> Entry {
        self.advance(at, started);
        let since = self.clock;
        let is_next = self.has_free_worker() && self.line.is_empty();
        if is_next && self.gate.opens_at(since) <= since {
            let ticket = self.next_ticket();
            self.serve(ticket, call, false);
            return Entry::Serving { ticket, since };
        }
        if self.line.len() >= self.limit {
            self.shed += 1;
            return Entry::Shed;
        }
        let ticket = self.next_ticket();
        let expires = call.deadline.filter(|_| self.frees(&call));
        self.line.push(ticket, StandingCall { call, expires, waiting: Some(waiting()) });
        self.start_standing(started);
        Entry::Standing(ticket)
    }

    /// A call ends early: its caller has canceled it, or the server is stopping. Its deadline is known, and
    /// need not be told. Returns where the call was until then.
    pub fn leave(
        &mut self,
        at: u64,
        ticket: Ticket,
        started: &mut Vec<ServiceStart<T>>,
    ) -> Option<Place> {
        self.advance(at, started);
        let place = self.place(ticket)?;
        match place {
            Place::Standing => self.leave_line(ticket),
            Place::Serving { .. } => self.leave_worker(ticket),
        }
        self.start_standing(started);
        Some(place)
    }

    /// Takes everything that is due up to `to`, in order.
    pub fn advance(&mut self, to: u64, started: &mut Vec<ServiceStart<T>>) {
        let to = self.clock.max(to);
        while let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= to) {
            self.clock = self.clock.max(at);
            match due {
                Due::Expiry(ticket) => self.line.remove(ticket),
                Due::End(ticket) => self.end(ticket),
                Due::Opening => {}
            }
            self.start_standing(started);
        }
        self.clock = to;
    }

    /// The workers and the limit become those of `to`, whose order and other options do not matter. Workers
    /// that are too many go when their calls end, and no call that stands is refused.
    pub fn resize(&mut self, at: u64, to: &Queue, started: &mut Vec<ServiceStart<T>>) {
        self.advance(at, started);
        self.worker_count = count(to.workers());
        self.limit = count(to.limit());
        self.start_standing(started);
    }

    /// From `at` on, service begins only while this gate is open.
    pub fn set_gate(&mut self, at: u64, gate: G, started: &mut Vec<ServiceStart<T>>) {
        self.advance(at, started);
        self.gate = gate;
        self.start_standing(started);
    }

    /// The next moment at which something is due, for a simulation.
    pub fn next_event(&self) -> Option<u64> {
        self.next_due().map(|(at, _)| at)
    }

    /// The next moment at which something is due for which no call has a timer: the end of the service of an
    /// abandoned call, or the opening of the gate while calls stand.
    pub fn next_unattended(&self) -> Option<u64> {
        [self.workers.next_unattended(), self.opening].into_iter().flatten().min()
    }

    /// Where a call is. [`None`] if its service has ended, or it has left.
    pub fn place(&self, ticket: Ticket) -> Option<Place> {
        if self.line.has(ticket) {
            return Some(Place::Standing);
        }
        self.workers.since(ticket).map(|since| Place::Serving { since })
    }

    /// When a call in service frees its worker, unless it leaves before: at its planned end or at its deadline.
    /// [`None`] if it is not in service, or has no such end.
    pub fn ends_at(&self, ticket: Ticket) -> Option<u64> {
        self.workers.end_of(ticket)
    }

    /// The last moment of which it was told.
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// How many calls stand, including abandoned ones.
    pub fn standing(&self) -> usize {
        self.line.len()
    }

    /// How many calls are in service, including abandoned ones. After the number of workers was reduced, it
    /// may be above that number.
    pub fn busy(&self) -> usize {
        self.workers.len()
    }

    /// How many calls are in service at `at`, unless others have begun since it was last told of something. It is
    /// for a reader of its figures, who must not move its clock.
    pub fn busy_at(&self, at: u64) -> usize {
        self.workers.len_at(at)
    }

    /// How long the services that have begun still take, all together. Those that never end are left out.
    pub(in crate::queue) fn rest(&self) -> u128 {
        self.workers.rest_at(self.clock)
    }

    /// How many calls have been refused because the queue was full.
    pub fn shed(&self) -> u64 {
        self.shed
    }

    /// The total service of abandoned calls that were served to their planned end. The whole service of a
    /// call counts, at its end.
    pub fn wasted(&self) -> Duration {
        self.wasted
    }

    fn next_ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }

    fn has_free_worker(&self) -> bool {
        self.workers.len() < self.worker_count
    }

    /// Whether a call that ends early frees what it has. A call without a planned end always does, or its
    /// worker would never be free again.
    fn frees(&self, call: &QueuedCall) -> bool {
        self.abandoned == Abandoned::Free || call.service.is_none()
    }

    /// At equal moments, deadlines come before ends, so that no call begins service at its deadline.
    fn next_due(&self) -> Option<(u64, Due)> {
        let expiry = self.line.next_expiry().map(|(at, ticket)| (at, Due::Expiry(ticket)));
        let end = self.workers.next_end().map(|(at, ticket)| (at, Due::End(ticket)));
        let opening = self.opening.map(|at| (at, Due::Opening));
        [expiry, end, opening].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Begins service for as many of the calls that stand as there are free workers.
    fn start_standing(&mut self, started: &mut Vec<ServiceStart<T>>) {
        self.opening = None;
        while self.has_free_worker() && !self.line.is_empty() {
            let since = self.clock;
            let opens = self.gate.opens_at(since);
            if opens > since {
                self.opening = Some(opens).filter(|at| *at < NEVER);
                return;
            }
            let Some((ticket, standing)) = self.line.pop(self.order) else { return };
            let StandingCall { call, waiting, .. } = standing;
            let is_over = call.deadline.is_some_and(|deadline| deadline <= since);
            self.serve(ticket, call, waiting.is_none());
            if let Some(waiting) = waiting.filter(|_| !is_over) {
                started.push(ServiceStart { ticket, since, waiting });
            }
        }
    }

    fn serve(&mut self, ticket: Ticket, call: QueuedCall, is_abandoned: bool) {
        let since = self.clock;
        let planned = call.service.map_or(NEVER, |service| since.saturating_add(service));
        let deadline = call.deadline.map_or(NEVER, |deadline| deadline.max(since));
        let end = if self.frees(&call) { planned.min(deadline) } else { planned };
        // Nobody will be there at the planned end if the deadline is earlier.
        let is_unattended = !self.frees(&call)
            && (is_abandoned || deadline < end || call.deadline.is_some_and(|it| it <= since));
        self.workers.start(ticket, since, end, call.service, is_unattended);
    }

    fn end(&mut self, ticket: Ticket) {
        self.wasted = self.wasted.saturating_add(self.workers.end(ticket));
    }

    fn leave_line(&mut self, ticket: Ticket) {
        let Some(standing) = self.line.get_mut(ticket) else { return };
        let is_kept = self.abandoned == Abandoned::Work && standing.call.service.is_some();
        if is_kept {
            standing.waiting = None;
        } else {
            self.line.remove(ticket);
        }
    }

    fn leave_worker(&mut self, ticket: Ticket) {
        let is_kept = self.abandoned == Abandoned::Work && self.workers.has_planned_end(ticket);
        if is_kept { self.workers.abandon(ticket) } else { self.workers.free(ticket) }
    }
}

fn count(number: u32) -> usize {
    // At most a million, which any system that has threads can count to.
    usize::try_from(number).unwrap_or(usize::MAX)
}
