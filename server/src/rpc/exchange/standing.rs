//! The messages of an exchange that are in the server's queue.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use longsync::v1::{Failure, LongSyncExchangeResponse, Timing};
use longsync_behavior::{Fault, FaultClause, FaultMoment, Queue};
use tonic::Code;

use super::{AnswerPayload, Draft, Ending, ExchangeAnswers, UnansweredRequest, full};
use crate::call::wait::Wait;
use crate::shared::queue::mailbox::Mailbox;
use crate::worker::queue::{Arrived, Seat};

/// The messages of an exchange that wait for the queue, by their numbers. Their waits begin service at once, until
/// it is known when they do.
#[derive(Debug, Default)]
pub(super) struct StandingMessages {
    /// The places of those that stand, are in service or hang.
    seats: BTreeMap<u64, Seat>,
    /// Those that are held by the delay of Envoy's headers, until the time at which they arrive in the queue.
    held: VecDeque<(Instant, UnansweredRequest)>,
    standing: BTreeMap<u64, StandingMessage>,
    mailbox: Arc<Mailbox>,
}

#[derive(Debug)]
struct StandingMessage {
    entered: Instant,
    request: UnansweredRequest,
}

impl StandingMessages {
    pub(super) fn len(&self) -> usize {
        self.held.len() + self.standing.len()
    }

    /// When the next message arrives in the queue.
    pub(super) fn next_to_enter(&self) -> Option<Instant> {
        self.held.front().map(|(enters, _)| *enters)
    }

    /// Whether a message may have to be moved on. The exchange's task is woken when the next one begins service.
    pub(super) fn has_news(&self, cx: &Context<'_>) -> bool {
        let has_post = self.mailbox.has_post(cx);
        has_post || !self.held.is_empty()
    }
}

impl ExchangeAnswers {
    /// A message arrives in the queue once it has been held for this long.
    #[cold]
    pub(super) fn enter_queue(&mut self, request: UnansweredRequest, held: Duration) {
        let enters = Wait::new(request.wait.start, held).due();
        self.call.begins_to_wait(request.wait.start);
        let queued = self.queued.get_or_insert_with(|| {
            let queued = Box::<StandingMessages>::default();
            self.call.begin_messages(&queued.mailbox);
            queued
        });
        queued.held.push_back((enters, request));
    }

    /// Lets those messages arrive in the queue whose time has come, until one is refused, and those be due whose
    /// service has begun. Returns how the call ends if its fault takes the place of a refusal.
    #[cold]
    pub(super) fn move_queue(&mut self, now: Instant) -> Option<Ending> {
        let reached = self.call.reached(now);
        for (order, since) in self.queued.as_ref()?.mailbox.take() {
            let standing = self.queued.as_mut()?.standing.remove(&order);
            if let Some(StandingMessage { entered, request }) = standing {
                self.serve(request, entered, since);
            }
        }
        while self.making.is_none() {
            let held = &mut self.queued.as_mut()?.held;
            if held.front().is_none_or(|(enters, _)| *enters > reached) {
                break;
            }
            let (enters, request) = held.pop_front()?;
            if let Some(ending) = self.arrive(request, enters) {
                return Some(ending);
            }
        }
        None
    }

    fn arrive(&mut self, request: UnansweredRequest, entered: Instant) -> Option<Ending> {
        let (order, start) = (request.order, request.wait.start);
        let held = entered.saturating_duration_since(start);
        let fault = request.plan.fault_at(FaultMoment::After);
        let hangs = fault.is_some_and(|fault| *fault.fault() == Fault::Hang);
        let service = request.wait.planned().saturating_sub(held);
        let service = Some(service).filter(|_| !hangs);
        let queued = self.queued.as_deref_mut()?;
        match self.call.enter_message(entered, service, &queued.mailbox, order)? {
            Arrived::Serving { seat, since } => {
                queued.seats.insert(order, seat);
                self.serve(request, entered, since);
                None
            }
            Arrived::Standing(seat) => {
                queued.seats.insert(order, seat);
                queued.standing.insert(order, StandingMessage { entered, request });
                None
            }
            Arrived::Shed(queue) => self.refuse(request, &queue),
        }
    }

    fn serve(&mut self, request: UnansweredRequest, entered: Instant, since: Instant) {
        let stood = since.saturating_duration_since(entered);
        let wait = request.wait.after_standing(stood);
        self.call.count_queued(stood);
        self.unanswered.push(Reverse(UnansweredRequest { due: wait.due(), wait, ..request }));
    }

    /// Answers a message for which the queue has no place. It does not keep the slot that it took.
    fn refuse(&mut self, request: UnansweredRequest, queue: &Queue) -> Option<Ending> {
        let UnansweredRequest { id, plan, received_at, .. } = request;
        if self.waiting() > 0 {
            self.call.give_slots_back(1);
        }
        self.call.release(plan.held_bytes());
        if let Some(fault) = self.call_fault(FaultMoment::After) {
            return Some(self.call.ending_by(&fault));
        }
        let timing = Timing {
            received_at: Some(received_at.into()),
            queued: None,
            behavior: plan.applied.text().into_owned(),
            ..self.call.timing_of_refused()
        };
        let answer = LongSyncExchangeResponse {
            timing: Some(timing),
            id,
            failure: Some(Failure { code: Code::ResourceExhausted.into(), message: full(queue) }),
            ..LongSyncExchangeResponse::default()
        };
        self.making = Some(Box::new(Draft::new(answer, AnswerPayload::Empty)));
        None
    }

    /// Called when nothing but messages that stand keeps the exchange from its end: it must not wait for workers
    /// that its own messages hold because they hang.
    #[cold]
    pub(super) fn free_hung(&mut self) {
        if let Some(queued) = &mut self.queued {
            let StandingMessages { seats, standing, .. } = &mut **queued;
            seats.retain(|order, _| standing.contains_key(order));
        }
    }

    /// The service of this message has ended, unless it hangs: then it keeps its worker until the exchange ends.
    #[inline]
    pub(super) fn leave_queue(&mut self, order: u64, fault: Option<&FaultClause>) {
        if let Some(queued) = &mut self.queued
            && fault.is_none_or(|fault| *fault.fault() != Fault::Hang)
        {
            queued.seats.remove(&order);
        }
    }
}
