//! The messages of gRPC's bodies, both ways. tonic's own bodies keep the largest buffers that they ever
//! needed for as long as the stream lasts, which may be hours; these keep nothing between messages.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use longsync_text::quoted;
use prost::Message;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;

use crate::body::framing::PREFIX;
use crate::body::intake::{Arrived, Intake};
use crate::body::piece::PIECE_BYTES;

/// The messages of a request, in turn.
#[derive(Debug)]
pub(crate) struct Requests<M> {
    intake: Intake,
    bytes: Kept,
    /// Those that have arrived whole and were not taken yet: the oldest, which is nearly always the
    /// only one, and the others.
    arrived: Option<Arrived>,
    more: VecDeque<Arrived>,
    messages: PhantomData<fn() -> M>,
}

/// A message of a request.
#[derive(Debug)]
pub(crate) struct Received<M> {
    pub(crate) message: M,
    pub(crate) arrived: Arrived,
}

impl<M: Message + Default> Requests<M> {
    pub(crate) fn new(intake: Intake) -> Self {
        Self {
            intake,
            bytes: Kept::default(),
            arrived: None,
            more: VecDeque::new(),
            messages: PhantomData,
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// When it is not such a message, or the call was cut.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Received<M>, Status>>> {
        loop {
            if let Some(arrived) = self.arrived.take() {
                self.arrived = self.more.pop_front();
                let bytes = usize::try_from(arrived.bytes).unwrap_or(usize::MAX);
                let message = decode(&self.bytes.take(bytes))?;
                return Poll::Ready(Some(Ok(Received { message, arrived })));
            }
            if self.intake.has_ended() {
                return Poll::Ready(None);
            }
            match self.poll_more(cx)? {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    self.bytes.settle();
                    return Poll::Pending;
                }
            }
        }
    }

    /// No more is taken for a while.
    pub(crate) fn settle(&mut self) {
        self.bytes.settle();
    }

    /// [`Requests::poll_next`], to be awaited.
    pub(crate) async fn next(&mut self) -> Result<Option<Received<M>>, Status> {
        poll_fn(|cx| self.poll_next(cx)).await.transpose()
    }

    /// Reads to the end of a request whose message has come.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        while !self.is_end() {
            if ready!(self.poll_more(cx)?).is_none() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether nothing more can come.
    pub(crate) fn is_end(&self) -> bool {
        self.intake.has_ended()
    }

    /// The one message of a request, which is read to its end.
    ///
    /// # Errors
    /// When it is not such a message, or the call was cut, as it is if its request has none.
    pub(crate) async fn one(mut self) -> Result<Received<M>, Status> {
        let received = self.next().await?;
        let received = received.ok_or_else(|| Status::unimplemented("no message"))?;
        poll_fn(|cx| self.poll_end(cx)).await?;
        Ok(received)
    }

    /// [`None`]: it has ended.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<()>, Status>> {
        let Self { arrived, more, .. } = self;
        let frame = self.intake.poll_frame(cx, |message| {
            if arrived.is_none() {
                *arrived = Some(message);
            } else {
                more.push_back(message);
            }
        });
        Poll::Ready(match ready!(frame) {
            None => Ok(None),
            Some(Err(why)) => Err(Status::internal(why.to_string())),
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    self.bytes.add(chunk);
                }
                Ok(Some(()))
            }
        })
    }
}

fn decode<M: Message + Default>(bytes: &Bytes) -> Result<M, Status> {
    if bytes[0] != 0 {
        return Err(Status::internal(
            "the message says that it is compressed, and the call does not say how",
        ));
    }
    M::decode(bytes.slice(PREFIX..)).map_err(|error| Status::internal(error.to_string()))
}

/// The refusal of a call whose messages are encoded in a way that is not understood.
pub(crate) fn refuse_encoding(headers: &HeaderMap) -> Option<Status> {
    let encoding = headers.get("grpc-encoding")?;
    if encoding == "identity" {
        return None;
    }
    let encoding = quoted(&String::from_utf8_lossy(encoding.as_bytes()));
    let why = format!("grpc-encoding {encoding} is not understood: send identity");
    let mut refused = Status::unimplemented(why);
    let accepted = tonic::metadata::MetadataValue::from_static("identity");
    refused.metadata_mut().insert("grpc-accept-encoding", accepted);
    Some(refused)
}

