//! The messages of an answer, those that are ready together in one piece.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio_stream::Stream;

use crate::body::piece::PIECE_BYTES;
use crate::call::refusal::Refusal;

/// The messages of an answer, each with its prefix; after a refusal there are no more.
pub(crate) type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Refusal>> + Send>>;

/// Messages as they come, in as few chunks as they need.
pub(crate) struct Batches {
    messages: Messages,
    /// How they end, once that is known.
    end: Option<Result<(), Refusal>>,
}

impl Batches {
    pub(crate) fn new(messages: Messages) -> Self {
        Self { messages, end: None }
    }

    /// The next chunk. [`None`]: there are no more, and nothing is refused.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Refusal>>> {
        let mut batch = Batch::default();
        while self.end.is_none() && batch.len() < PIECE_BYTES {
            match self.messages.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => batch.add(message),
                Poll::Ready(Some(Err(refusal))) => self.end = Some(Err(refusal)),
                Poll::Ready(None) => self.end = Some(Ok(())),
                Poll::Pending if batch.len() == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if batch.len() > 0 {
            return Poll::Ready(Some(Ok(batch.into_bytes())));
        }
        Poll::Ready(match self.end.replace(Ok(())) {
            Some(Err(refusal)) => Some(Err(refusal)),
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
