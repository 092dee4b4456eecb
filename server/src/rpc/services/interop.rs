//! `grpc.testing.TestService`, with which gRPC's own clients test a server: as much of it as they need for the
//! cases that concern servers (gRPC's interop-test-descriptions.md). Served only with `--interop`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{future, vec};

use bytes::Bytes;
use longsync::testing::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};
use longsync_timer::{Sleep, WakeReason};
use prost::Message;
use tokio_stream::Stream;
use tonic::Code;

use super::side_slot::SideSlot;
use crate::body::batches::MessageStream;
use crate::body::intake::Intake;
use crate::body::messages::{ReceivedMessage, Requests};
use crate::call::Call;
use crate::call::ending::Ending;
use crate::call::plan::AnswerPayload;
use crate::call::refusal::Refusal;
use crate::rpc::draft::Draft;
use crate::rpc::{BoxMessages, Handler};

/// The full name of the service.
const SERVICE_NAME: &str = "grpc.testing.TestService";

/// The longest message of a status that a call can ask for, in bytes: it becomes a header.
const MAX_MESSAGE_BYTES: usize = 1_024;

/// What a call is assumed to cost besides its messages: as much as a stream of health.
const CALL_BYTES: u64 = 6 * 1024;

/// The handler for the calls of this method, if this is the service.
pub(super) fn find(service: &str, method: &str) -> Option<Handler> {
    if service != SERVICE_NAME {
        return None;
    }
    Some(match method {
        "EmptyCall" => empty_call,
        "UnaryCall" => unary_call,
        "StreamingOutputCall" => streaming_output_call,
        "StreamingInputCall" => streaming_input_call,
        "FullDuplexCall" => full_duplex_call,
        _ => return None,
    })
}

/// Whether a path is that of one of its methods.
pub(crate) fn serves(path: &str) -> bool {
    method(path).is_some()
}

/// Whether the requests of the method at this path are streams.
pub(crate) fn streams_requests(path: &str) -> bool {
    matches!(method(path), Some("StreamingInputCall" | "FullDuplexCall"))
}

fn method(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.strip_prefix(SERVICE_NAME)?.strip_prefix('/')
}

fn empty_call(call: Arc<Call>, intake: Intake) -> BoxMessages {
    Box::pin(async move {
        let slot = SideSlot::of_stream(Arc::clone(&call), CALL_BYTES)?;
        Requests::<Empty>::new(intake).one().await?;
        Ok(one(call, Empty {}, slot))
    })
}

fn unary_call(call: Arc<Call>, intake: Intake) -> BoxMessages {
    Box::pin(async move {
        let slot = SideSlot::of_stream(Arc::clone(&call), CALL_BYTES)?;
        let SimpleRequest { response_size, response_status, .. } =
            Requests::new(intake).one().await?.message;
        as_asked(response_status)?;
        let size = allowed(&call, "response_size", response_size)?;
        Ok(one(call, SimpleResponse { payload: Some(zeros(size)) }, slot))
    })
}

fn streaming_input_call(call: Arc<Call>, intake: Intake) -> BoxMessages {
    Box::pin(async move {
        let slot = SideSlot::of_stream(Arc::clone(&call), CALL_BYTES)?;
        let mut requests = Requests::<StreamingInputCallRequest>::new(intake);
        let mut sum = 0_usize;
        while let Some(ReceivedMessage { message, arrived }) = requests.next().await? {
            sum += message.payload.map_or(0, |payload| payload.body.len());
            call.release(arrived.held);
        }
        let aggregated_payload_size = i32::try_from(sum).unwrap_or(i32::MAX);
        Ok(one(call, StreamingInputCallResponse { aggregated_payload_size }, slot))
    })
}

fn streaming_output_call(call: Arc<Call>, intake: Intake) -> BoxMessages {
    Box::pin(async move {
        let slot = SideSlot::of_stream(Arc::clone(&call), CALL_BYTES)?;
        let request = Requests::new(intake).one().await?.message;
        let mut outputs = Outputs::new(call, None, slot);
        outputs.take(request)?;
        Ok(Box::pin(outputs) as MessageStream)
    })
}

fn full_duplex_call(call: Arc<Call>, intake: Intake) -> BoxMessages {
    let slot = SideSlot::of_stream(Arc::clone(&call), CALL_BYTES);
    Box::pin(future::ready(slot.map_err(Ending::from).map(|slot| {
        Box::pin(Outputs::new(call, Some(Requests::new(intake)), slot)) as MessageStream
    })))
}

/// The only answer of a call.
fn one<M: Message + 'static>(call: Arc<Call>, message: M, slot: SideSlot) -> MessageStream {
    let draft = Some(Box::new(Draft::new(message, AnswerPayload::Empty)));
    Box::pin(OneOutput { call, draft, _slot: slot })
}

struct OneOutput<M> {
    call: Arc<Call>,
    draft: Option<Box<Draft<M>>>,
    _slot: SideSlot,
}

