//! `LongSync` without the generated service: while such a call waits, only what it needs to answer is
//! in memory. It answers as the generated service does; the tests of `LongSync` run over both.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use longsync::v1::LongSyncRequest;
use prost::Message as _;
use tonic::Status;

use super::{refuse, unary};
use crate::call::Call;
use crate::framing::PREFIX;
use crate::intake::{Arrived, Intake};
use crate::plan::{Ask, Plan};
use crate::wait::{Spent, Wait};

/// The answer to a unary call, on its way: the encoded message with its prefix.
pub(crate) struct Answer {
    call: Arc<Call>,
    phase: Phase,
}

enum Phase {
    /// Boxed, so that it does not take room while the call waits.
    Reading(Box<Reading>),
    Waiting(Waiting),
    Over,
}

struct Reading {
    intake: Intake,
    /// What has come so far, from the prefix on.
    bytes: Kept,
    arrived: Option<Arrived>,
}

/// Bytes of a message.
enum Kept {
    /// A message nearly always comes whole: then its chunk is not copied.
    Whole(Bytes),
    /// A chunk keeps all of the buffer alive that its read came in: pieces are copied out of it.
    Pieces(BytesMut),
}

struct Waiting {
    /// What comes behind the message: its end, or what must not be there.
    rest: Option<Box<Reading>>,
    wait: Wait,
    /// Once the wait is over.
    spent: Option<Spent>,
    plan: Plan,
    received_at: SystemTime,
}

impl Answer {
    pub(crate) fn new(call: Arc<Call>, intake: Intake) -> Self {
        let bytes = Kept::Whole(Bytes::new());
        let reading = Reading { intake, bytes, arrived: None };
        Self { call, phase: Phase::Reading(Box::new(reading)) }
    }
}

impl Future for Answer {
    type Output = Result<Bytes, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { call, phase } = &mut *self;
        if let Phase::Reading(reading) = phase {
            let message = ready!(reading.poll_message(cx))?;
            let Phase::Reading(reading) = mem::replace(phase, Phase::Over) else {
                return Poll::Pending;
            };
            *phase = Phase::Waiting(begin_wait(call, &message, reading)?);
        }
        let Phase::Waiting(waiting) = phase else { return Poll::Pending };
        ready!(waiting.poll_over(call, cx))?;
        let Phase::Waiting(waiting) = mem::replace(phase, Phase::Over) else {
            return Poll::Pending;
        };
        waiting.poll_answer(call, phase, cx)
    }
}

/// The one message of a unary request.
struct Received {
    request: LongSyncRequest,
    arrived: Arrived,
}

impl Reading {
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Status>> {
        while self.arrived.is_none() {
            if ready!(self.poll_more(cx)?).is_none() {
                break;
            }
        }
        Poll::Ready(self.decode())
    }

    /// Reads to the end of the request, which a client may send after its message.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        while !self.intake.is_end_stream() {
            if ready!(self.poll_more(cx)?).is_none() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// [`None`]: it has ended.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<()>, Status>> {
        let arrived = &mut self.arrived;
        let frame = self.intake.poll_frame(cx, |message| {
            arrived.get_or_insert(message);
        });
        Poll::Ready(match ready!(frame) {
            None => Ok(None),
            Some(Err(why)) => Err(Status::internal(why.to_string())),
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    self.keep(chunk);
                }
                Ok(Some(()))
            }
        })
    }

    fn keep(&mut self, chunk: Bytes) {
        match &mut self.bytes {
            Kept::Whole(bytes) if bytes.is_empty() && self.arrived.is_some() => *bytes = chunk,
            Kept::Whole(bytes) => {
                let mut pieces = BytesMut::from(&bytes[..]);
                pieces.extend_from_slice(&chunk);
                self.bytes = Kept::Pieces(pieces);
            }
            Kept::Pieces(pieces) => pieces.extend_from_slice(&chunk),
        }
    }

    /// The message, of which nothing stays behind.
    fn decode(&mut self) -> Result<Received, Status> {
        let bytes = match mem::replace(&mut self.bytes, Kept::Whole(Bytes::new())) {
            Kept::Whole(bytes) => bytes,
            Kept::Pieces(pieces) => pieces.freeze(),
        };
        let Some(arrived) = self.arrived else {
            return Err(Status::internal("the request ended before its message was whole"));
        };
        if bytes[0] != 0 {
            return Err(Status::internal(
                "the message says that it is compressed, and the call does not say how",
            ));
        }
        let request = LongSyncRequest::decode(bytes.slice(PREFIX..))
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(Received { request, arrived })
    }
}

impl Waiting {
    /// Ready when the wait is over and the request has ended.
    fn poll_over(&mut self, call: &Call, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        if let Some(rest) = &mut self.rest
            && rest.poll_end(cx)?.is_ready()
        {
            self.rest = None;
        }
        if self.spent.is_none()
            && let Poll::Ready(spent) = call.poll_wait(self.wait)
        {
            self.spent = Some(spent);
        }
        if self.spent.is_some() && self.rest.is_none() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    /// The answer, once there is room for it; until then the wait goes back into its phase.
    fn poll_answer(
        self,
        call: &Call,
        phase: &mut Phase,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, Status>> {
        let Self { plan, spent, received_at, wait, .. } = self;
        let draft = unary::draft(call, plan.clone(), spent.unwrap_or_default(), received_at);
        match draft.poll_room(call, cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(draft.into_framed())),
            Poll::Ready(Err(why)) => Poll::Ready(Err(refuse(call, why))),
            Poll::Pending => {
                *phase = Phase::Waiting(Self { rest: None, wait, spent, plan, received_at });
                Poll::Pending
            }
        }
    }
}

fn begin_wait(call: &Call, message: &Received, reading: Box<Reading>) -> Result<Waiting, Status> {
    let Received { request, arrived } = message;
    let received_at = call.received(&request.call_id);
    let plan = call.plan(Ask::from(request)).map_err(|why| refuse(call, why))?;
    call.release(arrived.bytes.saturating_sub(plan.payload.held_bytes()));
    let rest = Some(reading).filter(|reading| !reading.intake.is_end_stream());
    let wait = Wait { start: arrived.at, planned: plan.delay };
    Ok(Waiting { rest, wait, spent: None, plan, received_at })
}
