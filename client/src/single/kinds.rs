//! The four kinds of call.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Request;
use longsync::duration::to_proto;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncCollectResponse, LongSyncExchangeRequest,
    LongSyncExchangeResponse, LongSyncRequest, LongSyncResponse, LongSyncStreamRequest,
    LongSyncStreamResponse, Timing,
};
use prost::Message;
use tonic::Status;

use crate::single::answer_sink::AnswerSink;
use crate::single::hang::{self, Unanswered};
use crate::single::outcome::ReceivedAnswer;
use crate::single::plan::{RpcKind, SinglePlan};
use longsync_connect::ConnectionPool;
use longsync_connect::Stamps;
use longsync_connect::StreamPermit;
use longsync_connect::answer::{AnswerLimits, ExpectedMessages, PAGE_BYTES};
use longsync_connect::rpc::Outgoing;
use longsync_connect::rpc::{self, Answers, RetryLog, Rpc};

/// A call that is about to be made.
pub(super) struct PendingCall<'a> {
    pub(super) plan: &'a SinglePlan,
    /// The time of its deadline.
    pub(super) due: Option<Instant>,
    pub(super) connections: &'a ConnectionPool,
    pub(super) stamps: &'a Stamps,
    pub(super) retried: &'a RetryLog,
}

/// A request with the fields that all four kinds have in common.
macro_rules! request {
    ($plan:ident, $message:ident { $($field:ident: $value:expr),* }) => {
        $message {
            delay: $plan.delay.map(to_proto),
            behavior: $plan.behavior.clone(),
            payload: $plan.payload.clone(),
            echo_payload: $plan.echo_payload,
            response_bytes: $plan.response_bytes,
            call_id: $plan.call_id.clone(),
            $($field: $value),*
        }
    };
}

/// Converts the fields that answers have in common; the others are added when the answers are received.
macro_rules! common_of {
    ($($message:ident),*) => {
        $(impl From<$message> for ReceivedAnswer {
            fn from(answer: $message) -> Self {
                let $message { message, timing, payload, .. } = answer;
                Self { message, timing, payload, ..Self::default() }
            }
        })*
    };
}

common_of!(LongSyncResponse, LongSyncStreamResponse, LongSyncExchangeResponse);

impl From<LongSyncCollectResponse> for ReceivedAnswer {
    fn from(answer: LongSyncCollectResponse) -> Self {
        let LongSyncCollectResponse { message, timing, payload, count, .. } = answer;
        Self { message, timing, payload, count: Some(count), ..Self::default() }
    }
}

