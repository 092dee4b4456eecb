//! tonic's client over hyper's connection. tonic's own channel is not used, because its features make tonic
//! treat errors differently from the build that ships.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;
use tower::Service;

use super::Result;

/// The origin of all requests; servers ignore it.
pub(crate) const ORIGIN: &str = "http://longsync.test";

/// An HTTP/2 connection that generated clients can call through.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    sender: SendRequest<Body>,
    /// The headers of every request.
    headers: Headers,
}

/// Headers of requests.
pub(crate) type Headers = &'static [(&'static str, &'static str)];

/// Opens a channel over `io`.
pub(crate) async fn connect<IO>(io: IO) -> Result<Channel>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    connect_with(io, &[]).await
}

/// Opens a channel whose requests have these headers.
pub(crate) async fn connect_with<IO>(io: IO, headers: Headers) -> Result<Channel>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(io)).await?;
    tokio::spawn(connection);
    Ok(Channel { sender, headers })
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        for (name, value) in self.headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        Box::pin(self.sender.send_request(request))
    }
}
