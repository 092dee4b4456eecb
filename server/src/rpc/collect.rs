//! `LongSyncCollect`: waits for each request in turn, answers once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Instant, SystemTime};

use longsync::v1::{LongSyncCollectRequest, LongSyncCollectResponse};
use longsync_behavior::{AppliedBehavior, FaultClause, FaultMoment};

use super::BoxMessages;
use super::draft::Draft;
use crate::body::batches::MessageStream;
use crate::body::intake::Intake;
use crate::body::messages::{self, ReceivedMessage};
use crate::call::Call;
use crate::call::ending::Ending;
use crate::call::plan::{AnswerPayload, Ask, behavior_bytes};
use crate::call::refusal::Refusal;
use crate::call::wait::{Wait, WaitTimes};

type CollectRequests = messages::Requests<LongSyncCollectRequest>;

pub(super) fn answer(call: Arc<Call>, intake: Intake) -> BoxMessages {
    // Boxed, because the future would otherwise have room for them twice: as its argument, and as the value
    // that it works with.
    let requests = Box::new(CollectRequests::new(intake));
    Box::pin(collect(call, requests))
}

async fn collect(
    call: Arc<Call>,
    mut requests: Box<CollectRequests>,
) -> Result<MessageStream, Ending> {
    let mut collected = CollectTotals::default();
    let mut next = requests.next().await?.map(Box::new);
    while let Some(received) = next {
        let wait = collected.take(&call, &received)?;
        if let Some(fault) = collected.fault_at(FaultMoment::Before) {
            return Err(call.ending_by(fault));
        }
        drop(received);
        let (waited, ahead) = wait_and_read_ahead(&call, wait, &mut requests).await;
        collected.spent = call.add_spent(wait, waited);
        if let Some(abort) = collected.abort() {
            return Err(call.ending_by(abort));
        }
        next = match ahead {
            Some(next) => next?,
            None => requests.next().await?.map(Box::new),
        };
    }
    if collected.count == 0 {
        collected.plan_without_requests(&call).await?;
    }
    if let Some(fault) = collected.fault.as_ref().filter(|fault| !fault.is_answered()) {
        return Err(call.ending_by(fault));
    }
    call.begins_answer(collected.fault.as_ref());
    let draft = collected.into_draft(&call);
    poll_fn(|cx| draft.poll_room(&call, cx)).await?;
    Ok(Box::pin(tokio_stream::once(Ok(draft.framed()))))
}

/// What the requests of a call add up to. Values that are only needed between two waits are kept elsewhere,
/// because they would take memory while the call waits.
#[derive(Debug, Default)]
struct CollectTotals {
    count: u64,
    payload_bytes: u64,
    spent: WaitTimes,
    /// The behavior that was applied to the last request.
    applied: Option<AppliedBehavior>,
    /// When the first request was received.
    received_at: Option<SystemTime>,
    /// The payload of the last request that asked for one.
    payload: AnswerPayload,
    due_before: Option<Instant>,
    /// The fault of the call, which is that of the first request's behavior.
    fault: Option<Arc<FaultClause>>,
}

impl CollectTotals {
    /// Takes a request. Returns its wait, which does not begin before the previous one was due.
    fn take(
        &mut self,
        call: &Call,
        received: &ReceivedMessage<LongSyncCollectRequest>,
    ) -> Result<Wait, Refusal> {
        let ReceivedMessage { message: request, arrived } = received;
        let planned = call.plan(Ask::from(request), self.count, arrived.at);
        let is_first = self.count == 0;
        self.count += 1;
        self.payload_bytes += request.payload.len() as u64;
        let (mut plan, at) = planned
            .and_then(|(plan, at)| {
                if is_first { Ok((plan, at)) } else { plan.without_fault().map(|it| (it, at)) }
            })
            .map_err(|why| why.of_message(request.id))?;
        self.received_at.get_or_insert(at);
        call.keep(plan.held_bytes(), arrived.held)?;
        if is_first {
            call.count_attempt(&mut plan, "");
            self.fault.clone_from(&plan.fault);
            call.expect_fault(plan.fault.as_deref());
        }
        let mut wait = if is_first && plan.fault_at(FaultMoment::Before).is_none() {
            call.first_wait(arrived.at, &plan)
        } else {
            Wait::new(arrived.at, plan.delay())
        };
        if plan.payload != AnswerPayload::Empty {
            call.release(self.payload.held_bytes());
            self.payload = plan.payload;
        }
        if let Some(before) = self.applied.replace(plan.applied) {
            call.release(behavior_bytes(&before));
        }
        if let Some(due) = self.due_before {
            wait.start = wait.start.max(due);
        }
        self.due_before = Some(wait.due());
        Ok(wait)
    }

    /// The error of Envoy's headers, which comes before any further request.
    fn abort(&self) -> Option<&Arc<FaultClause>> {
        self.fault.as_ref().filter(|fault| fault.is_abort())
    }

    /// The fault of the call, if it takes the place of the answer at this moment.
    fn fault_at(&self, moment: FaultMoment) -> Option<&Arc<FaultClause>> {
        self.fault.as_ref().filter(|fault| fault.ends_call_at(moment))
    }

    /// Plans a call that has no request: even then its header may be wrong, and its behavior have a fault. Only
    /// Envoy's headers can make it wait.
    async fn plan_without_requests(&mut self, call: &Call) -> Result<(), Refusal> {
        let start = call.last_read();
        let (mut plan, at) = call.plan(Ask::default(), 0, start)?;
        call.count_attempt(&mut plan, "");
        if plan.is_aborted() {
            let wait = Wait::new(start, plan.delay());
            let waited = call.wait(wait).await;
            self.spent = call.add_spent(wait, waited);
        }
        (self.fault, self.received_at) = (plan.fault, Some(at));
        self.applied = Some(plan.applied);
        Ok(())
    }

    /// The answer. Boxed, so that it takes no room in a waiting call.
    fn into_draft(self, call: &Call) -> Box<Draft<LongSyncCollectResponse>> {
        let timing = self.applied.as_ref().zip(self.received_at).map(|(applied, received_at)| {
            call.timing(self.spent, applied, self.fault.as_deref(), received_at)
        });
        let message = LongSyncCollectResponse {
            message: longsync::DONE.to_owned(),
            timing,
            count: self.count,
            payload_bytes: self.payload_bytes,
            ..LongSyncCollectResponse::default()
        };
        Box::new(Draft::new(message, self.payload))
    }
}

/// Boxed, so that a request that has not arrived takes no room in a waiting call.
type NextRequest = Result<Option<Box<ReceivedMessage<LongSyncCollectRequest>>>, Refusal>;

/// Waits, and reads the next request in the meantime: its time of arrival decides when its own wait begins.
/// Only one request is read ahead, so that back-pressure reaches the client. Also returns that request, if it
/// arrived before the wait was over.
async fn wait_and_read_ahead(
    call: &Call,
    wait: Wait,
    requests: &mut CollectRequests,
) -> (WaitTimes, Option<NextRequest>) {
    let mut ahead = None;
    let mut waiting = pin!(call.wait(wait));
    call.begin_reading_ahead();
    let spent = poll_fn(|cx| {
        if ahead.is_none()
            && let Poll::Ready(next) = requests.poll_next(cx)
        {
            ahead = Some(next.transpose().map(|next| next.map(Box::new)));
        }
        waiting.as_mut().poll(cx)
    })
    .await;
    call.end_reading_ahead();
    (spent, ahead)
}
