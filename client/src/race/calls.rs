//! One call of a race, in any way, and its row.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, Request};
use longsync::duration::to_proto;
use longsync::v1::{LongSyncRequest, LongSyncResponse};
use longsync_behavior::FaultClause;
use longsync_timer::Timer;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;

use crate::race::call_failure::CallFailure;
use crate::race::delays::{CallRequest, RaceDelays};
use crate::race::faults::is_silent;
use crate::race::http;
use crate::race::outcome::{CallEnd, RaceCall};
use crate::race::plan::{BehaviorPlace, RacePlan};
use crate::race::progress::WayProgress;
use crate::race::reported_wait::ReportedWait;
use crate::race::way::Way;
use longsync_connect::ConnectionPool;
use longsync_connect::Stamps;
use longsync_connect::StreamPermit;
use longsync_connect::Target;
use longsync_connect::answer::{AnswerLimits, ExpectedMessages, PAGE_BYTES};
use longsync_connect::rpc::{self, Refused, RetryLog, Rpc};

/// How calls reach the server.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Over gRPC, on shared connections.
    Grpc(Arc<ConnectionPool>),
    /// Over HTTP/1.1, each on its own connection.
    Http { target: Target, opened: Arc<AtomicUsize> },
}

impl Caller {
    /// The number of connections opened so far.
    pub(super) fn opened(&self) -> usize {
        match self {
            Self::Grpc(connections) => connections.opened(),
            Self::Http { opened, .. } => opened.load(Ordering::Relaxed),
        }
    }

    /// A caller of the same server, with separate connections.
    pub(super) fn apart(&self) -> Self {
        match self {
            Self::Grpc(shared) => {
                let (target, timer) = (shared.target().clone(), shared.timer().clone());
                Self::Grpc(Arc::new(ConnectionPool::new(target, timer)))
            }
            Self::Http { target, .. } => {
                Self::Http { target: target.clone(), opened: Arc::default() }
            }
        }
    }
}

/// What ends a call this long after it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallLimit {
    /// It is cancelled as planned.
    Cancelled(Duration),
    /// It has failed, because its deadline has passed.
    Failed(Duration),
}

impl CallLimit {
    /// The limit of a way's calls. A thread cannot be stopped from outside while it waits.
    pub(super) fn of(plan: &RacePlan, way: Way) -> Option<Self> {
        let cancelled = plan.cancel_after().filter(|_| way != Way::Threads);
        match (cancelled, plan.deadline()) {
            (Some(after), deadline) if deadline.is_none_or(|deadline| after <= deadline) => {
                Some(Self::Cancelled(after))
            }
            (_, deadline) => deadline.map(Self::Failed),
        }
    }
}

/// State that the calls of a way share.
#[derive(Debug, Clone)]
pub(super) struct WayContext {
    pub(super) caller: Caller,
    pub(super) delays: RaceDelays,
    pub(super) place: BehaviorPlace,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) timer: Timer,
    pub(super) start: Instant,
    pub(super) interrupt: CancellationToken,
    /// What ends a call that takes too long.
    pub(super) limit: Option<CallLimit>,
    /// The deadline that the server is told.
    pub(super) deadline: Option<Duration>,
    /// The maximum size of an answer in bytes.
    pub(super) most_answer_bytes: usize,
    pub(super) retried: RetryLog,
    pub(super) progress: WayProgress,
}

impl WayContext {
    pub(super) fn since_start(&self) -> Duration {
        self.since(self.timer.now())
    }

