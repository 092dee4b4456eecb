//! The gRPC services of a server, by name.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use http::{Request, Response};
use longsync::v1::long_sync_service_server::{LongSyncServiceServer, SERVICE_NAME};
use tonic::body::Body;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::Service;

use crate::request_body::RequestBody;
use crate::rpc::LongSync;
use crate::worker::Worker;

pub(crate) type BoxAnswer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
pub(crate) type Handler = Arc<dyn Fn(Request<RequestBody>) -> BoxAnswer + Send + Sync>;

/// The services that know nothing of the server they are in.
static STATELESS: LazyLock<Services> = LazyLock::new(Services::new);

pub(crate) struct Services {
    longsync: Handler,
    reflection_v1: Handler,
    reflection_v1alpha: Handler,
}

impl Services {
    /// What handles the calls of the service with this name.
    pub(crate) fn find(name: &str, worker: &Worker) -> Option<Handler> {
        Some(match name {
            SERVICE_NAME => Arc::clone(&STATELESS.longsync),
            tonic_health::pb::health_server::SERVICE_NAME => {
                let health = HealthService::from_health_reporter(worker.shared.health.clone());
                handler(HealthServer::new(health))
            }
            "grpc.reflection.v1.ServerReflection" => Arc::clone(&STATELESS.reflection_v1),
            "grpc.reflection.v1alpha.ServerReflection" => Arc::clone(&STATELESS.reflection_v1alpha),
            _ => return None,
        })
    }

    fn new() -> Self {
        // Messages that are too long never come this far: see `RequestBody`.
        let longsync = LongSyncServiceServer::new(LongSync).max_decoding_message_size(usize::MAX);
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(longsync::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        let valid = "the descriptor sets are constants that are valid";
        Self {
            longsync: handler(longsync),
            reflection_v1: handler(reflection().build_v1().expect(valid)),
            reflection_v1alpha: handler(reflection().build_v1alpha().expect(valid)),
        }
    }
}

fn handler<S>(service: S) -> Handler
where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    Arc::new(move |request| {
        let answer = service.clone().call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            response
        })
    })
}
