//! One call of a race, in any way, and its row.

use std::future::{Future, pending};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, Request};
use longsync::duration::to_proto;
use longsync::v1::{
    LongSyncExchangeRequest, LongSyncExchangeResponse, LongSyncRequest, LongSyncResponse,
};
use longsync_behavior::{Fault, FaultClause};
use longsync_timer::Timer;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;

use crate::race::call_failure::{CallFailure, kept};
use crate::race::delays::{CallRequest, RaceDelays};
use crate::race::faults::{RaceFaults, is_silent};
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
use longsync_connect::status::failure_name;

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

/// How the messages of one exchange ended.
#[derive(Debug)]
pub(super) struct ExchangeResult {
    pub(super) rows: Vec<RaceCall>,
    /// The bad end of the stream itself, if no row shows it because all rows had ended before.
    pub(super) untold: Option<CallEnd>,
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
    fn asked(&self, index: usize) -> CallRequest {
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

    fn head(&self, connections: &ConnectionPool, name: &str) -> Request<()> {
        let metadata = MetadataMap::from_headers(HeaderMap::clone(&self.headers));
        rpc::head(connections.target().origin(), rpc::path(name), &metadata, self.deadline)
    }

    /// What happens if a call is refused that this fault hits, if that is known.
    fn if_refused(&self, fault: Option<&FaultClause>) -> Refused {
        match self.delays.faults() {
            Some(faults) if !faults.allow_retries(fault) => Refused::HasFailed,
            _ => Refused::IsSentAgain,
        }
    }

    fn rpc<'a>(
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
            Ok(told) => told.at(done),
            Err(failed) => failed.explained_by(fault).at(done),
        };
        RaceCall { sent, end }
    }

    /// Waits until the call has taken as long as it may.
    async fn limit_is_reached(&self, stamps: &Stamps) -> CallLimit {
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

    /// Makes the calls that start at `first` as messages of one bidirectional stream.
    pub(super) async fn one_stream(&self, first: usize, messages: usize) -> ExchangeResult {
        let rows = Arc::new(Mutex::new(vec![RaceCall::UNSENT; messages]));
        let stamps = Stamps::default();
        let fault = self.delays.faults().and_then(|faults| faults.of_stream(first));
        let end = tokio::select! {
            ended = self.answers((first, fault), messages, &rows, &stamps) => match ended {
                Ok(()) => None,
                Err(failed) => Some(self.end_of_stream(failed, fault)),
            },
            () = self.interrupt.cancelled() => Some(CallEnd::Unfinished),
            limit = self.limit_is_reached(&stamps) => Some(match limit {
                CallLimit::Cancelled(_) => CallEnd::Cancelled { done: self.since_start() },
                CallLimit::Failed(after) => self.end_of_stream(CallFailure::deadline(after), fault),
            }),
        };
        let mut rows = lock(&rows).clone();
        let open = rows.iter_mut().enumerate().filter(|(_, row)| row.end == CallEnd::Unfinished);
        for (position, row) in open {
            row.end = match &end {
                Some(CallEnd::Failed { .. }) if self.is_known_to_hang(first, position) => {
                    self.unanswered()
                }
                Some(end) => end.clone(),
                None => self.unanswered(),
            };
            if row.sent.is_some() {
                self.progress.one_done();
            }
        }
        let untold = end.filter(|end| !rows.iter().any(|row| row.end.is_like(end)));
        ExchangeResult { rows, untold }
    }

    fn end_of_stream(&self, failed: CallFailure, fault: Option<&FaultClause>) -> CallEnd {
        let fault = fault.filter(|fault| is_silent(fault));
        failed.explained_by(fault).at(self.since_start())
    }

    async fn answers(
        &self,
        (first, fault): (usize, Option<&FaultClause>),
        messages: usize,
        rows: &Arc<Mutex<Vec<RaceCall>>>,
        stamps: &Stamps,
    ) -> Result<(), CallFailure> {
        let Caller::Grpc(connections) = &self.caller else {
            unreachable!("a plan with an exchange over HTTP/1.1 is refused")
        };
        let permit = connections.permit().await?;
        let request = || {
            let (calls, rows, stamps) = (self.clone(), Arc::clone(rows), stamps.clone());
            let requests = (0..messages).map(move |index| {
                stamps.set_sent(calls.timer.now());
                let sent = &mut lock(&rows)[index].sent;
                // A retry keeps the time of the first attempt.
                if sent.is_none() {
                    *sent = Some(calls.since_start());
                    calls.progress.one_sent();
                }
                let CallRequest { delay, behavior, call_id } = calls.asked(first + index);
                LongSyncExchangeRequest {
                    delay: delay.map(to_proto),
                    behavior,
                    call_id,
                    id: index as u64,
                    ..Default::default()
                }
            });
            (self.head(connections, "LongSyncExchange"), rpc::open(requests))
        };
        let rpc = self.rpc(connections, stamps, self.expected(messages as u64));
        let mut answers = rpc.begin_with(permit, request, self.if_refused(fault)).await?;
        while let Some(answer) = answers.next::<LongSyncExchangeResponse>().await? {
            let mut rows = lock(rows);
            let row = usize::try_from(answer.id).ok().and_then(|index| rows.get_mut(index));
            let Some(row) = row.filter(|row| row.sent.is_some()) else {
                return Err(rpc::answered_unsent(answer.id).into());
            };
            if row.end != CallEnd::Unfinished {
                // It is not known which of the two answers is the right one.
                let twice = || CallFailure::from(rpc::answered_twice(answer.id));
                row.end = twice().at(self.since_start());
                return Err(twice());
            }
            row.end = self.end_of(&answer);
            self.progress.one_done();
        }
        Ok(())
    }

    fn end_of(&self, answer: &LongSyncExchangeResponse) -> CallEnd {
        let done = self.since_start();
        match &answer.failure {
            None => ReportedWait::from(answer.timing.as_ref()).at(done),
            Some(failure) => {
                let failure = CallFailure {
                    status: failure_name(failure.code).to_owned(),
                    message: kept(&failure.message),
                    reported: ReportedWait::from(answer.timing.as_ref()),
                };
                failure.at(done)
            }
        }
    }

    /// How many of these messages are answered: a hung one does not keep its stream from ending well.
    fn expected(&self, messages: u64) -> ExpectedMessages {
        let hang = self.delays.faults().and_then(RaceFaults::hang);
        hang.map_or(ExpectedMessages::Matched(messages), |_| ExpectedMessages::AtMost(messages))
    }

    /// The end of a message that its stream never answered.
    fn unanswered(&self) -> CallEnd {
        let hang = self.delays.faults().and_then(RaceFaults::hang);
        CallFailure::unanswered().explained_by(hang).at(self.since_start())
    }

    fn is_known_to_hang(&self, first: usize, position: usize) -> bool {
        let fault = self.delays.faults().and_then(|faults| faults.of_message(first, position));
        fault.is_some_and(|clause| *clause.fault() == Fault::Hang)
    }
}

fn lock(rows: &Mutex<Vec<RaceCall>>) -> std::sync::MutexGuard<'_, Vec<RaceCall>> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}
