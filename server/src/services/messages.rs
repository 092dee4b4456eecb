//! The messages of a stream that may be idle for hours. tonic's own bodies keep the largest buffers
//! that they ever needed for as long as the stream lasts; these keep next to nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::Frame;
use longsync::codec::Codec;
use longsync::quoted;
use prost::Message;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::codec::Codec as _;
use tonic::{Status, Streaming};

use crate::framing::PREFIX;
use crate::intake::BoxError;
use crate::request_body::RequestBody;

/// How much of a request is handed to tonic at a time.
const PIECE_BYTES: usize = 1024;

/// The messages of a request.
pub(super) fn requests<M>(request: Request<RequestBody>) -> Result<Streaming<M>, Status>
where
    M: Message + Default + 'static,
{
    let encoding = request.headers().get("grpc-encoding").map(HeaderValue::as_bytes);
    if let Some(encoding) = encoding.filter(|encoding| *encoding != b"identity") {
        let encoding = quoted(&String::from_utf8_lossy(encoding));
        let why = format!("grpc-encoding {encoding} is not understood: send identity");
        let mut refused = Status::unimplemented(why);
        let accepted = tonic::metadata::MetadataValue::from_static("identity");
        refused.metadata_mut().insert("grpc-accept-encoding", accepted);
        return Err(refused);
    }
    let body = Pieces { body: request.into_body(), rest: Bytes::new() };
    Ok(Streaming::new_request(Codec::<M, M>::default().decoder(), body, None, None))
}

/// The one message of a request, which is read to its end.
pub(super) fn one<M>(
    request: Request<RequestBody>,
) -> impl Future<Output = Result<M, Status>> + Send
where
    M: Message + Default + 'static,
{
    // Nothing else of the request is kept while it comes.
    let messages = requests::<M>(request);
    async move {
        let mut messages = messages?;
        // Of a request with none, or with more behind it, the call is cut.
        let message =
            messages.message().await?.ok_or_else(|| Status::unimplemented("no message"))?;
        messages.trailers().await?;
        Ok(message)
    }
}

/// The answer that has these messages.
pub(super) fn response<S, M>(messages: S) -> Response<Body>
where
    S: Stream<Item = Result<M, Status>> + Send + Unpin + 'static,
    M: Message + 'static,
{
    let mut response = Response::new(Body::new(Framed(Some(messages))));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// A request body in small pieces.
struct Pieces {
    body: RequestBody,
    rest: Bytes,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, rest } = &mut *self;
        if rest.is_empty() {
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

/// An answer's body: messages as they come, and then the status, which is OK unless one of them is an
/// error.
struct Framed<S>(Option<S>);

impl<S, M> http_body::Body for Framed<S>
where
    S: Stream<Item = Result<M, Status>> + Unpin,
    M: Message,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(messages) = &mut self.0 else { return Poll::Ready(None) };
        let status = match ready!(Pin::new(messages).poll_next(cx)) {
            Some(Ok(message)) => return Poll::Ready(Some(Ok(Frame::data(framed(&message))))),
            Some(Err(status)) => status,
            None => Status::ok(""),
        };
        self.0 = None;
        let mut trailers = HeaderMap::with_capacity(2);
        // It only fails for a message that no header can hold, and these are percent-encoded.
        let _ = status.add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

/// A message as a gRPC body has it.
fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode(&mut bytes).expect("there is room for the message");
    bytes.freeze()
}
