//! The server: waits with tokio's own timer.

use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio_stream::Stream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use crate::v1::long_sync_service_server::{LongSyncService, LongSyncServiceServer};
use crate::v1::{
    LongSyncCollectRequest, LongSyncCollectResponse, LongSyncExchangeRequest,
    LongSyncExchangeResponse, LongSyncRequest, LongSyncResponse, LongSyncStreamRequest,
    LongSyncStreamResponse, Timing,
};

#[derive(Debug, Default)]
struct LongSync;

type AnswerStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl LongSyncService for LongSync {
    async fn long_sync(
        &self,
        request: Request<LongSyncRequest>,
    ) -> Result<Response<LongSyncResponse>, Status> {
        let start = Instant::now();
        let planned = request.into_inner().delay.unwrap_or_default();
        let delay = Duration::try_from(planned)
            .map_err(|_| Status::invalid_argument("the delay is negative"))?;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let waited = prost_types::Duration::try_from(start.elapsed())
            .map_err(|error| Status::internal(error.to_string()))?;
        let timing = Timing { planned: Some(planned), waited: Some(waited), ..Timing::default() };
        Ok(Response::new(LongSyncResponse {
            message: "Done!".to_owned(),
            timing: Some(timing),
            ..LongSyncResponse::default()
        }))
    }

    type LongSyncStreamStream = AnswerStream<LongSyncStreamResponse>;

    async fn long_sync_stream(
        &self,
        _request: Request<LongSyncStreamRequest>,
    ) -> Result<Response<Self::LongSyncStreamStream>, Status> {
        Err(Status::unimplemented("only unary calls are measured"))
    }

    async fn long_sync_collect(
        &self,
        _request: Request<Streaming<LongSyncCollectRequest>>,
    ) -> Result<Response<LongSyncCollectResponse>, Status> {
        Err(Status::unimplemented("only unary calls are measured"))
    }

    type LongSyncExchangeStream = AnswerStream<LongSyncExchangeResponse>;

    async fn long_sync_exchange(
        &self,
        _request: Request<Streaming<LongSyncExchangeRequest>>,
    ) -> Result<Response<Self::LongSyncExchangeStream>, Status> {
        Err(Status::unimplemented("only unary calls are measured"))
    }
}

/// Serves until the process is ended.
pub async fn serve() -> Result<(), crate::Error> {
    // The same as `serve`, which does not tell the port it has bound.
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?.with_nodelay(Some(true));
    println!("naive-tonic listening on http://{}", incoming.local_addr()?);
    Server::builder()
        // Small DATA frames of unfinished request bodies count against a budget of half this.
        .initial_connection_window_size(64 * 1024 * 1024)
        .add_service(LongSyncServiceServer::new(LongSync))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