impl PendingCall<'_> {
    /// Makes the call, and keeps its answers as they arrive. If it is an exchange, returns how many of its
    /// messages were not answered, as planned.
    ///
    /// # Errors
    /// The status with which the call failed.
    pub(super) async fn call(
        &self,
        permit: StreamPermit,
        sink: &mut AnswerSink<'_, impl AsyncFnMut(&ReceivedAnswer)>,
    ) -> Result<Option<Unanswered>, Status> {
        match self.plan.kind {
            RpcKind::Unary => self.unary(permit, sink).await?,
            RpcKind::Stream => self.stream(permit, sink).await?,
            RpcKind::Collect => self.collect(permit, sink).await?,
            RpcKind::Exchange => return self.exchange(permit, sink).await.map(Some),
        }
        Ok(None)
    }

    async fn unary(
        &self,
        permit: StreamPermit,
        sink: &mut AnswerSink<'_, impl AsyncFnMut(&ReceivedAnswer)>,
    ) -> Result<(), Status> {
        let plan = self.plan;
        let body = || rpc::whole(&request!(plan, LongSyncRequest {}));
        let answers = self.begin(permit, "LongSync", ExpectedMessages::One, body).await?;
        self.only::<LongSyncResponse>(answers, sink).await
    }

    async fn stream(
        &self,
        permit: StreamPermit,
        sink: &mut AnswerSink<'_, impl AsyncFnMut(&ReceivedAnswer)>,
    ) -> Result<(), Status> {
        let plan = self.plan;
        let body = || rpc::whole(&request!(plan, LongSyncStreamRequest { count: plan.count }));
        let several = ExpectedMessages::Several(self.asked());
        let mut answers = self.begin(permit, "LongSyncStream", several, body).await?;
        let mut is_first = true;
        while let Some(answer) = answers.next::<LongSyncStreamResponse>().await? {
            sink.keep(ReceivedAnswer {
                number: Some(answer.index.into()),
                service_time: self.since(self.stamps.sent()),
                is_comparable: std::mem::take(&mut is_first),
                ..answer.into()
            })
            .await?;
        }
        Ok(())
    }

    async fn collect(
        &self,
        permit: StreamPermit,
        sink: &mut AnswerSink<'_, impl AsyncFnMut(&ReceivedAnswer)>,
    ) -> Result<(), Status> {
        let body = || {
            let (plan, ids) = (self.plan.clone(), self.ids());
            rpc::open(ids.map(move |id| request!(plan, LongSyncCollectRequest { id: id })))
        };
        let answers = self.begin(permit, "LongSyncCollect", ExpectedMessages::One, body).await?;
        self.only::<LongSyncCollectResponse>(answers, sink).await
    }

    async fn exchange(
        &self,
        permit: StreamPermit,
        sink: &mut AnswerSink<'_, impl AsyncFnMut(&ReceivedAnswer)>,
    ) -> Result<Unanswered, Status> {
        // The time when HTTP/2 took each request, which it does only when it has window to send it.
        let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let body = || {
            let (plan, timer) = (self.plan.clone(), self.connections.timer().clone());
            let (sent, ids) = (Arc::clone(&sent), self.ids());
            rpc::open(ids.map(move |id| {
                let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                // A retry keeps the time of the first attempt.
                if sent.len() as u64 == id {
                    sent.push(timer.now());
                }
                request!(plan, LongSyncExchangeRequest { id: id })
            }))
        };
        let at_most = ExpectedMessages::AtMost(self.asked());
        let mut answers = self.begin(permit, "LongSyncExchange", at_most, body).await?;
        let (mut answered, mut hang) = (HashSet::new(), hang::asked_for(self.plan));
        while let Some(answer) = answers.next::<LongSyncExchangeResponse>().await? {
            let sent = usize::try_from(answer.id).ok().and_then(|index| {
                sent.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied()
            });
            if sent.is_none() {
                return Err(rpc::answered_unsent(answer.id));
            }
            if !answered.insert(answer.id) {
                return Err(rpc::answered_twice(answer.id));
            }
            if hang.is_none() {
                hang = answer.timing.as_ref().and_then(Self::reported_hang);
            }
            sink.keep(ReceivedAnswer {
                number: Some(answer.id),
                is_comparable: answer.failure.is_none(),
                failure: answer.failure.clone(),
                service_time: self.since(sent),
                ..answer.into()
            })
            .await?;
        }
        let answered = answered.len() as u64;
        let count = self.asked().saturating_sub(answered);
        if hang.is_none() {
            // Nothing explains why a message has no answer.
            ExpectedMessages::Matched(self.asked()).check(answered)?;
        }
        Ok(Unanswered { count, hang: hang.filter(|_| count > 0) })
    }

    /// The clause by which messages of an exchange hang, according to an answer to another message.
    fn reported_hang(timing: &Timing) -> Option<String> {
        // Nearly all behaviors need no reading.
        let may_hang = timing.behavior.contains("hang(");
        may_hang.then(|| hang::clause_of(&timing.behavior))?
    }

    /// Keeps the answer of a call that has only one.
    async fn only<M: Message + Default + Into<ReceivedAnswer>>(
        &self,
        mut answers: Answers,
        sink: &mut AnswerSink<'_, impl AsyncFnMut(&ReceivedAnswer)>,
    ) -> Result<(), Status> {
        if let Some(answer) = answers.next::<M>().await? {
            let service_time = self.since(self.stamps.sent());
            sink.keep(ReceivedAnswer { service_time, is_comparable: true, ..answer.into() })
                .await?;
            let ended = answers.next::<M>().await;
            sink.done(self.until_done());
            ended?;
        }
        Ok(())
    }

    async fn begin(
        &self,
        permit: StreamPermit,
        name: &str,
        expected: ExpectedMessages,
        body: impl Fn() -> Outgoing,
    ) -> Result<Answers, Status> {
        let Self { plan, due, connections, stamps, retried } = *self;
        let limits =
            AnswerLimits { message_bytes: plan.answer_bytes(), expected, page_bytes: PAGE_BYTES };
        let request = || -> (Request<()>, Outgoing) {
            let left = due.map(|due| due.saturating_duration_since(connections.timer().now()));
            (rpc::head(plan.target.origin(), rpc::path(name), &plan.metadata, left), body())
        };
        Rpc { connections, stamps, retried, limits }.begin(permit, request).await
    }

    /// The planned number of answers in a stream, or of requests.
    fn asked(&self) -> u64 {
        self.plan.count.unwrap_or(1).into()
    }

    fn ids(&self) -> std::ops::Range<u64> {
        0..self.asked()
    }

    fn since(&self, sent: Option<Instant>) -> Duration {
        let now = self.connections.timer().now();
        sent.map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent))
    }

    fn until_done(&self) -> Duration {
        match (self.stamps.sent(), self.stamps.done()) {
            (Some(sent), Some(done)) => done.saturating_duration_since(sent),
            (sent, _) => self.since(sent),
        }
    }
}
