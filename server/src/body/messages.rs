//! The messages of gRPC requests. tonic's own bodies keep the largest buffers that they ever needed for the
//! lifetime of the stream, which may be hours; these keep nothing between messages.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::mem;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use longsync::frame::{PLAIN, PREFIX_BYTES, Prefix};
use longsync_text::quoted;
use prost::Message;

use crate::body::intake::{Intake, MessageArrival};
use crate::call::refusal::Refusal;

/// The messages of a request, in turn.
#[derive(Debug)]
pub(crate) struct Requests<M> {
    intake: Intake,
    /// Bytes that have arrived but were not taken yet. Any complete message among them was completed by the
    /// last chunk, because nothing more is read until complete messages have been taken.
    bytes: ReceiveBuffer,
    messages: PhantomData<fn() -> M>,
}

/// A message of a request.
#[derive(Debug)]
pub(crate) struct ReceivedMessage<M> {
    pub(crate) message: M,
    pub(crate) arrived: MessageArrival,
}

impl<M: Message + Default> Requests<M> {
    pub(crate) fn new(intake: Intake) -> Self {
        Self { intake, bytes: ReceiveBuffer::default(), messages: PhantomData }
    }

    /// The next message.
    ///
    /// # Errors
    /// If the bytes do not decode as the message, or the call was cut.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<ReceivedMessage<M>, Refusal>>> {
        loop {
            if let Some(bytes) = self.bytes.message_len() {
                let arrived = self.intake.arrived(bytes);
                let message = decode(&self.bytes.take(bytes))?;
                return Poll::Ready(Some(Ok(ReceivedMessage { message, arrived })));
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

    /// Frees what is not needed while no message is taken.
    pub(crate) fn settle(&mut self) {
        self.bytes.settle();
    }

    /// The async form of [`Requests::poll_next`].
    pub(crate) async fn next(&mut self) -> Result<Option<ReceivedMessage<M>>, Refusal> {
        poll_fn(|cx| self.poll_next(cx)).await.transpose()
    }

    /// Reads to the end of a request whose message has arrived.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        while !self.is_end() {
            if ready!(self.poll_more(cx)?).is_none() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads until it is known whether the request ends here. A message that follows is left there.
    pub(crate) fn poll_is_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Refusal>> {
        while self.bytes.message_len().is_none() {
            if self.is_end() || ready!(self.poll_more(cx)?).is_none() {
                return Poll::Ready(Ok(true));
            }
        }
        Poll::Ready(Ok(false))
    }

    /// Whether nothing more can arrive.
    pub(crate) fn is_end(&self) -> bool {
        self.intake.has_ended()
    }

    /// The only message of a request, which is read to its end.
    ///
    /// # Errors
    /// If the bytes do not decode as the message, or the call was cut, which happens if its request has no
    /// message.
    pub(crate) async fn one(mut self) -> Result<ReceivedMessage<M>, Refusal> {
        let received = self.next().await?;
        let received = received.ok_or(Refusal::NoMessage)?;
        poll_fn(|cx| self.poll_end(cx)).await?;
        Ok(received)
    }

    /// Reads more of the request. [`None`] if it has ended.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<()>, Refusal>> {
        Poll::Ready(match ready!(self.intake.poll_frame(cx)) {
            None => Ok(None),
            // Whatever the error is, the call is cut by now, or its client has disconnected.
            Some(Err(why)) => Err(Refusal::NotAMessage(why.to_string())),
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    self.bytes.add(chunk);
                }
                Ok(Some(()))
            }
        })
    }
}

fn decode<M: Message + Default>(bytes: &Bytes) -> Result<M, Refusal> {
    if bytes[0] != PLAIN {
        let why = "the message is marked as compressed, but the call names no grpc-encoding";
        return Err(Refusal::NotAMessage(why.to_owned()));
    }
    M::decode(bytes.slice(PREFIX_BYTES..)).map_err(|error| Refusal::NotAMessage(error.to_string()))
}

/// The refusal of a call whose messages use an unsupported encoding.
pub(crate) fn refuse_encoding(headers: &HeaderMap) -> Option<Refusal> {
    let encoding = headers.get("grpc-encoding")?;
    if encoding == "identity" {
        return None;
    }
    let encoding = quoted(&String::from_utf8_lossy(encoding.as_bytes()));
    Some(Refusal::Encoding(format!("grpc-encoding {encoding} is not supported: send identity")))
}

/// Bytes that have arrived but were not taken yet.
#[derive(Debug, Default)]
struct ReceiveBuffer {
    /// The bytes that arrived before the last chunk.
    pieces: BytesMut,
    /// The last chunk. It keeps the entire buffer of its read alive.
    chunk: Bytes,
}

impl ReceiveBuffer {
    /// Adds a chunk. A message nearly always arrives in one chunk, which is then not copied.
    fn add(&mut self, chunk: Bytes) {
        self.pieces.extend_from_slice(&self.chunk);
        self.chunk = chunk;
    }

    /// The length of the first message, including its prefix, if all of it has arrived.
    fn message_len(&self) -> Option<usize> {
        let Self { pieces, chunk } = self;
        let (mut prefix, mut bytes) = ([0; PREFIX_BYTES], pieces.iter().chain(&chunk[..]));
        for byte in &mut prefix {
            *byte = *bytes.next()?;
        }
        let bytes = PREFIX_BYTES + Prefix::read(prefix).length as usize;
        (bytes <= pieces.len() + chunk.len()).then_some(bytes)
    }

    /// Takes this many bytes, if they have arrived.
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

    /// Copies what is kept out of the buffer of its read, because nothing is taken for a while.
    fn settle(&mut self) {
        if !self.chunk.is_empty() {
            self.pieces.extend_from_slice(&mem::take(&mut self.chunk));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However bytes arrive, and however they are taken, none is lost or out of order.
        #[test]
        fn bytes_are_taken_in_the_order_in_which_they_arrived(
            steps in proptest::collection::vec((0_usize..50, 0_usize..60, any::<bool>()), 0..40),
        ) {
            let (mut kept, mut came, mut taken) = (ReceiveBuffer::default(), Vec::new(), Vec::new());
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
