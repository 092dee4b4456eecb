//! A plain HTTP client.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{ORIGIN, Result};

/// A connection.
#[derive(Debug)]
pub(crate) enum Web {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Web {
    pub(crate) async fn http1<IO>(io: IO) -> Result<Self>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        tokio::spawn(connection);
        Ok(Self::Http1(sender))
    }

    pub(crate) async fn http2<IO>(io: IO) -> Result<Self>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await?;
        tokio::spawn(connection);
        Ok(Self::Http2(sender))
    }

    /// Sends a request without a body, and reads the complete answer. Over HTTP/1.1, `host` may be one of the
    /// headers.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<String>> {
        let (uri, host) = match self {
            Self::Http1(_) => (target.to_owned(), Some("longsync.test")),
            Self::Http2(_) => (format!("{ORIGIN}{target}"), None),
        };
        let mut request = Request::builder().method(method).uri(uri);
        let host = host.filter(|_| headers.iter().all(|(name, _)| *name != "host"));
        for (name, value) in host.map(|host| ("host", host)).iter().chain(headers) {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default())?;
        let response = match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => sender.send_request(request).await?,
        };
        let (head, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        Ok(Response::from_parts(head, body))
    }

    pub(crate) async fn get(&mut self, target: &str) -> Result<Response<String>> {
        self.send("GET", target, &[]).await
    }
}
