//! `LongSyncCollect`: waits for each request in turn, answers once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use longsync::v1::{LongSyncCollectRequest, LongSyncCollectResponse};
use tonic::Status;

use super::draft::Draft;
use super::refuse;
use crate::body::intake::{Arrived, Intake};
use crate::body::messages::{self, Received};
use crate::call::Call;
use crate::call::plan::{Ask, Payload};
use crate::call::wait::{Spent, Wait};
use crate::rpc::services::BoxAnswer;

type Requests = messages::Requests<LongSyncCollectRequest>;

pub(super) fn answer(call: Arc<Call>, intake: Intake) -> BoxAnswer {
    Box::pin(async move {
        match collect(&call, Requests::new(intake)).await {
            Ok(answer) => messages::response(tokio_stream::once(Ok(answer))),
            Err(status) => status.into_http(),
        }
    })
}

async fn collect(call: &Call, mut requests: Requests) -> Result<Bytes, Status> {
    let mut totals = Totals::default();
    let mut spent = Spent::default();
    let mut behavior = None;
    let mut received_at = None;
    let mut payload = Payload::Empty;
    let mut due_before = None;
    let mut next = requests.next().await?;
    while let Some(Received { message: request, arrived }) = next {
        totals.add(&request);
        received_at.get_or_insert_with(|| call.received(&request.call_id));
        let plan = call
            .plan(Ask::from(&request))
            .map_err(|why| refuse(call, why.of_message(request.id)))?;
        let Arrived { at, .. } = arrived;
        call.keep(plan.payload.held_bytes(), arrived.held).map_err(|why| refuse(call, why))?;
        drop(request);
        if plan.payload != Payload::Empty {
            call.release(payload.held_bytes());
            payload = plan.payload;
        }
        behavior = Some(plan.behavior);
        let wait = Wait { start: due_before.map_or(at, |due| at.max(due)), planned: plan.delay };
        due_before = Some(wait.due());
        let (waited, after) = wait_and_read_ahead(call, wait, &mut requests).await;
        spent = call.add_spent(wait, waited);
        next = after?;
    }
    let received_at = received_at.unwrap_or_else(|| call.received(""));
    // Without a request there is still the header, which may be wrong.
    let behavior = match behavior {
        Some(behavior) => behavior,
        None => call.plan(Ask::default()).map_err(|why| refuse(call, why))?.behavior,
    };
    let message = LongSyncCollectResponse {
        message: longsync::DONE.to_owned(),
        timing: Some(call.timing(spent, &behavior, received_at)),
        count: totals.count,
        payload_bytes: totals.payload_bytes,
        ..LongSyncCollectResponse::default()
    };
    let draft = Draft::new(message, payload);
    poll_fn(|cx| draft.poll_room(call, cx)).await.map_err(|why| refuse(call, why))?;
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
}

type Next = Result<Option<Received<LongSyncCollectRequest>>, Status>;

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
            ahead = Some(next.transpose());
        }
        waiting.as_mut().poll(cx)
    })
    .await;
    call.end_reading_ahead();
    match ahead {
        Some(next) => (spent, next),
        None => (spent, requests.next().await),
    }
}
