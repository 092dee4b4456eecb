//! `LongSyncExchange`: answers each request when its own delay is over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use longsync::v1::{Failure, LongSyncExchangeRequest, LongSyncExchangeResponse, Timing};
use longsync_behavior::{Fault, FaultClause, FaultMoment};
use tokio_stream::Stream;

use super::BoxMessages;
use super::draft::Draft;
use crate::body::batches::MessageStream;
use crate::body::intake::{Intake, MessageArrival};
use crate::body::messages::{ReceivedMessage, Requests};
use crate::call::Call;
use crate::call::ending::Ending;
use crate::call::plan::{AnswerPayload, Ask, Plan, behavior_bytes};
use crate::call::refusal::Refusal;
use crate::call::wait::Wait;

/// The answers, in the order in which they are due.
///
/// While as many requests wait as the limit allows, the request stream is not read, so HTTP/2's flow control
/// applies back-pressure to the client.
#[derive(Debug)]
pub(crate) struct ExchangeAnswers {
    call: Arc<Call>,
    requests: Requests<LongSyncExchangeRequest>,
    have_requests_ended: bool,
    /// Whether more requests have arrived than are ever taken.
    is_full: bool,
    unanswered: BinaryHeap<Reverse<UnansweredRequest>>,
    /// An answer that waits for room.
    making: Option<Box<Draft<LongSyncExchangeResponse>>>,
    /// How many requests were taken from the stream.
    taken: u64,
    /// How many requests are never answered, as planned.
    hung: usize,
    /// The fault of the call, which is that of the first request's behavior.
    fault: Option<Arc<FaultClause>>,
    /// How many answers have gone out.
    answered: u32,
    /// An answer that was made before the headers went out.
    first: Option<Bytes>,
    attended: AttendanceTimes,
}

/// When the handler attended to the waits.
#[derive(Debug)]
struct AttendanceTimes {
    /// The most recent time.
    last: Instant,
    /// The last time before the client held up the answers and thereby the handler.
    before: Instant,
    /// When that ended.
    free: Instant,
}

impl AttendanceTimes {
    fn new(now: Instant) -> Self {
        Self { last: now, before: now, free: now }
    }

    /// Called when the handler attends to the waits, from which it may have been kept away.
    fn look(&mut self, now: Instant, was_kept_away: bool) {
        if was_kept_away {
            (self.before, self.free) = (self.last, now);
        }
        self.last = now;
    }

    /// When the wait that is answered now ended. It may have ended long ago, if its answer could not go out.
    fn end_of(&self, due: Instant) -> Instant {
        if due <= self.before {
            return self.before;
        }
        due + self.last.saturating_duration_since(due.max(self.free))
    }
}

/// A request that waits for its answer. Ordered by due time, then by arrival.
#[derive(Debug)]
struct UnansweredRequest {
    due: Instant,
    order: u64,
    id: u64,
    wait: Wait,
    plan: Plan,
    received_at: SystemTime,
}

/// The failure that a fault puts in place of a message's answer; [`None`] if it is never answered.
fn failure_of(fault: &FaultClause) -> Option<Failure> {
    match fault.fault() {
        Fault::Fail(failure) | Fault::FailFirst { failure, .. } => Some(Failure {
            code: failure.grpc_code().number().into(),
            message: failure.message().to_owned(),
        }),
        _ => None,
    }
}

pub(super) fn answer(call: Arc<Call>, intake: Intake) -> BoxMessages {
    let mut answers = Box::pin(ExchangeAnswers::new(call, Requests::new(intake)));
    // If the call may end before an answer, then without headers; that is only known with its first request.
    // Otherwise the client gets headers at once, because it may wait for them.
    if !answers.call.may_end_without_headers() {
        return Box::pin(future::ready(Ok(answers as MessageStream)));
    }
    Box::pin(async move {
        future::poll_fn(|cx| answers.as_mut().poll_headers(cx)).await?;
        Ok(answers as MessageStream)
    })
}

impl ExchangeAnswers {
    fn new(call: Arc<Call>, requests: Requests<LongSyncExchangeRequest>) -> Self {
        Self {
            attended: AttendanceTimes::new(call.arrived()),
            call,
            requests,
            have_requests_ended: false,
            is_full: false,
            unanswered: BinaryHeap::new(),
            making: None,
            taken: 0,
            hung: 0,
            fault: None,
            answered: 0,
            first: None,
        }
    }

