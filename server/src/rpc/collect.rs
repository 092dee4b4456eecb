//! `LongSyncCollect`: waits for each request in turn, answers once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use longsync::v1::{LongSyncCollectRequest, LongSyncCollectResponse, Timing};

use super::BoxMessages;
use super::draft::Draft;
use crate::body::batches::Messages;
use crate::body::intake::Intake;
use crate::body::messages::{self, Received};
use crate::call::Call;
use crate::call::plan::{Ask, Payload};
use crate::call::refusal::Refusal;
use crate::call::wait::{Spent, Wait};

type Requests = messages::Requests<LongSyncCollectRequest>;

pub(super) fn answer(call: Arc<Call>, intake: Intake) -> BoxMessages {
    Box::pin(async move {
        let answer = collect(&call, Requests::new(intake)).await?;
        Ok(Box::pin(tokio_stream::once(Ok(answer))) as Messages)
    })
}

async fn collect(call: &Call, mut requests: Requests) -> Result<Bytes, Refusal> {
    let mut totals = Totals::default();
    let mut spent = Spent::default();
    let mut applied = None;
    let mut received_at = None;
    let mut payload = Payload::Empty;
    let mut due_before = None;
    let mut next = requests.next().await?.map(Box::new);
    while let Some(received) = next {
        let Received { message: request, arrived } = &*received;
        totals.add(request);
        let planned = call.plan(Ask::from(request));
        let (plan, at) = planned.map_err(|why| why.of_message(request.id))?;
        received_at.get_or_insert(at);
        call.keep(plan.payload.held_bytes(), arrived.held)?;
        if plan.payload != Payload::Empty {
            call.release(payload.held_bytes());
            payload = plan.payload;
        }
        applied = Some(plan.applied);
        let start = due_before.map_or(arrived.at, |due| arrived.at.max(due));
        let wait = Wait { start, planned: plan.delay };
        due_before = Some(wait.due());
        drop(received);
        let (waited, after) = wait_and_read_ahead(call, wait, &mut requests).await;
        spent = call.add_spent(wait, waited);
        next = after?;
    }
    let (applied, received_at) = match applied.zip(received_at) {
        Some(known) => known,
        // Without a request there is still the header, which may be wrong.
        None => call.plan(Ask::default()).map(|(plan, at)| (plan.applied, at))?,
    };
    let draft = totals.draft(call.timing(spent, &applied, received_at), payload);
    poll_fn(|cx| draft.poll_room(call, cx)).await?;
    Ok(draft.into_framed())
}

#[derive(Debug, Default)]
struct Totals {
    count: u64,
    payload_bytes: u64,
}

impl Totals {
    fn add(&mut self, request: &LongSyncCollectRequest) {
        self.count += 1;
        self.payload_bytes += request.payload.len() as u64;
    }

    /// Boxed, so that a call which waits has no room for it.
    fn draft(&self, timing: Timing, payload: Payload) -> Box<Draft<LongSyncCollectResponse>> {
        let message = LongSyncCollectResponse {
            message: longsync::DONE.to_owned(),
            timing: Some(timing),
            count: self.count,
            payload_bytes: self.payload_bytes,
            ..LongSyncCollectResponse::default()
        };
        Box::new(Draft::new(message, payload))
    }
}

/// Boxed, so that a call which waits has no room for it unless it is there.
type Next = Result<Option<Box<Received<LongSyncCollectRequest>>>, Refusal>;

/// Waits, and meanwhile reads the next request: only so is it known when that one arrived, which
/// decides where its own wait begins. One request ahead, so that the client is held back.
async fn wait_and_read_ahead(call: &Call, wait: Wait, requests: &mut Requests) -> (Spent, Next) {
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
    match ahead {
        Some(next) => (spent, next),
        None => (spent, requests.next().await.map(|next| next.map(Box::new))),
    }
}
