//! `LongSync`: waits, answers once. While such a call waits, only what its answer needs is in memory.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use longsync::v1::{LongSyncRequest, LongSyncResponse};
use longsync_behavior::FaultMoment;

use super::draft::Draft;
use crate::body::intake::Intake;
use crate::body::messages::{ReceivedMessage, Requests};
use crate::call::Call;
use crate::call::ending::Ending;
use crate::call::plan::{Ask, Plan};
use crate::call::wait::{Wait, WaitTimes};

type UnaryRequests = Requests<LongSyncRequest>;

/// The future of the answer to a unary call: the encoded message with its prefix.
pub(crate) struct UnaryAnswer {
    call: Arc<Call>,
    phase: Phase,
}

enum Phase {
    /// Boxed, so that it does not take room while the call waits.
    Reading(Box<UnaryRequests>),
    Waiting(Waiting),
    Over,
}

struct Waiting {
    /// What follows the message: the end of the request, or bytes that must not be there.
    rest: Option<Box<UnaryRequests>>,
    wait: Step,
    plan: Plan,
    received_at: SystemTime,
}

/// The state of the wait.
enum Step {
    Under(Wait),
    /// The call stands in the server's queue, or is served by one of its workers.
    Queued,
    Over(WaitTimes),
}

impl UnaryAnswer {
    pub(crate) fn new(call: Arc<Call>, intake: Intake) -> Self {
        Self { call, phase: Phase::Reading(Box::new(Requests::new(intake))) }
    }
}

impl Future for UnaryAnswer {
    type Output = Result<Bytes, Ending>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { call, phase } = &mut *self;
        if let Phase::Reading(request) = phase {
            // A call whose request has no message is cut.
            let Some(received) = ready!(request.poll_next(cx)?) else { return Poll::Pending };
            let Phase::Reading(request) = mem::replace(phase, Phase::Over) else {
                return Poll::Pending;
            };
            *phase = Phase::Waiting(begin_wait(call, &received, request)?);
        }
        let Phase::Waiting(waiting) = phase else { return Poll::Pending };
        ready!(waiting.poll_over(call, cx))?;
        let Phase::Waiting(waiting) = mem::replace(phase, Phase::Over) else {
            return Poll::Pending;
        };
        waiting.poll_answer(call, phase, cx)
    }
}

impl Waiting {
    /// Ready once the wait is over and the request has ended.
    fn poll_over(&mut self, call: &Call, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        if let Some(rest) = &mut self.rest
            && rest.poll_end(cx)?.is_ready()
        {
            self.rest = None;
        }
        let ended = match self.wait {
            Step::Under(wait) => Some((wait, ready!(call.poll_wait(wait, cx)))),
            Step::Queued => Some(ready!(call.poll_queued(cx))?),
            Step::Over(_) => None,
        };
        if let Some((wait, spent)) = ended {
            if let Some(fault) = self.plan.fault_at(FaultMoment::After) {
                return Poll::Ready(Err(call.ending_after(fault, wait, spent)));
            }
            self.wait = Step::Over(spent);
        }
        if self.rest.is_none() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// The answer, once there is room for it; until then, the wait is put back into its phase.
    fn poll_answer(
        self,
        call: &Call,
        phase: &mut Phase,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, Ending>> {
        let Self { plan, received_at, wait, .. } = self;
        let Step::Over(spent) = wait else { return Poll::Pending };
        let draft = draft(call, plan.clone(), spent, received_at);
        match draft.poll_room(call, cx) {
            Poll::Ready(Ok(())) => {
                call.begins_answer(plan.fault.as_ref());
                Poll::Ready(Ok(draft.framed()))
            }
            Poll::Ready(Err(why)) => Poll::Ready(Err(why.into())),
            Poll::Pending => {
                *phase = Phase::Waiting(Self { rest: None, wait, plan, received_at });
                Poll::Pending
            }
        }
    }
}

fn begin_wait(
    call: &Call,
    received: &ReceivedMessage<LongSyncRequest>,
    request: Box<UnaryRequests>,
) -> Result<Waiting, Ending> {
    let ReceivedMessage { message, arrived } = received;
    let (mut plan, received_at) = call.plan(Ask::from(message), 0, arrived.at)?;
    call.keep(plan.held_bytes(), arrived.held)?;
    call.count_attempt(&mut plan, "");
    if let Some(fault) = plan.fault_at(FaultMoment::Before) {
        return Err(call.ending_by(fault));
    }
    call.expect_fault(plan.fault.as_deref());
    let rest = Some(request).filter(|request| !request.is_end());
    let wait = if call.stands(&plan) {
        call.begin_queued(arrived.at, &plan);
        Step::Queued
    } else {
        Step::Under(call.first_wait(arrived.at, &plan))
    };
    Ok(Waiting { rest, wait, plan, received_at })
}

/// The answer, once the wait is over.
fn draft(
    call: &Call,
    plan: Plan,
    spent: WaitTimes,
    received_at: SystemTime,
) -> Draft<LongSyncResponse> {
    let message = LongSyncResponse {
        message: longsync::DONE.to_owned(),
        timing: Some(call.timing(spent, &plan.applied, plan.fault.as_deref(), received_at)),
        ..LongSyncResponse::default()
    };
    Draft::new(message, plan.payload)
}
