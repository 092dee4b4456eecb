//! `grpc.health.v1.Health`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Request;
use longsync::quoted;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::Status;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::place::Place;
use super::{BoxAnswer, call_of, messages};
use crate::health::KNOWN_SERVICES;
use crate::request_body::RequestBody;

/// What a `Watch` is held to cost: an idle one takes 2.1 KiB, one whose request is on its way 5.1 KiB.
/// That was measured as growth of RSS by 4,800 streams on 300 connections of one worker.
const WATCH_BYTES: u64 = 6 * 1024;

/// Says how a service is.
pub(super) fn check(request: Request<RequestBody>) -> BoxAnswer {
    let call = call_of(&request);
    let asked = messages::one(request);
    Box::pin(async move {
        let status = call.worker().shared.health.status();
        match asked.await.and_then(|asked| checked(&asked, status)) {
            Ok(message) => messages::response(tokio_stream::once(Ok(message))),
            Err(why) => why.into_http(),
        }
    })
}

fn checked(asked: &HealthCheckRequest, now: ServingStatus) -> Result<HealthCheckResponse, Status> {
    if is_known(&asked.service) {
        return Ok(response(now));
    }
    let [_, service] = KNOWN_SERVICES;
    Err(Status::not_found(format!(
        "no status of a service {} here: leave the name empty, or say {service}",
        quoted(&asked.service)
    )))
}

/// Says how a service is, and goes on to say so whenever that changes.
pub(super) fn watch(request: Request<RequestBody>) -> BoxAnswer {
    Place::answer(&call_of(&request), WATCH_BYTES, |place| {
        let asked = messages::one::<HealthCheckRequest>(request);
        Box::pin(async move {
            match asked.await {
                Ok(asked) => messages::response(Statuses {
                    is_known: is_known(&asked.service),
                    now: WatchStream::new(place.call().worker().shared.health.watch()),
                    said: None,
                    _place: place,
                }),
                Err(why) => why.into_http(),
            }
        })
    })
}

/// The statuses of one service, each of them once.
struct Statuses {
    is_known: bool,
    /// The server's status, whenever it changes.
    now: WatchStream<ServingStatus>,
    said: Option<ServingStatus>,
    _place: Place,
}

impl Stream for Statuses {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while let Some(now) = ready!(Pin::new(&mut this.now).poll_next(cx)) {
            // A service that is not here stays unknown, whatever becomes of the server.
            let status = if this.is_known { now } else { ServingStatus::ServiceUnknown };
            if this.said.replace(status) != Some(status) {
                return Poll::Ready(Some(Ok(response(status))));
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
