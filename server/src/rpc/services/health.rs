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
use crate::call::ending::Ending;
use crate::call::refusal::Refusal;
use crate::rpc::BoxMessages;
use crate::shared::health::KNOWN_SERVICES;

/// The assumed cost of a `Watch`: an idle one takes 2.1 KiB, one whose request is still on its way takes 5.1
/// KiB. These figures are the growth in RSS per stream, measured with 4,800 streams on 300 connections of one
/// worker.
const WATCH_BYTES: u64 = 6 * 1024;

/// The assumed cost of a check, measured as above: one whose request is still on its way takes 5.1 KiB.
const CHECK_BYTES: u64 = 6 * 1024;

/// Reports the status of a service.
pub(super) fn check(call: Arc<Call>, intake: Intake) -> BoxMessages {
    // A check is not refused for lack of memory, unless its connection has very many unread ones.
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

/// The answer to a check. It keeps its slot until it has gone out.
struct CheckAnswer {
    message: Option<Bytes>,
    _slot: Option<SideSlot>,
}

impl Stream for CheckAnswer {
    type Item = Result<Bytes, Ending>;

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
        "no service {} here: leave the name empty, or send {service}",
        quoted(&asked.service)
    )))
}

/// Reports the status of a service, now and whenever it changes.
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

/// The status of one service, and each change to it.
struct Statuses {
    is_known: bool,
    /// The server's status, each time that it changes.
    now: WatchStream<ServingStatus>,
    said: Option<ServingStatus>,
    _slot: SideSlot,
}

impl Stream for Statuses {
    type Item = Result<Bytes, Ending>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while let Some(now) = ready!(Pin::new(&mut this.now).poll_next(cx)) {
            // A service that does not exist stays unknown, whatever the server's status is.
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
