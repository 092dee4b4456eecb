//! `LongSyncStream`: answers `count` times, each time after a separate delay.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use longsync::v1::{LongSyncStreamRequest, LongSyncStreamResponse};
use longsync_behavior::{FaultClause, FaultMoment};
use tokio_stream::{Stream, StreamExt as _};

use super::BoxMessages;
use super::draft::Draft;
use crate::body::batches::MessageStream;
use crate::body::intake::Intake;
use crate::body::messages::{ReceivedMessage, Requests};
use crate::call::Call;
use crate::call::ending::Ending;
use crate::call::plan::{self, Ask, Plan};
use crate::call::refusal::Refusal;
use crate::call::wait::{Wait, WaitTimes};

/// The answers. Each is due its delay after the due time of the previous one, so lateness does not add up.
/// The next wait does not begin while the client leaves ready answers untaken.
#[derive(Debug)]
pub(crate) struct StreamAnswers {
    call: Arc<Call>,
    plan: Plan,
    received_at: SystemTime,
    /// The wait for the next answer. Between two waits, only the start of the next is known.
    wait: Wait,
    /// The time until which the client may have held up the current wait.
    free: Instant,
    phase: Phase,
    index: u32,
    count: u32,
}

#[derive(Debug)]
enum Phase {
    /// The previous answer is out, or the request has arrived.
    Between,
    Waiting,
    /// The wait is over, and the answer waits for room.
    Making(Box<Draft<LongSyncStreamResponse>>),
}

pub(super) fn answer(call: Arc<Call>, intake: Intake) -> BoxMessages {
    // Boxed separately, so that it takes no room in the future that waits for it, or afterwards.
    let request = Box::pin(Requests::<LongSyncStreamRequest>::new(intake).one());
    Box::pin(async move {
        let mut answers = Box::pin(StreamAnswers::new(&call, &request.await?)?);
        // Without any answer there are no headers either.
        if answers.ends_before_an_answer()
            && let Some(Err(ending)) = answers.next().await
        {
            return Err(ending);
        }
        Ok(answers as MessageStream)
    })
}

impl StreamAnswers {
    fn new(
        call: &Arc<Call>,
        received: &ReceivedMessage<LongSyncStreamRequest>,
    ) -> Result<Self, Refusal> {
        let ReceivedMessage { message, arrived } = received;
        let (mut plan, received_at) = call.plan(Ask::from(message), 0, arrived.at)?;
        let count = plan::count(message.count, call.limits())?;
        call.keep(plan.held_bytes(), arrived.held)?;
        call.count_attempt(&mut plan, "");
        let ends_at_once =
            plan.fault_at(FaultMoment::Before).is_some_and(|fault| fault.at().min(count) == 0);
        let wait = if ends_at_once {
            Wait::new(arrived.at, plan.delay())
        } else {
            call.first_wait(arrived.at, &plan)
        };
        Ok(Self {
            call: Arc::clone(call),
            plan,
            received_at,
            wait,
            // By now, the request has been read to its end.
            free: call.last_read(),
            phase: Phase::Between,
            index: 0,
            count,
        })
    }

    /// Plans the wait for the next answer. The first was planned with the call.
    fn plan_wait(&mut self) {
        if self.index > 0 {
            let start = if self.call.was_kept_away() { self.call.now() } else { self.wait.start };
            let delay = self.call.draw(&self.plan.applied, self.index.into());
            self.wait = Wait::new(start, delay);
        }
    }

    /// The fault that takes the place of the next answer at this moment. With fewer answers than it lets go
    /// out, it takes the place of the end.
    fn fault_now(&self, moment: FaultMoment) -> Option<Arc<FaultClause>> {
        let fault = self.plan.fault_at(moment)?;
        (self.index == fault.at().min(self.count)).then(|| Arc::clone(fault))
    }

    /// Whether a fault takes the place of its first answer, or of its end if there are no answers.
    fn ends_before_an_answer(&self) -> bool {
        self.fault_now(FaultMoment::Before).or_else(|| self.fault_now(FaultMoment::After)).is_some()
    }

    /// The fault that comes before the wait for the next answer.
    fn fault_between(&self) -> Option<Arc<FaultClause>> {
        let at_end = || {
            let is_end = self.index == self.count;
            // Envoy's delay comes first even if there are no answers.
            self.fault_now(FaultMoment::After).filter(|fault| is_end && !fault.is_abort())
        };
        self.fault_now(FaultMoment::Before).or_else(at_end)
    }

    fn draft(&self, spent: WaitTimes) -> Draft<LongSyncStreamResponse> {
        let message = LongSyncStreamResponse {
            message: longsync::DONE.to_owned(),
            timing: Some(self.call.timing(
                spent,
                &self.plan.applied,
                self.plan.fault.as_deref().filter(|fault| fault.is_answered()),
                self.received_at,
            )),
            index: self.index,
            ..LongSyncStreamResponse::default()
        };
        Draft::with_shared(message, self.plan.payload.clone())
    }
}

impl Stream for StreamAnswers {
    type Item = Result<Bytes, Ending>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.phase, Phase::Between) {
                Phase::Between => {
                    if let Some(fault) = this.fault_between() {
                        return Poll::Ready(Some(Err(this.call.ending_by(&fault))));
                    }
                    if this.index == 0 {
                        this.call.begins_answer(this.plan.fault.as_ref());
                    }
                    if this.index == this.count && !this.plan.is_aborted() {
                        return Poll::Ready(None);
                    }
                    this.call.expect_fault(this.fault_now(FaultMoment::After).as_deref());
                    this.plan_wait();
                    this.phase = Phase::Waiting;
                }
                Phase::Waiting => {
                    let wait = this.wait;
                    let was_kept_away = this.call.was_kept_away();
                    let Poll::Ready(spent) = this.call.poll_wait_held_up(wait, this.free, cx)
                    else {
                        this.phase = Phase::Waiting;
                        return Poll::Pending;
                    };
                    if let Some(fault) = this.fault_now(FaultMoment::After) {
                        let ending = this.call.ending_after(&fault, wait, spent);
                        return Poll::Ready(Some(Err(ending)));
                    }
                    let start = if was_kept_away { this.call.now() } else { wait.due() };
                    this.wait.start = start;
                    this.phase = Phase::Making(Box::new(this.draft(spent)));
                }
                Phase::Making(draft) => {
                    let Poll::Ready(room) = draft.poll_room(&this.call, cx) else {
                        this.phase = Phase::Making(draft);
                        return Poll::Pending;
                    };
                    this.index += 1;
                    return Poll::Ready(Some(match room {
                        Ok(()) => Ok(draft.framed()),
                        Err(why) => Err(why.into()),
                    }));
                }
            }
        }
    }
}
