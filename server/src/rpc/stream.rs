//! `LongSyncStream`: answers `count` times, each after a delay of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime};

use longsync::v1::{LongSyncStreamRequest, LongSyncStreamResponse};
use tokio_stream::Stream;
use tonic::Status;

use crate::call::Call;
use crate::plan::{self, Ask, Plan};
use crate::refusal::Refusal;
use crate::request_body::Inbox;
use crate::wait::Wait;

/// The answers, each due its delay after the due time of the one before: lateness does not add up.
#[derive(Debug)]
pub(crate) struct Answers {
    call: Arc<Call>,
    plan: Plan,
    received_at: SystemTime,
    start: Instant,
    index: u32,
    count: u32,
}

impl Answers {
    pub(super) fn new(
        call: &Arc<Call>,
        inbox: &Inbox,
        request: &LongSyncStreamRequest,
    ) -> Result<Self, Refusal> {
        let received_at = call.received(&request.call_id);
        let count = plan::count(request.count, &call.worker().shared.config.limits)?;
        let plan = call.plan(Ask::from(request))?;
        let start = inbox.take(call, plan.payload.held_bytes()).at;
        Ok(Self { call: Arc::clone(call), plan, received_at, start, index: 0, count })
    }
}

impl Stream for Answers {
    type Item = Result<LongSyncStreamResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.index == this.count {
            return Poll::Ready(None);
        }
        let wait = Wait { start: this.start, planned: this.plan.delay };
        let spent = ready!(this.call.poll_wait(wait));
        let answer = LongSyncStreamResponse {
            message: longsync::DONE.to_owned(),
            timing: Some(this.call.timing(spent, &this.plan.behavior, this.received_at)),
            payload: this.plan.payload.clone().into_bytes(),
            index: this.index,
        };
        this.start = wait.due();
        this.index += 1;
        Poll::Ready(Some(Ok(answer)))
    }
}
