//! HTTP/2 streams handled by hand, for what ordinary clients do not do.

use std::future::poll_fn;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, StatusCode};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tonic::Status;

use super::{ORIGIN, Result};

/// A message with its gRPC prefix.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).expect("a test's message is short");
    [&[0][..], &length.to_be_bytes(), &body].concat().into()
}

/// An HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct Raw {
    sender: SendRequest<Bytes>,
    /// The task that drives the connection; it ends with the connection.
    pub(crate) driver: JoinHandle<Result<(), h2::Error>>,
}

impl Raw {
    pub(crate) async fn over<IO>(io: IO) -> Result<Self>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self::with(&Builder::new(), io).await
    }

    /// A connection with the windows that `builder` specifies.
    pub(crate) async fn with<IO>(builder: &Builder, io: IO) -> Result<Self>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = builder.handshake(io).await?;
        Ok(Self { sender, driver: tokio::spawn(connection) })
    }

    /// How many concurrent streams the server allows.
    pub(crate) fn max_streams(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// Sends the headers of a call to one of our RPCs.
    pub(crate) async fn open(&self, rpc: &str, headers: &[(&str, &str)]) -> Result<RawCall> {
        self.open_path(&format!("/longsync.v1.LongSyncService/{rpc}"), headers).await
    }

    /// Sends the headers of a call to any path.
    pub(crate) async fn open_path(&self, path: &str, headers: &[(&str, &str)]) -> Result<RawCall> {
        let mut request = Request::post(format!("{ORIGIN}{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut sender = self.sender.clone().ready().await?;
        let (response, stream) = sender.send_request(request.body(())?, false)?;
        Ok(RawCall { response, stream })
    }

    /// Sends a plain request, whose answer is read later.
    pub(crate) async fn get(&self, path: &str) -> Result<ResponseFuture> {
        self.get_with(path, &[]).await
    }

    /// The same with headers.
    pub(crate) async fn get_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<ResponseFuture> {
        let mut sender = self.sender.clone().ready().await?;
        let mut request = Request::get(format!("{ORIGIN}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(sender.send_request(request.body(())?, true)?.0)
    }

    /// Sends a complete unary call.
    pub(crate) async fn unary(
        &self,
        message: &impl Message,
        headers: &[(&str, &str)],
    ) -> Result<RawCall> {
        let mut call = self.open("LongSync", headers).await?;
        call.send(framed(message), true)?;
        Ok(call)
    }
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct RawCall {
    pub(crate) response: ResponseFuture,
    pub(crate) stream: SendStream<Bytes>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct RawResult {
    pub(crate) http: StatusCode,
    /// Whether the status came with the headers (gRPC's "Trailers-Only").
    pub(crate) is_trailers_only: bool,
    pub(crate) data: BytesMut,
    pub(crate) status: Status,
}

impl RawCall {
    pub(crate) fn send(&mut self, bytes: impl Into<Bytes>, is_last: bool) -> Result<()> {
        Ok(self.stream.send_data(bytes.into(), is_last)?)
    }

    /// Sends `RST_STREAM`, as a client does that cancels a call.
    pub(crate) fn reset(&mut self) {
        self.stream.send_reset(h2::Reason::CANCEL);
    }

    /// Reads the answer to its end, and its status from the headers or trailers.
    pub(crate) async fn ended(self) -> Result<RawResult> {
        let (head, body) = self.response.await?.into_parts();
        let (data, trailers) = read(body).await?;
        let in_headers = Status::from_header_map(&head.headers);
        let is_trailers_only = in_headers.is_some();
        let status = in_headers
            .or_else(|| Status::from_header_map(&trailers))
            .context("neither the headers nor the trailers contain a status")?;
        Ok(RawResult { http: head.status, is_trailers_only, data, status })
    }

    /// Why the server reset the stream instead of answering.
    pub(crate) async fn reset_by_server(mut self) -> Result<h2::Reason> {
        Ok(poll_fn(|cx| self.stream.poll_reset(cx)).await?)
    }
}

/// Reads a body, and the trailers after it.
pub(crate) async fn read(mut body: RecvStream) -> Result<(BytesMut, HeaderMap)> {
    let mut data = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        data.extend_from_slice(&chunk);
    }
    Ok((data, body.trailers().await?.unwrap_or_default()))
}
