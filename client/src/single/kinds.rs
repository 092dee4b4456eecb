//! The four kinds of call.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Request;
use longsync::duration::to_proto;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncCollectResponse, LongSyncExchangeRequest,
    LongSyncExchangeResponse, LongSyncRequest, LongSyncResponse, LongSyncStreamRequest,
    LongSyncStreamResponse,
};
use tonic::Status;

use crate::answer::{ANSWER_BYTES, Expected, Limits, PAGE_BYTES};
use crate::body::{Outgoing, Stamps};
use crate::connections::Connections;
use crate::credit::Credit;
use crate::rpc::{self, Answers, Retried, Rpc};
use crate::single::kept::Kept;
use crate::single::outcome::Answer;
use crate::single::plan::{Kind, SinglePlan};

/// A call that is about to be made.
pub(super) struct Calling<'a> {
    pub(super) plan: &'a SinglePlan,
    /// When its deadline is over.
    pub(super) due: Option<Instant>,
    pub(super) connections: &'a Connections,
    pub(super) stamps: &'a Stamps,
    pub(super) retried: &'a Retried,
}

/// The four requests have these fields in common.
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

impl Calling<'_> {
    /// Makes the call, and keeps its answers as they come.
    ///
    /// # Errors
    /// How it failed.
    pub(super) async fn call(
        &self,
        credit: Credit,
        kept: &mut Kept<'_, impl AsyncFnMut(&Answer)>,
    ) -> Result<(), Status> {
        match self.plan.kind {
            Kind::Unary => self.unary(credit, kept).await,
            Kind::Stream => self.stream(credit, kept).await,
            Kind::Collect => self.collect(credit, kept).await,
            Kind::Exchange => self.exchange(credit, kept).await,
        }
    }

    async fn unary(
        &self,
        credit: Credit,
        kept: &mut Kept<'_, impl AsyncFnMut(&Answer)>,
    ) -> Result<(), Status> {
        let plan = self.plan;
        let body = || rpc::whole(&request!(plan, LongSyncRequest {}));
        let mut answers = self.begin(credit, "LongSync", Expected::One, body).await?;
        if let Some(answer) = answers.next::<LongSyncResponse>().await? {
            kept.keep(Answer {
                message: answer.message,
                timing: answer.timing,
                payload: answer.payload,
                service_time: self.since(self.stamps.sent()),
                is_comparable: true,
                ..Answer::default()
            })
            .await?;
            let ended = answers.next::<LongSyncResponse>().await;
            kept.done(self.until_done());
            ended?;
        }
        Ok(())
    }

    async fn stream(
        &self,
        credit: Credit,
        kept: &mut Kept<'_, impl AsyncFnMut(&Answer)>,
    ) -> Result<(), Status> {
        let plan = self.plan;
        let body = || rpc::whole(&request!(plan, LongSyncStreamRequest { count: plan.count }));
        let several = Expected::Several(self.asked());
        let mut answers = self.begin(credit, "LongSyncStream", several, body).await?;
        let mut is_first = true;
        while let Some(answer) = answers.next::<LongSyncStreamResponse>().await? {
            kept.keep(Answer {
                message: answer.message,
                timing: answer.timing,
                payload: answer.payload,
                number: Some(answer.index.into()),
                service_time: self.since(self.stamps.sent()),
                is_comparable: std::mem::take(&mut is_first),
                ..Answer::default()
            })
            .await?;
        }
        Ok(())
    }

    async fn collect(
        &self,
        credit: Credit,
        kept: &mut Kept<'_, impl AsyncFnMut(&Answer)>,
    ) -> Result<(), Status> {
        let body = || {
            let (plan, ids) = (self.plan.clone(), self.ids());
            rpc::open(ids.map(move |id| request!(plan, LongSyncCollectRequest { id: id })))
        };
        let mut answers = self.begin(credit, "LongSyncCollect", Expected::One, body).await?;
        if let Some(answer) = answers.next::<LongSyncCollectResponse>().await? {
            kept.keep(Answer {
                message: answer.message,
                timing: answer.timing,
                payload: answer.payload,
                count: Some(answer.count),
                service_time: self.since(self.stamps.sent()),
                is_comparable: true,
                ..Answer::default()
            })
            .await?;
            let ended = answers.next::<LongSyncCollectResponse>().await;
            kept.done(self.until_done());
            ended?;
        }
        Ok(())
    }

    async fn exchange(
        &self,
        credit: Credit,
        kept: &mut Kept<'_, impl AsyncFnMut(&Answer)>,
    ) -> Result<(), Status> {
        // When each request was taken by HTTP/2, which asks for one only when it has window to send it.
        let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let lock = |sent: &Mutex<Vec<Instant>>, index: usize| {
            sent.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied()
        };
        let body = || {
            let (plan, timer) = (self.plan.clone(), self.connections.timer().clone());
            let (sent, ids) = (Arc::clone(&sent), self.ids());
            rpc::open(ids.map(move |id| {
                let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                // In a second try the first time stays.
                if sent.len() as u64 == id {
                    sent.push(timer.now());
                }
                request!(plan, LongSyncExchangeRequest { id: id })
            }))
        };
        let matched = Expected::Matched(self.asked());
        let mut answers = self.begin(credit, "LongSyncExchange", matched, body).await?;
        let mut answered = HashSet::new();
        while let Some(answer) = answers.next::<LongSyncExchangeResponse>().await? {
            let sent = usize::try_from(answer.id).ok().and_then(|index| lock(&sent, index));
            if sent.is_none() {
                return Err(rpc::answered_unsent(answer.id));
            }
            if !answered.insert(answer.id) {
                return Err(rpc::answered_twice(answer.id));
            }
            kept.keep(Answer {
                message: answer.message,
                timing: answer.timing,
                payload: answer.payload,
                number: Some(answer.id),
                is_comparable: answer.failure.is_none(),
                failure: answer.failure,
                service_time: self.since(sent),
                ..Answer::default()
            })
            .await?;
        }
        Ok(())
    }

    async fn begin(
        &self,
        credit: Credit,
        name: &str,
        expected: Expected,
        body: impl Fn() -> Outgoing,
    ) -> Result<Answers, Status> {
        let Self { plan, due, connections, stamps, retried } = *self;
        let limits =
            Limits { message_bytes: plan.most_answer_bytes(), expected, page_bytes: PAGE_BYTES };
        let request = || -> (Request<()>, Outgoing) {
            let left = due.map(|due| due.saturating_duration_since(connections.timer().now()));
            (rpc::head(plan.target.origin(), name, &plan.metadata, left), body())
        };
        Rpc { connections, stamps, retried, limits }.begin(credit, request).await
    }

    /// How many answers of a stream, or requests, there are to be.
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

impl SinglePlan {
    /// How many bytes an answer may have: what was asked for, and room for all else.
    fn most_answer_bytes(&self) -> usize {
        let echoed = if self.echo_payload { self.payload.len() } else { 0 };
        let asked = echoed.max(self.response_bytes as usize);
        self.max_answer_bytes.unwrap_or_else(|| ANSWER_BYTES.saturating_add(asked))
    }
}
