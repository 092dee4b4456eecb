//! `grpc.health.v1.Health`.

use std::future::{self, Ready};
use std::pin::Pin;
use std::sync::Arc;

use longsync::codec::Codec;
use longsync::quoted;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::{BoxAnswer, call_of};
use crate::call::Call;
use crate::health::KNOWN_SERVICES;
use crate::request_body::RequestBody;

/// Says how a service is.
pub(super) fn check(request: http::Request<RequestBody>) -> BoxAnswer {
    let check = Check(call_of(&request));
    Box::pin(async move { Grpc::new(Codec::default()).unary(check, request).await })
}

/// Says how a service is, and goes on to say so whenever that changes.
pub(super) fn watch(request: http::Request<RequestBody>) -> BoxAnswer {
    let watch = Watch(call_of(&request));
    Box::pin(async move { Grpc::new(Codec::default()).server_streaming(watch, request).await })
}

struct Check(Arc<Call>);

impl UnaryService<HealthCheckRequest> for Check {
    type Response = HealthCheckResponse;
    type Future = Ready<Result<Response<HealthCheckResponse>, Status>>;

    fn call(&mut self, request: Request<HealthCheckRequest>) -> Self::Future {
        let name = request.into_inner().service;
        let status = seen_as(&name, self.0.worker().shared.health.status());
        future::ready(if status == ServingStatus::ServiceUnknown {
            let [_, service] = KNOWN_SERVICES;
            let why = format!(
                "no status of a service {} here: leave the name empty, or say {service}",
                quoted(&name)
            );
            Err(Status::not_found(why))
        } else {
            Ok(Response::new(response(status)))
        })
    }
}

struct Watch(Arc<Call>);

impl ServerStreamingService<HealthCheckRequest> for Watch {
    type Response = HealthCheckResponse;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<HealthCheckRequest>) -> Self::Future {
        let name = request.into_inner().service;
        let mut said = None;
        let statuses = WatchStream::new(self.0.worker().shared.health.watch())
            .map(move |status| seen_as(&name, status))
            // A service that is not here stays unknown, whatever becomes of the server.
            .filter(move |status| said.replace(*status) != Some(*status))
            .map(|status| Ok(response(status)));
        future::ready(Ok(Response::new(Box::pin(statuses))))
    }
}

/// The status of the service with this name, on a server with that status.
fn seen_as(name: &str, status: ServingStatus) -> ServingStatus {
    if KNOWN_SERVICES.contains(&name) { status } else { ServingStatus::ServiceUnknown }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