impl<M: Message> Stream for OneOutput<M> {
    type Item = Result<Bytes, Ending>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(draft) = &self.draft else { return Poll::Ready(None) };
        ready!(draft.poll_room(&self.call, cx))?;
        Poll::Ready(self.draft.take().map(|draft| Ok(draft.framed())))
    }
}

/// The answers that requests ask for, each after its own interval.
struct Outputs {
    call: Arc<Call>,
    /// [`None`] if there was only one.
    requests: Option<Requests<StreamingOutputCallRequest>>,
    asked: vec::IntoIter<ResponseParameters>,
    /// How many bytes are held for them.
    asked_bytes: u64,
    interval: Option<Pin<Box<Sleep>>>,
    /// The size of the answer that comes after it.
    size: Option<u32>,
    draft: Option<Box<Draft<StreamingOutputCallResponse>>>,
    _slot: SideSlot,
}

impl Outputs {
    fn new(
        call: Arc<Call>,
        requests: Option<Requests<StreamingOutputCallRequest>>,
        slot: SideSlot,
    ) -> Self {
        Self {
            call,
            requests,
            asked: Vec::new().into_iter(),
            asked_bytes: 0,
            interval: None,
            size: None,
            draft: None,
            _slot: slot,
        }
    }

    fn take(&mut self, request: StreamingOutputCallRequest) -> Result<(), Refusal> {
        as_asked(request.response_status)?;
        // A request of few bytes can ask for very many answers.
        let bytes = size_of_val(&request.response_parameters[..]) as u64;
        self.call.hold(bytes)?;
        (self.asked, self.asked_bytes) = (request.response_parameters.into_iter(), bytes);
        Ok(())
    }

    fn begin(&mut self, asked: ResponseParameters) -> Result<(), Ending> {
        let interval = self.interval(asked.interval_us)?;
        self.size = Some(allowed(&self.call, "response_parameters.size", asked.size)?);
        if !interval.is_zero() {
            let sleep = self.call.sleep(interval).ok_or(Ending::Drained)?;
            self.interval = Some(Box::pin(sleep));
        }
        Ok(())
    }

    fn interval(&self, micros: i32) -> Result<Duration, Refusal> {
        let most = self.call.limits().max_delay;
        let interval = u64::try_from(micros).ok().map(Duration::from_micros);
        interval.filter(|interval| *interval <= most).ok_or_else(|| {
            let why = format!("{micros} is not allowed: send 0 to {}", most.as_micros());
            Refusal::invalid("response_parameters.interval_us", why)
        })
    }
}

impl Stream for Outputs {
    type Item = Result<Bytes, Ending>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(interval) = &mut this.interval {
                if ready!(interval.as_mut().poll(cx)) == WakeReason::Fired {
                    return Poll::Ready(Some(Err(Ending::Drained)));
                }
                this.interval = None;
            }
            if let Some(size) = this.size.take() {
                let message = StreamingOutputCallResponse { payload: Some(zeros(size)) };
                this.draft = Some(Box::new(Draft::new(message, AnswerPayload::Empty)));
            }
            if let Some(draft) = &this.draft {
                ready!(draft.poll_room(&this.call, cx))?;
                return Poll::Ready(this.draft.take().map(|draft| Ok(draft.framed())));
            }
            if let Some(asked) = this.asked.next() {
                this.begin(asked)?;
                continue;
            }
            this.call.release(std::mem::take(&mut this.asked_bytes));
            let Some(requests) = &mut this.requests else { return Poll::Ready(None) };
            let Some(received) = ready!(requests.poll_next(cx)) else { return Poll::Ready(None) };
            let ReceivedMessage { message, arrived } = received?;
            this.call.release(arrived.held);
            this.take(message)?;
        }
    }
}

/// Ends a call with the status that it asks for, unless that is OK.
fn as_asked(status: Option<EchoStatus>) -> Result<(), Refusal> {
    match status {
        Some(EchoStatus { message, .. }) if message.len() > MAX_MESSAGE_BYTES => {
            let bytes = message.len();
            let why = format!("{bytes} bytes are too many: send at most {MAX_MESSAGE_BYTES}");
            Err(Refusal::invalid("response_status.message", why))
        }
        Some(EchoStatus { code, message }) if code != 0 => {
            Err(Refusal::Asked { code: Code::from_i32(code), message })
        }
        _ => Ok(()),
    }
}

/// The size of a payload, which `field` asks for.
fn allowed(call: &Call, field: &str, size: i32) -> Result<u32, Refusal> {
    let most = call.limits().max_response_bytes;
    u32::try_from(size).ok().filter(|size| *size <= most).ok_or_else(|| {
        Refusal::invalid(field, format!("{size} is not allowed: ask for 0 to {most} bytes"))
    })
}

fn zeros(size: u32) -> Payload {
    Payload { body: vec![0; size as usize].into() }
}
