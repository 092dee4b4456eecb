//! Combines the messages of an answer that are ready at the same time into one piece.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio_stream::Stream;

use crate::body::piece::PIECE_BYTES;
use crate::call::ending::Ending;

/// The messages of an answer, each with its prefix. How the call ends instead of being answered is the last
/// item.
pub(crate) type MessageStream = Pin<Box<dyn Stream<Item = Result<Bytes, Ending>> + Send>>;

/// Messages as they become ready, in as few chunks as possible.
pub(crate) struct Batches {
    messages: MessageStream,
    /// How the messages end, once that is known.
    end: Option<Result<(), Ending>>,
}

impl Batches {
    pub(crate) fn new(messages: MessageStream) -> Self {
        Self { messages, end: None }
    }

    /// The next chunk. [`None`] if there are no more and the call was answered.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Ending>>> {
        let mut batch = Batch::default();
        while self.end.is_none() && batch.bytes < PIECE_BYTES {
            match self.messages.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => batch.add(message),
                Poll::Ready(Some(Err(ending))) => self.end = Some(Err(ending)),
                Poll::Ready(None) => self.end = Some(Ok(())),
                Poll::Pending if batch.bytes == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if batch.bytes > 0 {
            return Poll::Ready(Some(Ok(batch.into_bytes())));
        }
        Poll::Ready(match self.end.replace(Ok(())) {
            Some(Err(ending)) => Some(Err(ending)),
            _ => None,
        })
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("end", &self.end).finish_non_exhaustive()
    }
}

/// Messages that go out together.
#[derive(Default)]
struct Batch {
    /// Kept apart, because a single message needs neither a copy nor a list.
    first: Bytes,
    more: Vec<Bytes>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, message: Bytes) {
        self.bytes += message.len();
        if self.first.is_empty() {
            self.first = message;
        } else {
            self.more.push(message);
        }
    }

    /// All the messages, in exactly as much memory as they need, because a client that reads slowly makes us
    /// keep them for a long time.
    fn into_bytes(self) -> Bytes {
        if self.more.is_empty() {
            return self.first;
        }
        let mut all = BytesMut::with_capacity(self.bytes);
        for message in std::iter::once(&self.first).chain(&self.more) {
            all.extend_from_slice(message);
        }
        all.freeze()
    }
}
