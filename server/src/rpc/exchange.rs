//! `LongSyncExchange`: answers each request when its own delay is over.

mod standing;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use longsync::v1::{Failure, LongSyncExchangeRequest, LongSyncExchangeResponse, Timing};
use longsync_behavior::{Fault, FaultClause, FaultMoment};
use tokio_stream::Stream;

use self::standing::StandingMessages;
use super::BoxMessages;
use super::draft::Draft;
use crate::body::batches::MessageStream;
use crate::body::intake::{Intake, MessageArrival};
use crate::body::messages::{ReceivedMessage, Requests};
use crate::call::Call;
use crate::call::ending::{Ending, full};
use crate::call::plan::{AnswerPayload, Ask, Plan, behavior_bytes};
use crate::call::refusal::Refusal;
use crate::call::wait::Wait;

/// How long a call that may end without headers has none although its client sends nothing: the client may be
/// waiting for them.
const SILENCE: Duration = Duration::from_millis(100);

/// The answers, in the order in which they are due.
///
/// While as many requests wait as the limit allows, the request stream is not read, so HTTP/2's flow control
/// applies back-pressure to the client.
#[derive(Debug)]
pub(crate) struct ExchangeAnswers {
    call: Arc<Call>,
    requests: Requests<LongSyncExchangeRequest>,
    have_requests_ended: bool,
    unanswered: BinaryHeap<Reverse<UnansweredRequest>>,
    /// The requests that are in the server's queue, if it has one.
    queued: Option<Box<StandingMessages>>,
    /// An answer that waits for room.
    making: Option<Box<Draft<LongSyncExchangeResponse>>>,
    /// How many requests were taken from the stream.
    taken: u64,
    /// The number of the first request that was not refused, which decides what hits the call.
    first_planned: Option<u64>,
    /// How many requests are never answered, as planned.
    hung: usize,
    /// The fault of the call, which is that of the first request's behavior or of Envoy's headers.
    fault: Option<Arc<FaultClause>>,
    /// When the delay of Envoy's headers is over, if they ask for one.
    held_until: Option<Instant>,
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
            unanswered: BinaryHeap::new(),
            queued: None,
            making: None,
            taken: 0,
            first_planned: None,
            hung: 0,
            fault: None,
            held_until: None,
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
                let silent_until = self.call.arrived() + SILENCE;
                if self.taken == 0 && self.call.now() < silent_until {
                    self.call.wait_until(silent_until);
                    return Poll::Pending;
                }
                let fault = self.fault.as_ref().filter(|fault| !fault.is_answered());
                if fault.is_some_and(|fault| fault.at() == 0) {
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
        if self.waiting() > 1 {
            self.call.give_slots_back(1);
        }
        let Reverse(UnansweredRequest { due, order, id, wait, plan, received_at }) =
            self.unanswered.pop()?;
        self.leave_queue(order, plan.fault.as_deref());
        self.call.release(behavior_bytes(&plan.applied));
        let spent = self.call.waited(wait, self.attended.end_of(due));
        let is_answered = plan.fault.as_deref().is_none_or(|fault| *fault.fault() != Fault::Hang);
        if let Some(fault) = self.call_fault(FaultMoment::After).filter(|_| is_answered) {
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
        let fault = self.fault.as_ref().filter(|fault| fault.ends_call_at(moment))?;
        (fault.at() <= self.answered).then(|| Arc::clone(fault))
    }

    /// The fault of the call at its end, because fewer answers went out than it lets go out.
    fn fault_at_end(&self) -> Option<Arc<FaultClause>> {
        self.fault.as_ref().filter(|fault| !fault.is_answered()).map(Arc::clone)
    }

    /// Takes a request from the stream. One that cannot be served is answered at once, and so is one whose
    /// planned failure does not wait. Returns how the call ends if a fault takes the place of such an answer.
    fn take(
        &mut self,
        received: &ReceivedMessage<LongSyncExchangeRequest>,
        now: Instant,
    ) -> Option<Ending> {
        let ReceivedMessage { message: request, arrived } = received;
        let order = self.taken;
        self.taken += 1;
        let answer = match self.admit(request, arrived, order, now) {
            Ok((plan, received_at)) => match plan.fault_at(FaultMoment::Before) {
                None => {
                    self.begin_wait(request.id, order, plan, received_at, now);
                    return None;
                }
                Some(fault) => self.fault_before(request.id, fault, &plan, received_at)?,
            },
            Err(why) => self.failure(request.id, &why),
        };
        if let Some(fault) = self.call_fault(FaultMoment::After) {
            return Some(self.call.ending_by(&fault));
        }
        self.making = Some(Box::new(Draft::new(answer, AnswerPayload::Empty)));
        None
    }

    fn begin_wait(
        &mut self,
        id: u64,
        order: u64,
        mut plan: Plan,
        received_at: SystemTime,
        now: Instant,
    ) {
        let held = self.held_until.map(|until| until.saturating_duration_since(now));
        let held = held.unwrap_or_default();
        if self.first_planned != Some(order) {
            // In the plan of the first message, it is included.
            plan.add_delay(held);
        }
        // The abort is the call's fault, and no longer in the plan.
        let is_aborted = self.is_aborted();
        if self.call.stands(&plan) && !is_aborted {
            let wait = Wait::new(now, plan.delay());
            let request = UnansweredRequest { due: now, order, id, wait, plan, received_at };
            self.enter_queue(request, held);
            return;
        }
        let wait = if is_aborted {
            Wait::new(now, plan.delay())
        } else {
            self.call.wait_from(now, &plan, held)
        };
        let due = wait.due();
        let request = UnansweredRequest { due, order, id, wait, plan, received_at };
        self.unanswered.push(Reverse(request));
    }

    /// How many requests wait for their answers.
    fn waiting(&self) -> usize {
        self.unanswered.len() + self.queued.as_ref().map_or(0, |queued| queued.len())
    }

    /// The answer to a request with a planned failure that neither waits nor keeps the slot that it took;
    /// [`None`] if there never is one.
    fn fault_before(
        &mut self,
        id: u64,
        fault: &Arc<FaultClause>,
        plan: &Plan,
        received_at: SystemTime,
    ) -> Option<LongSyncExchangeResponse> {
        if self.waiting() > 0 {
            self.call.give_slots_back(1);
        }
        self.call.release(plan.held_bytes());
        self.call.count_fault(fault);
        let Some(failure) = failure_of(fault) else {
            self.hung += 1;
            return None;
        };
        let timing = Timing {
            received_at: Some(received_at.into()),
            queued: None,
            behavior: plan.applied.text().into_owned(),
            fault: fault.to_string(),
            ..self.call.timing_of_refused()
        };
        Some(LongSyncExchangeResponse {
            timing: Some(timing),
            id,
            failure: Some(failure),
            ..LongSyncExchangeResponse::default()
        })
    }

    /// Decides what to do with a request that was received now. Nothing of a refused request is held.
    fn admit(
        &mut self,
        request: &LongSyncExchangeRequest,
        arrived: &MessageArrival,
        index: u64,
        now: Instant,
    ) -> Result<(Plan, SystemTime), Refusal> {
        let is_first = self.first_planned.is_none();
        let kept =
            self.call.plan(Ask::from(request), index, arrived.at).and_then(|(mut plan, at)| {
                if is_first && index > 0 {
                    plan.add_envoy(self.call.envoy(&request.call_id).unwrap_or_default());
                }
                let (plan, of_call) = plan.of_message(index == 0)?;
                self.call.keep(plan.held_bytes(), arrived.held)?;
                Ok((plan, of_call, at))
            });
        let (mut plan, of_call, at) = kept.inspect_err(|_| self.call.release(arrived.held))?;
        if is_first {
            self.first_planned = Some(index);
            self.begin(of_call, &request.call_id, now);
        }
        self.take_slot().inspect_err(|_| self.call.release(plan.held_bytes()))?;
        if !self.is_aborted() {
            self.call.count_attempt(&mut plan, &request.call_id);
        }
        Ok((plan, at))
    }

    /// Called when the first request has been planned, whose behavior and name decide what hits the call.
    fn begin(&mut self, fault: Option<Arc<FaultClause>>, call_id: &str, now: Instant) {
        let envoy = self.call.envoy(call_id).unwrap_or_default();
        self.held_until = Some(envoy.delay).filter(|it| !it.is_zero()).map(|delay| now + delay);
        self.fault = fault.or(envoy.throughput);
        self.call.begins_answer(self.fault.as_ref());
    }

    /// Whether Envoy's headers abort the call, once their delay is over.
    fn is_aborted(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.is_abort())
    }

