//! `LongSync`: waits, answers once.

use longsync::v1::{LongSyncRequest, LongSyncResponse};

use crate::call::Call;
use crate::plan::Ask;
use crate::refusal::Refusal;
use crate::request_body::Inbox;
use crate::wait::Wait;

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
    call.release(plan.payload.held_bytes());
    Ok(LongSyncResponse {
        message: longsync::DONE.to_owned(),
        timing: Some(call.timing(spent, &plan.behavior, received_at)),
        payload: plan.payload.into_bytes(),
    })
}