/// Bytes that have come and were not taken.
#[derive(Debug, Default)]
struct Kept {
    /// What came before the last chunk.
    pieces: BytesMut,
    /// A chunk keeps alive the whole buffer that its read came in.
    chunk: Bytes,
}

impl Kept {
    /// A message nearly always comes whole: then its chunk is not copied.
    fn add(&mut self, chunk: Bytes) {
        self.pieces.extend_from_slice(&self.chunk);
        self.chunk = chunk;
    }

    /// Takes this many bytes, if they have come.
    fn take(&mut self, bytes: usize) -> Bytes {
        let Self { pieces, chunk } = self;
        if pieces.is_empty() {
            return chunk.split_to(bytes.min(chunk.len()));
        }
        if bytes < pieces.len() {
            return pieces.split_to(bytes).freeze();
        }
        let rest = chunk.split_to(chunk.len().min(bytes - pieces.len()));
        pieces.extend_from_slice(&rest);
        mem::take(pieces).freeze()
    }

    /// Nothing is taken for a while: what is kept is copied out of the buffer of its read.
    fn settle(&mut self) {
        if !self.chunk.is_empty() {
            self.pieces.extend_from_slice(&mem::take(&mut self.chunk));
        }
    }
}

/// The answer that has these messages, each with its prefix.
pub(crate) fn response<S>(messages: S) -> Response<Body>
where
    S: Stream<Item = Result<Bytes, Status>> + Send + Unpin + 'static,
{
    let mut response = Response::new(Body::new(Answers { messages, end: None }));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// A message as a gRPC body has it.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode(&mut bytes).expect("there is room for the message");
    bytes.freeze()
}

/// An answer's body: messages as they come, those that come together in one piece, and then the status,
/// which is OK unless one of them is an error.
struct Answers<S> {
    messages: S,
    end: Option<Status>,
}

impl<S> http_body::Body for Answers<S>
where
    S: Stream<Item = Result<Bytes, Status>> + Unpin,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut batch = Batch::default();
        while self.end.is_none() && batch.len() < PIECE_BYTES {
            match Pin::new(&mut self.messages).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => batch.add(message),
                Poll::Ready(Some(Err(status))) => self.end = Some(status),
                Poll::Ready(None) => self.end = Some(Status::ok("")),
                Poll::Pending if batch.len() == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if batch.len() > 0 {
            return Poll::Ready(Some(Ok(Frame::data(batch.into_bytes()))));
        }
        let mut trailers = HeaderMap::with_capacity(2);
        if let Some(status) = &self.end {
            // It only fails for a message that no header can hold, and these are percent-encoded.
            let _ = status.add_header(&mut trailers);
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

/// Messages that go out together.
#[derive(Default)]
struct Batch {
    /// One alone is not copied.
    first: Bytes,
    all: BytesMut,
}

impl Batch {
    fn add(&mut self, message: Bytes) {
        if self.len() == 0 {
            self.first = message;
            return;
        }
        self.all.extend_from_slice(&mem::take(&mut self.first));
        self.all.extend_from_slice(&message);
    }

    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However bytes come, and whatever is taken of them, none is lost or out of order.
        #[test]
        fn bytes_are_taken_as_they_came(
            steps in proptest::collection::vec((0_usize..50, 0_usize..60, any::<bool>()), 0..40),
        ) {
            let (mut kept, mut came, mut taken) = (Kept::default(), Vec::new(), Vec::new());
            for (add, take, settles) in steps {
                let chunk: Vec<_> = (came.len()..came.len() + add).map(|byte| byte.to_le_bytes()[0]).collect();
                came.extend(&chunk);
                kept.add(chunk.into());
                if settles {
                    kept.settle();
                }
                let there = came.len() - taken.len();
                taken.extend(kept.take(take.min(there)));
                prop_assert_eq!(&taken, &came[..taken.len()]);
            }
        }
    }
}
