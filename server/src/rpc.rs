//! The four RPCs, one file each.

mod collect;
pub(crate) mod direct;
mod draft;
mod exchange;
mod stream;
mod unary;

use std::sync::Arc;

use longsync::v1::long_sync_service_server::LongSyncService;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncCollectResponse, LongSyncExchangeRequest, LongSyncRequest,
    LongSyncResponse, LongSyncStreamRequest,
};
use tonic::{Request, Response, Status, Streaming};

use crate::call::Call;
use crate::refusal::{Cut, Refusal};
use crate::request_body::Inbox;

/// The service. All it knows is in the call that the route put beside each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LongSync;

#[tonic::async_trait]
impl LongSyncService for LongSync {
    async fn long_sync(
        &self,
        request: Request<LongSyncRequest>,
    ) -> Result<Response<LongSyncResponse>, Status> {
        let (call, inbox, request) = take_apart(request);
        unary::answer(&call, &inbox, request)
            .await
            .map(Response::new)
            .map_err(|why| refuse(&call, why))
    }

    type LongSyncStreamStream = stream::Answers;

    async fn long_sync_stream(
        &self,
        request: Request<LongSyncStreamRequest>,
    ) -> Result<Response<stream::Answers>, Status> {
        let (call, inbox, request) = take_apart(request);
        stream::Answers::new(&call, &inbox, &request)
            .map(Response::new)
            .map_err(|why| refuse(&call, why))
    }

    async fn long_sync_collect(
        &self,
        request: Request<Streaming<LongSyncCollectRequest>>,
    ) -> Result<Response<LongSyncCollectResponse>, Status> {
        let (call, inbox, requests) = take_apart(request);
        collect::answer(&call, &inbox, requests).await.map(Response::new)
    }

    type LongSyncExchangeStream = exchange::Answers;

    async fn long_sync_exchange(
        &self,
        request: Request<Streaming<LongSyncExchangeRequest>>,
    ) -> Result<Response<exchange::Answers>, Status> {
        let (call, inbox, requests) = take_apart(request);
        Ok(Response::new(exchange::Answers::new(call, inbox, requests)))
    }
}

/// The call and its message or messages; the rest of the request is let go before any wait.
fn take_apart<T>(mut request: Request<T>) -> (Arc<Call>, Inbox, T) {
    let extensions = request.extensions_mut();
    let call = extensions.remove().expect("the route puts the call beside each request");
    let inbox = extensions.remove().expect("the route puts the inbox beside each request");
    (call, inbox, request.into_inner())
}

fn refuse(call: &Call, why: Refusal) -> Status {
    Cut::Refused(why).status(&call.timing_at_end())
}
