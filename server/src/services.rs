//! The gRPC services of a server, by name.

mod descriptors;
mod health;
mod messages;
mod place;
mod reflection;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use http::{Request, Response};
use longsync::v1::long_sync_service_server::{self, LongSyncServiceServer};
use tonic::body::Body;
use tonic_health::pb::health_server;
use tonic_reflection::pb::{v1, v1alpha};
use tower::Service as _;

use crate::call::Call;
use crate::request_body::RequestBody;
use crate::rpc::LongSync;

pub(crate) type BoxAnswer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
pub(crate) type Handler = fn(Request<RequestBody>) -> BoxAnswer;

/// What handles the calls of this method of this service. Of our own service that is whatever the
/// method.
pub(crate) fn find(service: &str, method: &str) -> Option<Handler> {
    match (service, method) {
        (long_sync_service_server::SERVICE_NAME, _) => Some(longsync),
        (health_server::SERVICE_NAME, "Check") => Some(health::check),
        (health_server::SERVICE_NAME, "Watch") => Some(health::watch),
        (
            v1::server_reflection_server::SERVICE_NAME
            | v1alpha::server_reflection_server::SERVICE_NAME,
            "ServerReflectionInfo",
        ) => Some(reflection::info),
        _ => None,
    }
}

fn longsync(request: Request<RequestBody>) -> BoxAnswer {
    // Messages that are too long never come this far: see `RequestBody`.
    static SERVICE: LazyLock<LongSyncServiceServer<LongSync>> = LazyLock::new(|| {
        LongSyncServiceServer::new(LongSync).max_decoding_message_size(usize::MAX)
    });
    let answer = SERVICE.clone().call(request);
    Box::pin(async move {
        let Ok::<_, Infallible>(response) = answer.await;
        response
    })
}

/// The call that the route put beside a request.
fn call_of(request: &Request<RequestBody>) -> Arc<Call> {
    let call = request.extensions().get::<Arc<Call>>();
    Arc::clone(call.expect("the route puts the call beside each request"))
}
