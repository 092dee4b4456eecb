//! `LongSyncExchange`: answers each request when its own delay is over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use longsync::v1::{Failure, LongSyncExchangeRequest, LongSyncExchangeResponse};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::refuse;
use crate::call::Call;
use crate::plan::{Ask, Plan};
use crate::refusal::Refusal;
use crate::request_body::Inbox;
use crate::wait::{Spent, Wait};

/// The answers, in the order in which they are due.
///
/// While as many requests wait as the limit allows, the stream of requests is not read, so that
/// HTTP/2's flow control holds the client back.
#[derive(Debug)]
pub(crate) struct Answers {
    call: Arc<Call>,
    inbox: Inbox,
    requests: Streaming<LongSyncExchangeRequest>,
    has_begun: bool,
    have_requests_ended: bool,
    unanswered: BinaryHeap<Reverse<Unanswered>>,
    taken: u64,
}

/// A request that waits for its answer, ordered by when that is due; equals in order of arrival.
#[derive(Debug)]
struct Unanswered {
    due: Instant,
    order: u64,
    id: u64,
    wait: Wait,
    plan: Plan,
    received_at: SystemTime,
}

impl Answers {
    pub(super) fn new(
        call: Arc<Call>,
        inbox: Inbox,
        requests: Streaming<LongSyncExchangeRequest>,
    ) -> Self {
        Self {
            call,
            inbox,
            requests,
            has_begun: false,
            have_requests_ended: false,
            unanswered: BinaryHeap::new(),
            taken: 0,
        }
    }

    /// The next answer that is due, if one is.
    fn due_answer(&mut self, now: Instant) -> Option<LongSyncExchangeResponse> {
        if self.unanswered.peek()?.0.due > now {
            return None;
        }
        let Reverse(Unanswered { id, wait, plan, received_at, .. }) = self.unanswered.pop()?;
        let spent = self.call.waited(wait, now);
        self.call.release(plan.payload.held_bytes());
        Some(LongSyncExchangeResponse {
            message: longsync::DONE.to_owned(),
            timing: Some(self.call.timing(spent, &plan.behavior, received_at)),
            payload: plan.payload.into_bytes(),
            id,
            failure: None,
        })
    }

    /// Takes a request off the stream. One that cannot be served is answered at once.
    fn take(
        &mut self,
        request: &LongSyncExchangeRequest,
        now: Instant,
    ) -> Option<LongSyncExchangeResponse> {
        self.has_begun = true;
        let received_at = self.call.received(&request.call_id);
        let plan = match self.call.plan(Ask::from(request)) {
            Ok(plan) => plan,
            Err(why) => {
                self.inbox.take(&self.call, 0);
                return Some(self.failure(request.id, &why, received_at));
            }
        };
        self.inbox.take(&self.call, plan.payload.held_bytes());
        let wait = Wait { start: now, planned: plan.delay };
        let (due, order, id) = (wait.due(), self.taken, request.id);
        self.taken += 1;
        self.unanswered.push(Reverse(Unanswered { due, order, id, wait, plan, received_at }));
        None
    }

    fn failure(&self, id: u64, why: &Refusal, received_at: SystemTime) -> LongSyncExchangeResponse {
        let behavior = &self.call.worker().shared.config.behavior;
        LongSyncExchangeResponse {
            timing: Some(longsync::v1::Timing {
                planned: None,
                behavior: String::new(),
                ..self.call.timing(Spent::default(), behavior, received_at)
            }),
            id,
            failure: Some(Failure { code: why.code().into(), message: why.message() }),
            ..LongSyncExchangeResponse::default()
        }
    }
}

impl Stream for Answers {
    type Item = Result<LongSyncExchangeResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let limit = this.call.worker().shared.config.limits.max_unanswered.get();
        loop {
            let now = this.call.now();
            if let Some(answer) = this.due_answer(now) {
                return Poll::Ready(Some(Ok(answer)));
            }
            if this.have_requests_ended || this.unanswered.len() >= limit {
                break;
            }
            match Pin::new(&mut this.requests).poll_next(cx) {
                Poll::Ready(Some(Ok(request))) => {
                    if let Some(failure) = this.take(&request, now) {
                        return Poll::Ready(Some(Ok(failure)));
                    }
                }
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(status))),
                Poll::Ready(None) => {
                    this.have_requests_ended = true;
                    // Without a message there is still the header, which may be wrong.
                    if !this.has_begun
                        && let Err(why) = this.call.plan(Ask::default())
                    {
                        return Poll::Ready(Some(Err(refuse(&this.call, why))));
                    }
                }
                Poll::Pending => break,
            }
        }
        match this.unanswered.peek() {
            Some(Reverse(first)) => this.call.wake_at(first.due),
            None if this.have_requests_ended => return Poll::Ready(None),
            None => {}
        }
        Poll::Pending
    }
}

impl Unanswered {
    fn key(&self) -> (Instant, u64) {
        (self.due, self.order)
    }
}

impl PartialEq for Unanswered {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Unanswered {}

impl PartialOrd for Unanswered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Unanswered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