    fn since(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    /// The request of the call with this index.
    pub(super) fn asked(&self, index: usize) -> CallRequest {
        let mut asked = self.delays.asked(index);
        if self.place != BehaviorPlace::Message {
            asked.behavior.clear();
        }
        asked
    }

    /// Makes the call with this index.
    pub(super) async fn one(&self, index: usize) -> RaceCall {
        let (asked, fault) = (self.asked(index), self.delays.fault(index));
        match &self.caller {
            Caller::Grpc(connections) => {
                let permit = tokio::select! {
                    permit = connections.permit() => permit,
                    () = self.interrupt.cancelled() => return RaceCall::UNSENT,
                };
                let permit = match permit {
                    Ok(permit) => permit,
                    Err(error) => return self.row_of(&Stamps::default(), Err(error.into()), None),
                };
                let stamps = Stamps::default();
                let answer = self.unary(connections, permit, (&asked, fault), &stamps);
                self.row(&stamps, answer, fault).await
            }
            Caller::Http { target, opened } => {
                opened.fetch_add(1, Ordering::Relaxed);
                let (stamps, most) = (Stamps::default(), self.most_answer_bytes);
                // Boxed to keep the future of a call over gRPC small.
                let asked = (&asked, &*self.headers);
                let answer = Box::pin(http::get(target, asked, most, &self.timer, &stamps));
                self.row(&stamps, answer, fault).await
            }
        }
    }

    async fn unary(
        &self,
        connections: &ConnectionPool,
        permit: StreamPermit,
        (asked, fault): (&CallRequest, Option<&FaultClause>),
        stamps: &Stamps,
    ) -> Result<ReportedWait, CallFailure> {
        let request = || {
            let CallRequest { delay, behavior, call_id } = asked.clone();
            let delay = delay.map(to_proto);
            let message = LongSyncRequest { delay, behavior, call_id, ..Default::default() };
            (self.head(connections, "LongSync"), rpc::whole(&message))
        };
        let rpc = self.rpc(connections, stamps, ExpectedMessages::One);
        let mut answers = rpc.begin_with(permit, request, self.if_refused(fault)).await?;
        let mut timing = None;
        while let Some(answer) = answers.next::<LongSyncResponse>().await? {
            timing = answer.timing;
        }
        Ok(ReportedWait::from(timing.as_ref()))
    }

    pub(super) fn head(&self, connections: &ConnectionPool, name: &str) -> Request<()> {
        let metadata = MetadataMap::from_headers(HeaderMap::clone(&self.headers));
        rpc::head(connections.target().origin(), rpc::path(name), &metadata, self.deadline)
    }

    /// What happens if a call is refused that this fault hits, if that is known.
    pub(super) fn if_refused(&self, fault: Option<&FaultClause>) -> Refused {
        match self.delays.faults() {
            Some(faults) if !faults.allow_retries(fault) => Refused::HasFailed,
            _ => Refused::IsSentAgain,
        }
    }

    pub(super) fn rpc<'a>(
        &'a self,
        connections: &'a ConnectionPool,
        stamps: &'a Stamps,
        expected: ExpectedMessages,
    ) -> Rpc<'a> {
        let message_bytes = self.most_answer_bytes;
        let limits = AnswerLimits { message_bytes, expected, page_bytes: PAGE_BYTES };
        Rpc { connections, stamps, retried: &self.retried, limits }
    }

    /// Waits for the answer of a call that this fault hits, if that is known, until the race is interrupted or
    /// the call is to end.
    async fn row(
        &self,
        stamps: &Stamps,
        answer: impl Future<Output = Result<ReportedWait, CallFailure>>,
        fault: Option<&FaultClause>,
    ) -> RaceCall {
        self.progress.one_sent();
        let row = tokio::select! {
            answered = answer => self.row_of(stamps, answered, fault),
            () = self.interrupt.cancelled() => RaceCall { sent: self.sent(stamps), end: CallEnd::Unfinished },
            limit = self.limit_is_reached(stamps) => match limit {
                CallLimit::Cancelled(_) => {
                    RaceCall { sent: self.sent(stamps), end: CallEnd::Cancelled { done: self.since_start() } }
                }
                CallLimit::Failed(after) => {
                    self.row_of(stamps, Err(CallFailure::deadline(after)), fault)
                }
            }
        };
        self.progress.one_done();
        row
    }

    fn sent(&self, stamps: &Stamps) -> Option<Duration> {
        stamps.sent().map(|sent| self.since(sent))
    }

    fn row_of(
        &self,
        stamps: &Stamps,
        answered: Result<ReportedWait, CallFailure>,
        fault: Option<&FaultClause>,
    ) -> RaceCall {
        let done = stamps.done().map_or_else(|| self.since_start(), |done| self.since(done));
        let sent = self.sent(stamps);
        // A call that was not sent cannot have been hit.
        let fault = fault.filter(|fault| sent.is_some() && is_silent(fault));
        let end = match answered {
            Ok(told) => CallEnd::reported(done, told),
            Err(failed) => failed.explained_by(fault).at(done),
        };
        RaceCall { sent, end }
    }

    /// Waits until the call has taken as long as it may.
    pub(super) async fn limit_is_reached(&self, stamps: &Stamps) -> CallLimit {
        let Some(limit) = self.limit else { return pending().await };
        let (CallLimit::Cancelled(after) | CallLimit::Failed(after)) = limit;
        loop {
            let sent = stamps.sent();
            let from = sent.unwrap_or_else(|| self.timer.now());
            let Some(due) = from.checked_add(after) else { return pending().await };
            self.timer.sleep_until(due).await;
            // The call may have been sent after this wait began.
            if sent.is_some() && stamps.sent() == sent {
                return limit;
            }
        }
    }
}
