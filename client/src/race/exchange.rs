//! The calls of a race that are messages of one bidirectional stream.

use std::sync::{Arc, Mutex, PoisonError};

use longsync::duration::to_proto;
use longsync::v1::{LongSyncExchangeRequest, LongSyncExchangeResponse};
use longsync_behavior::{Fault, FaultClause};

use crate::race::call_failure::CallFailure;
use crate::race::calls::{CallLimit, Caller, WayContext};
use crate::race::delays::CallRequest;
use crate::race::faults::{RaceFaults, is_silent};
use crate::race::kept_text::kept;
use crate::race::outcome::{CallEnd, RaceCall};
use crate::race::reported_wait::ReportedWait;
use longsync_connect::Stamps;
use longsync_connect::answer::ExpectedMessages;
use longsync_connect::rpc;
use longsync_connect::status::failure_name;

/// How the messages of one exchange ended.
#[derive(Debug)]
pub(super) struct ExchangeResult {
    pub(super) rows: Vec<RaceCall>,
    /// The bad end of the stream itself, if no row shows it because all rows had ended before.
    pub(super) untold: Option<CallEnd>,
}

impl WayContext {
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
            None => CallEnd::reported(done, answer.timing.as_ref().into()),
            Some(failure) => {
                let failure = CallFailure {
                    status: failure_name(failure.code).to_owned(),
                    message: kept(&failure.message),
                    reported: ReportedWait::from(answer.timing.as_ref()).boxed(),
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
