//! Watches the bytes of a call's request on their way in.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use crate::body::discard::{DISCARD_TIME, discard};
use crate::body::framing::{Framing, TooLongError};
use crate::body::slowness::Slowness;
use crate::call::Call;
use crate::call::refusal::Refusal;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A message that has arrived completely.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageArrival {
    /// When the socket read that completed it returned.
    pub(crate) at: Instant,
    /// How many of its bytes are held: none if the message arrived alone and is taken at once.
    pub(crate) held: u64,
}

/// How many messages a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cardinality {
    /// Exactly one.
    One,
    /// Any number.
    Any,
}

/// The request of a gRPC call. Counts the bytes that it holds, refuses a message that is too long, too slow
/// or one too many, and notifies the call when its client has disconnected.
#[derive(Debug)]
pub(crate) struct Intake {
    /// [`None`] once it has been dropped.
    inner: Option<Incoming>,
    call: Arc<Call>,
    framing: Framing,
    cardinality: Cardinality,
    /// How long the current message, or the request, has taken.
    slowness: Slowness,
    /// When the last chunk arrived.
    last_chunk: Instant,
    /// Whether that chunk was exactly one message. Such a message is not held, because it is taken in the
    /// poll that read it. Thus a client's next small request is not refused while its answers fill the
    /// memory.
    came_alone: bool,
    has_ended: bool,
}

impl Intake {
    pub(crate) fn new(inner: Incoming, call: Arc<Call>, cardinality: Cardinality) -> Self {
        let mut slowness = Slowness::default();
        if cardinality == Cardinality::One {
            slowness.begin(call.arrived(), 0);
        }
        Self {
            inner: Some(inner),
            last_chunk: call.arrived(),
            came_alone: false,
            call,
            framing: Framing::default(),
            cardinality,
            slowness,
            has_ended: false,
        }
    }

    /// The next frame.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let outcome = match Pin::new(inner).poll_frame(cx) {
            Poll::Pending => match self.wait() {
                Ok(()) => return Poll::Pending,
                Err(refusal) => Err(refusal),
            },
            Poll::Ready(Some(Err(error))) => {
                // tonic may turn a reset into a clean end of the stream; here the reset is still visible.
                self.call.client_gone();
                return Poll::Ready(Some(Err(error.into())));
            }
            Poll::Ready(Some(Ok(frame))) => {
                let followed = frame.data_ref().map_or(Ok(()), |bytes| self.follow(bytes));
                followed.and_then(|()| self.look_at_end()).map(|()| Some(frame))
            }
            Poll::Ready(None) => self.ended().map(|()| None),
        };
        Poll::Ready(match outcome {
            Ok(frame) => frame.map(Ok),
            Err(refusal) => {
                let why = refusal.message();
                self.call.cut(refusal.into());
                Some(Err(why.into()))
            }
        })
    }

    fn follow(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let Self { call, framing, slowness, .. } = self;
        let at = call.last_read();
        let max = call.max_message_bytes();
        let is_one = self.cardinality == Cardinality::One;
        if is_one && framing.messages() > 0 && !chunk.is_empty() {
            return Err(Refusal::TooManyMessages);
        }
        if !is_one && framing.is_between() && !chunk.is_empty() {
            slowness.begin(at, call.poll_number());
        }
        slowness.received(chunk.len());
        let mut came_alone = false;
        let left = framing
            .follow(chunk, max, is_one, |bytes| came_alone = bytes == chunk.len() as u64)
            .map_err(|TooLongError { message_bytes }| call.too_long(message_bytes))?;
        if left > 0 {
            return Err(Refusal::TooManyMessages);
        }
        if !is_one && framing.is_between() {
            slowness.end();
        }
        (self.last_chunk, self.came_alone) = (at, came_alone);
        if came_alone || !call.holds_requests() {
            return Ok(());
        }
        call.hold(chunk.len() as u64)
    }

    /// A message of this many bytes, which the last chunk completed.
    pub(crate) fn arrived(&self, bytes: usize) -> MessageArrival {
        let held = if self.came_alone { 0 } else { bytes as u64 };
        MessageArrival { at: self.last_chunk, held }
    }

    /// Checks for the end, which may come with the last of the data and is not reported again.
    fn look_at_end(&mut self) -> Result<(), Refusal> {
        let is_end = self.inner.as_ref().is_none_or(http_body::Body::is_end_stream);
        if is_end { self.ended() } else { Ok(()) }
    }

    fn ended(&mut self) -> Result<(), Refusal> {
        self.has_ended = true;
        self.slowness.end();
        if !self.framing.is_between() {
            return Err(Refusal::CutShort);
        }
        if self.cardinality == Cardinality::One && self.framing.messages() == 0 {
            return Err(Refusal::NoMessage);
        }
        Ok(())
    }

    /// Called when nothing has arrived. Arranges for the call to be woken once the missing bytes have taken
    /// too long.
    fn wait(&mut self) -> Result<(), Refusal> {
        if !self.slowness.is_running() {
            return Ok(());
        }
        let limit = self.call.limits().message_timeout;
        let (now, poll) = (self.call.now(), self.call.poll_number());
        if self.call.reads_ahead() {
            self.slowness.stand_still(now, poll);
            return Ok(());
        }
        match self.slowness.wait(limit, now, poll) {
            Some(due) if due <= now => {
                Err(Refusal::TooSlow { limit, is_one: self.cardinality == Cardinality::One })
            }
            Some(due) => {
                self.call.wake_at(due);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether the request has arrived completely.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if let Some(rest) = self.inner.take().filter(|_| !self.has_ended)
            && let Some(enough) = self.call.sleep(DISCARD_TIME)
        {
            discard(rest, enough);
        }
    }
}
