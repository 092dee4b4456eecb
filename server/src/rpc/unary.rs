//! `LongSync`: waits, answers once.

use std::future::poll_fn;
use std::time::SystemTime;

use longsync::v1::{LongSyncRequest, LongSyncResponse};

use super::draft::Draft;
use crate::call::Call;
use crate::plan::{Ask, Plan};
use crate::refusal::Refusal;
use crate::request_body::Inbox;
use crate::wait::{Spent, Wait};

pub(super) async fn answer(
    call: &Call,
    inbox: &Inbox,
    request: LongSyncRequest,
) -> Result<LongSyncResponse, Refusal> {
    let received_at = call.received(&request.call_id);
    let plan = call.plan(Ask::from(&request))?;
    let start = inbox.take(call, plan.payload.held_bytes()).at;
    drop(request);
    let wait = Wait { start, planned: plan.delay };
    // The generated service reads to the end of the request before it calls this.
    let free = call.record().last_read();
    let spent = poll_fn(|_| call.poll_wait_held_up(wait, free)).await;
    let draft = draft(call, plan, spent, received_at);
    poll_fn(|cx| draft.poll_room(call, cx)).await?;
    Ok(draft.into_message())
}

/// The answer, once the wait is over.
pub(super) fn draft(
    call: &Call,
    plan: Plan,
    spent: Spent,
    received_at: SystemTime,
) -> Draft<LongSyncResponse> {
    let message = LongSyncResponse {
        message: longsync::DONE.to_owned(),
        timing: Some(call.timing(spent, &plan.behavior, received_at)),
        ..LongSyncResponse::default()
    };
    Draft::new(message, plan.payload)
}