    /// Ready once it is known that the client gets headers.
    fn poll_headers(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        match self.as_mut().poll_next(cx) {
            Poll::Ready(Some(Err(ending))) => return Poll::Ready(Err(ending)),
            Poll::Ready(Some(Ok(answer))) => self.first = Some(answer),
            Poll::Ready(None) => {}
            Poll::Pending => {
                let fault = self.fault.as_ref().filter(|fault| !fault.is_answered());
                if self.taken == 0 || fault.is_some_and(|fault| fault.at() == 0) {
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Begins the next answer, if one is due. Returns how the call ends if a fault takes the place of that
    /// answer.
    fn begin_due_answer(&mut self, now: Instant) -> Option<Ending> {
        let reached = self.call.reached(now);
        if self.unanswered.peek().is_none_or(|Reverse(first)| first.due > reached) {
            return None;
        }
        if self.unanswered.len() > 1 {
            self.call.give_slots_back(1);
        }
        let Reverse(UnansweredRequest { due, id, wait, plan, received_at, .. }) =
            self.unanswered.pop()?;
        self.call.release(behavior_bytes(&plan.applied));
        let spent = self.call.waited(wait, self.attended.end_of(due));
        if let Some(fault) = self.call_fault(FaultMoment::After) {
            return Some(self.call.ending_after(&fault, wait, spent));
        }
        let timing = |fault| Some(self.call.timing(spent, &plan.applied, fault, received_at));
        let message = match &plan.fault {
            Some(fault) => {
                self.call.count_fault(fault);
                self.call.release(plan.payload.held_bytes());
                let Some(failure) = failure_of(fault) else {
                    self.hung += 1;
                    return None;
                };
                LongSyncExchangeResponse {
                    timing: timing(Some(fault)),
                    id,
                    failure: Some(failure),
                    ..LongSyncExchangeResponse::default()
                }
            }
            None => LongSyncExchangeResponse {
                message: longsync::DONE.to_owned(),
                timing: timing(self.fault.as_deref().filter(|fault| fault.is_answered())),
                id,
                ..LongSyncExchangeResponse::default()
            },
        };
        let payload = if message.failure.is_none() { plan.payload } else { AnswerPayload::Empty };
        self.making = Some(Box::new(Draft::new(message, payload)));
        None
    }

    /// The fault of the call, if it takes the place of the next answer at this moment.
    fn call_fault(&self, moment: FaultMoment) -> Option<Arc<FaultClause>> {
        let fault = self.fault.as_ref().filter(|fault| !fault.is_answered())?;
        let is_now = fault.moment() == moment && fault.at() == self.answered;
        (is_now && self.taken > 0).then(|| Arc::clone(fault))
    }

    /// The fault of the call at its end, because fewer answers went out than it lets go out.
    fn fault_at_end(&self) -> Option<Arc<FaultClause>> {
        self.fault.as_ref().filter(|fault| !fault.is_answered()).map(Arc::clone)
    }

    /// Looks whether the requests have ended, although none is taken any more, because as many hang as the
    /// limit allows. The next request would never be taken, so it is let go.
    fn look_for_end(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if self.is_full {
            return Ok(());
        }
        match self.requests.poll_next(cx)? {
            Poll::Ready(None) => self.have_requests_ended = true,
            Poll::Ready(Some(request)) => {
                self.call.release(request.arrived.held);
                self.is_full = true;
            }
            Poll::Pending => {}
        }
        Ok(())
    }

    /// Takes a request from the stream. One that cannot be served is answered at once, and so is one whose
    /// planned failure does not wait.
    fn take(&mut self, received: &ReceivedMessage<LongSyncExchangeRequest>, now: Instant) {
        let ReceivedMessage { message: request, arrived } = received;
        let order = self.taken;
        self.taken += 1;
        let (plan, received_at) = match self.admit(request, arrived, order) {
            Ok(admitted) => admitted,
            Err(why) => {
                let failure = self.failure(request.id, &why);
                self.making = Some(Box::new(Draft::new(failure, AnswerPayload::Empty)));
                return;
            }
        };
        if let Some(fault) = plan.fault_at(FaultMoment::Before) {
            self.fault_before(request.id, fault, &plan);
            return;
        }
        let wait = Wait::new(now, plan.delay()).after_standing(self.call.queued_at(now, &plan));
        let (due, id) = (wait.due(), request.id);
        self.unanswered.push(Reverse(UnansweredRequest {
            due,
            order,
            id,
            wait,
            plan,
            received_at,
        }));
    }

    /// Answers a request with a planned failure, or never, without a wait and without the slot that it took.
    fn fault_before(&mut self, id: u64, fault: &Arc<FaultClause>, plan: &Plan) {
        if !self.unanswered.is_empty() {
            self.call.give_slots_back(1);
        }
        self.call.release(plan.held_bytes());
        self.call.count_fault(fault);
        let Some(failure) = failure_of(fault) else {
            self.hung += 1;
            return;
        };
        let timing = Timing {
            queued: None,
            behavior: plan.applied.text().into_owned(),
            fault: fault.to_string(),
            ..self.call.timing_of_refused()
        };
        let answer = LongSyncExchangeResponse {
            timing: Some(timing),
            id,
            failure: Some(failure),
            ..LongSyncExchangeResponse::default()
        };
        self.making = Some(Box::new(Draft::new(answer, AnswerPayload::Empty)));
    }

    /// Decides what to do with a request that was received now. Nothing of a refused request is held.
    fn admit(
        &mut self,
        request: &LongSyncExchangeRequest,
        arrived: &MessageArrival,
        index: u64,
    ) -> Result<(Plan, SystemTime), Refusal> {
        let kept = self.call.plan(Ask::from(request), index, arrived.at).and_then(|(plan, at)| {
            let (plan, of_call) = plan.of_message(index == 0)?;
            self.call.keep(plan.held_bytes(), arrived.held)?;
            Ok((plan, of_call, at))
        });
        let (plan, of_call, at) = kept.inspect_err(|_| self.call.release(arrived.held))?;
        self.take_slot().inspect_err(|_| self.call.release(plan.held_bytes()))?;
        if index == 0 {
            self.call.begins_answer(of_call.as_ref());
            self.fault = of_call;
        }
        Ok((plan, at))
    }

    /// Takes a slot for a waiting message, just as for a call; the first message uses the slot of the
    /// exchange itself.
    fn take_slot(&self) -> Result<(), Refusal> {
        if self.unanswered.is_empty() || self.call.take_slot() {
            return Ok(());
        }
        Err(Refusal::too_many_in_flight(self.call.limits().max_in_flight))
    }

    fn failure(&self, id: u64, why: &Refusal) -> LongSyncExchangeResponse {
        LongSyncExchangeResponse {
            timing: Some(self.call.timing_of_refused()),
            id,
            failure: Some(Failure { code: why.code().into(), message: why.message() }),
            ..LongSyncExchangeResponse::default()
        }
    }

    /// The answer that is being produced, once there is room for it.
    fn poll_made(&mut self, cx: &Context<'_>) -> Option<Poll<Result<Bytes, Ending>>> {
        let draft = self.making.take()?;
        Some(match draft.poll_room(&self.call, cx) {
            Poll::Pending => {
                self.making = Some(draft);
                Poll::Pending
            }
            Poll::Ready(room) => {
                self.call.answers();
                self.answered = self.answered.saturating_add(1);
                Poll::Ready(match room {
                    Ok(()) => Ok(draft.into_framed()),
                    Err(why) => Err(why.into()),
                })
            }
        })
    }
}

impl Stream for ExchangeAnswers {
    type Item = Result<Bytes, Ending>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let limit = this.call.limits().max_unanswered.get();
        let mut was_kept_away = this.call.was_kept_away();
        loop {
            let now = this.call.now();
            this.attended.look(now, std::mem::take(&mut was_kept_away));
            if this.making.is_none() {
                if let Some(fault) = this.call_fault(FaultMoment::Before) {
                    return Poll::Ready(Some(Err(this.call.ending_by(&fault))));
                }
                if let Some(ending) = this.begin_due_answer(now) {
                    return Poll::Ready(Some(Err(ending)));
                }
            }
            if let Some(made) = this.poll_made(cx) {
                return made.map(Some);
            }
            if this.have_requests_ended {
                break;
            }
            if this.unanswered.len() + this.hung >= limit {
                if this.hung >= limit
                    && this.unanswered.is_empty()
                    && let Err(why) = this.look_for_end(cx)
                {
                    return Poll::Ready(Some(Err(why.into())));
                }
                if !this.have_requests_ended {
                    this.requests.settle();
                }
                break;
            }
            match this.requests.poll_next(cx) {
                Poll::Ready(Some(Ok(request))) => this.take(&request, now),
                Poll::Ready(Some(Err(why))) => return Poll::Ready(Some(Err(why.into()))),
                Poll::Ready(None) => {
                    this.have_requests_ended = true;
                    // Even without a message, the header may be wrong.
                    if this.taken == 0
                        && let Err(why) = this.call.plan(Ask::default(), 0, now)
                    {
                        return Poll::Ready(Some(Err(why.into())));
                    }
                }
                Poll::Pending => break,
            }
        }
        match this.unanswered.peek() {
            Some(Reverse(first)) => this.call.wait_until(first.due),
            None if this.have_requests_ended => {
                let fault = this.fault_at_end();
                return Poll::Ready(fault.map(|fault| Err(this.call.ending_by(&fault))));
            }
            None => this.call.wait_for_more(),
        }
        Poll::Pending
    }
}

impl Drop for ExchangeAnswers {
    fn drop(&mut self) {
        self.call.give_slots_back(self.unanswered.len().saturating_sub(1));
    }
}

impl UnansweredRequest {
    fn key(&self) -> (Instant, u64) {
        (self.due, self.order)
    }
}

impl PartialEq for UnansweredRequest {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for UnansweredRequest {}

impl PartialOrd for UnansweredRequest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UnansweredRequest {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
