//! `LongSync` without the generated service: while such a call waits, only what it needs to answer is
//! in memory. It answers as the generated service does; the tests of `LongSync` run over both.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{BufMut as _, Bytes, BytesMut};
use longsync::v1::{LongSyncRequest, LongSyncResponse};
use prost::Message as _;
use tonic::Status;

use super::{refuse, unary};
use crate::call::Call;
use crate::intake::{Arrived, Intake};
use crate::plan::{Ask, Plan};
use crate::wait::Wait;

/// A byte of flags and four of length stand before each message (gRPC's PROTOCOL-HTTP2.md).
const PREFIX: usize = 5;

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
    bytes: Bytes,
    arrived: Option<Arrived>,
}

struct Waiting {
    wait: Wait,
    plan: Plan,
    received_at: SystemTime,
}

impl Answer {
    pub(crate) fn new(call: Arc<Call>, intake: Intake) -> Self {
        let reading = Reading { intake, bytes: Bytes::new(), arrived: None };
        Self { call, phase: Phase::Reading(Box::new(reading)) }
    }
}

impl Future for Answer {
    type Output = Result<Bytes, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { call, phase } = &mut *self;
        loop {
            match phase {
                Phase::Reading(reading) => {
                    let message = ready!(reading.poll_message(cx))?;
                    *phase = Phase::Waiting(begin_wait(call, &message)?);
                }
                Phase::Waiting(Waiting { wait, .. }) => {
                    let spent = ready!(call.poll_wait(*wait));
                    let over = std::mem::replace(phase, Phase::Over);
                    let Phase::Waiting(Waiting { plan, received_at, .. }) = over else { continue };
                    return Poll::Ready(Ok(framed(&unary::response(
                        call,
                        plan,
                        spent,
                        received_at,
                    ))));
                }
                Phase::Over => return Poll::Pending,
            }
        }
    }
}

/// The one message of a unary request.
struct Received {
    request: LongSyncRequest,
    arrived: Arrived,
}

impl Reading {
    /// Reads to the end of the request, which a client may send after its message.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Received, Status>> {
        while !(self.arrived.is_some() && self.intake.is_end_stream()) {
            let arrived = &mut self.arrived;
            let frame = self.intake.poll_frame(cx, |message| {
                arrived.get_or_insert(message);
            });
            match ready!(frame) {
                None => break,
                Some(Err(why)) => return Poll::Ready(Err(Status::internal(why.to_string()))),
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        self.keep(chunk);
                    }
                }
            }
        }
        Poll::Ready(self.decode())
    }

    /// A message nearly always comes whole: then its chunk is not copied.
    fn keep(&mut self, chunk: Bytes) {
        if self.bytes.is_empty() {
            self.bytes = chunk;
        } else {
            let mut joined = BytesMut::from(std::mem::take(&mut self.bytes));
            joined.extend_from_slice(&chunk);
            self.bytes = joined.freeze();
        }
    }

    fn decode(&mut self) -> Result<Received, Status> {
        let Some(arrived) = self.arrived else {
            return Err(Status::internal("the request ended before its message was whole"));
        };
        if self.bytes[0] != 0 {
            return Err(Status::internal(
                "the message says that it is compressed, and the call does not say how",
            ));
        }
        let length = usize::try_from(arrived.bytes).unwrap_or(usize::MAX).min(self.bytes.len());
        let request = LongSyncRequest::decode(self.bytes.slice(PREFIX..length))
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(Received { request, arrived })
    }
}

fn begin_wait(call: &Call, message: &Received) -> Result<Waiting, Status> {
    let Received { request, arrived } = message;
    let received_at = call.received(&request.call_id);
    let plan = call.plan(Ask::from(request)).map_err(|why| refuse(call, why))?;
    call.release(arrived.bytes.saturating_sub(plan.payload.held_bytes()));
    Ok(Waiting { wait: Wait { start: arrived.at, planned: plan.delay }, plan, received_at })
}

/// A message as a gRPC body has it.
pub(crate) fn framed(message: &impl prost::Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode(&mut bytes).expect("there is room for the message");
    bytes.freeze()
}
