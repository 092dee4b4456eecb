//! `LongSync`: waits, answers once.

use std::time::SystemTime;

use longsync::v1::{LongSyncRequest, LongSyncResponse};

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
    let spent = call.wait(Wait { start, planned: plan.delay }).await;
    Ok(response(call, plan, spent, received_at))
}

/// The answer, once the wait is over.
pub(super) fn response(
    call: &Call,
    plan: Plan,
    spent: Spent,
    received_at: SystemTime,
) -> LongSyncResponse {
    call.release(plan.payload.held_bytes());
    LongSyncResponse {
        message: longsync::DONE.to_owned(),
        timing: Some(call.timing(spent, &plan.behavior, received_at)),
        payload: plan.payload.into_bytes(),
    }
}