    /// Called at the end of the requests, if there was none. Even then the header may be wrong, or Envoy's
    /// headers may abort the call.
    fn end_without_requests(&mut self, now: Instant) -> Result<(), Refusal> {
        let (plan, received_at) = self.call.plan(Ask::default(), 0, now)?;
        if plan.is_aborted() {
            self.fault.clone_from(&plan.fault);
            self.begin_wait(0, 0, plan, received_at, now);
        }
        Ok(())
    }

    /// Takes a slot for a waiting message, just as for a call; the first message uses the slot of the
    /// exchange itself.
    fn take_slot(&self) -> Result<(), Refusal> {
        if self.waiting() == 0 || self.call.take_slot() {
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

    /// Waits for whatever is due next. Ready if there is nothing: at the end of the stream, or at the fault in
    /// its place.
    fn poll_end(&mut self) -> Poll<Option<Ending>> {
        let first = self.unanswered.peek().map(|Reverse(first)| first.due);
        let enters = self.queued.as_ref().and_then(|queued| queued.next_to_enter());
        match first.into_iter().chain(enters).min() {
            Some(due) => self.call.wait_until(due),
            None if self.waiting() > 0 => {
                if self.have_requests_ended {
                    self.free_hung();
                }
                self.call.wait_for_more();
            }
            None if self.have_requests_ended => {
                let fault = self.fault_at_end();
                return Poll::Ready(fault.map(|fault| self.call.ending_by(&fault)));
            }
            None => self.call.wait_for_more(),
        }
        Poll::Pending
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
                    Ok(()) => Ok(draft.framed()),
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
                if let Some(queued) = &this.queued
                    && queued.has_news(cx)
                    && let Some(ending) = this.move_queue(now)
                {
                    return Poll::Ready(Some(Err(ending)));
                }
                if this.making.is_none()
                    && let Some(ending) = this.begin_due_answer(now)
                {
                    return Poll::Ready(Some(Err(ending)));
                }
            }
            if let Some(made) = this.poll_made(cx) {
                return made.map(Some);
            }
            if this.have_requests_ended || this.is_aborted() {
                break;
            }
            if this.waiting() + this.hung >= limit {
                // If they hang, or stand behind some that do, only the end of the requests can end the call.
                if this.unanswered.is_empty() && this.requests.poll_is_end(cx)? == Poll::Ready(true)
                {
                    this.have_requests_ended = true;
                }
                this.requests.settle();
                break;
            }
            match this.requests.poll_next(cx) {
                Poll::Ready(Some(Ok(request))) => {
                    if let Some(ending) = this.take(&request, now) {
                        return Poll::Ready(Some(Err(ending)));
                    }
                }
                Poll::Ready(Some(Err(why))) => return Poll::Ready(Some(Err(why.into()))),
                Poll::Ready(None) => {
                    this.have_requests_ended = true;
                    if this.taken == 0 {
                        this.end_without_requests(now)?;
                    }
                }
                Poll::Pending => break,
            }
        }
        this.poll_end().map(|fault| fault.map(Err))
    }
}

impl Drop for ExchangeAnswers {
    fn drop(&mut self) {
        self.call.give_slots_back(self.waiting().saturating_sub(1));
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
