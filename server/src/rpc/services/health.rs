//! `grpc.health.v1.Health`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use longsync::frame::encoded;
use longsync_text::quoted;
use std::sync::Arc;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::side_slot::SideSlot;
use crate::body::batches::MessageStream;
use crate::body::intake::Intake;
use crate::body::messages::Requests;
use crate::call::Call;
use crate::call::refusal::Refusal;
use crate::rpc::BoxMessages;
use crate::shared::health::KNOWN_SERVICES;

/// What a `Watch` is taken to cost: an idle one takes 2.1 KiB, one whose request is on its way 5.1 KiB.
/// That was measured as growth of RSS by 4,800 streams on 300 connections of one worker.
const WATCH_BYTES: u64 = 6 * 1024;

/// What a check is taken to cost, measured as above: one whose request is on its way takes 5.1 KiB.
const CHECK_BYTES: u64 = 6 * 1024;

/// Says how a service is.
pub(super) fn check(call: Arc<Call>, intake: Intake) -> BoxMessages {
    // It is not refused for want of memory, unless its connection has very many of them unread.
    let slot = match call.hold(CHECK_BYTES) {
        Ok(()) => Ok(None),
        Err(_) => SideSlot::of_check(Arc::clone(&call)).map(Some),
    };
    let asked = Requests::new(intake).one();
    Box::pin(async move {
        let slot = slot?;
        let message = checked(&asked.await?.message, call.health())?;
        Ok(Box::pin(CheckAnswer { message: Some(encoded(&message)), _slot: slot }) as MessageStream)
    })
}

/// The answer to a check, which keeps its slot until it is out.
struct CheckAnswer {
    message: Option<Bytes>,
    _slot: Option<SideSlot>,
}

impl Stream for CheckAnswer {
    type Item = Result<Bytes, Refusal>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.message.take().map(Ok))
    }
}

fn checked(asked: &HealthCheckRequest, now: ServingStatus) -> Result<HealthCheckResponse, Refusal> {
    if is_known(&asked.service) {
        return Ok(response(now));
    }
    let [_, service] = KNOWN_SERVICES;
    Err(Refusal::NotFound(format!(
        "no service {} here: leave the name empty, or say {service}",
        quoted(&asked.service)
    )))
}

/// Says how a service is, and goes on to say so whenever that changes.
pub(super) fn watch(call: Arc<Call>, intake: Intake) -> BoxMessages {
    let slot = SideSlot::of_stream(Arc::clone(&call), WATCH_BYTES);
    let asked = Requests::<HealthCheckRequest>::new(intake).one();
    Box::pin(async move {
        let slot = slot?;
        let asked = asked.await?;
        Ok(Box::pin(Statuses {
            is_known: is_known(&asked.message.service),
            now: WatchStream::new(call.watch_health()),
            said: None,
            _slot: slot,
        }) as MessageStream)
    })
}

/// The statuses of one service, each of them once.
struct Statuses {
    is_known: bool,
    /// The server's status, whenever it changes.
    now: WatchStream<ServingStatus>,
    said: Option<ServingStatus>,
    _slot: SideSlot,
}

impl Stream for Statuses {
    type Item = Result<Bytes, Refusal>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while let Some(now) = ready!(Pin::new(&mut this.now).poll_next(cx)) {
            // A service that is not here stays unknown, whatever becomes of the server.
            let status = if this.is_known { now } else { ServingStatus::ServiceUnknown };
            if this.said.replace(status) != Some(status) {
                return Poll::Ready(Some(Ok(encoded(&response(status)))));
            }
        }
        Poll::Ready(None)
    }
}

fn is_known(name: &str) -> bool {
    KNOWN_SERVICES.contains(&name)
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
