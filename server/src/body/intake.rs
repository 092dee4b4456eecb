//! The bytes of a call's request, watched on their way in.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;

use crate::body::framing::{Framing, TooLong};
use crate::body::slowness::Slowness;
use crate::call::Call;
use crate::call::refusal::{Cut, Refusal};
use crate::worker::Worker;

/// How long the rest of a request is read that nobody waits for.
const DISCARD_TIME: Duration = Duration::from_millis(500);

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A message that has arrived whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    /// When the read of the socket that completed it returned.
    pub(crate) at: Instant,
    /// How many bytes it has, its prefix included.
    pub(crate) bytes: u64,
    /// How many of them are held. None of a message that came by itself, and is taken at once.
    pub(crate) held: u64,
}

/// How many messages a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cardinality {
    /// Exactly one.
    One,
    /// Any number.
    Any,
}

/// The request of a gRPC call: counts what it holds, refuses a message that is too long, too slow or one
/// too many, and tells the call when its client has gone.
#[derive(Debug)]
pub(crate) struct Intake {
    /// Until it is dropped.
    inner: Option<Incoming>,
    call: Arc<Call>,
    framing: Framing,
    cardinality: Cardinality,
    /// How long the message that is coming has taken, or the request.
    slowness: Slowness,
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
            call,
            framing: Framing::default(),
            cardinality,
            slowness,
            has_ended: false,
        }
    }

    /// The next frame; `on_message` is told of each message that it completes.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        on_message: impl FnMut(Arrived),
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let outcome = match Pin::new(inner).poll_frame(cx) {
            Poll::Pending => match self.wait() {
                Ok(()) => return Poll::Pending,
                Err(refusal) => Err(refusal),
            },
            Poll::Ready(Some(Err(error))) => {
                // tonic may turn a reset into a clean end of the stream; here it is still seen.
                self.call.client_gone();
                return Poll::Ready(Some(Err(error.into())));
            }
            Poll::Ready(Some(Ok(frame))) => {
                let followed =
                    frame.data_ref().map_or(Ok(()), |bytes| self.follow(bytes, on_message));
                followed.and_then(|()| self.look_at_end()).map(|()| Some(frame))
            }
            Poll::Ready(None) => self.ended().map(|()| None),
        };
        Poll::Ready(match outcome {
            Ok(frame) => frame.map(Ok),
            Err(refusal) => {
                let why = refusal.message();
                self.call.cut(Cut::Refused(refusal));
                Some(Err(why.into()))
            }
        })
    }

    fn follow(&mut self, chunk: &[u8], mut on_message: impl FnMut(Arrived)) -> Result<(), Refusal> {
        let Self { call, framing, slowness, .. } = self;
        let at = call.record().last_read();
        let max = call.max_message_bytes();
        let is_one = self.cardinality == Cardinality::One;
        if is_one && framing.messages() > 0 && !chunk.is_empty() {
            return Err(Refusal::TooManyMessages);
        }
        if !is_one && framing.is_between() && !chunk.is_empty() {
            slowness.begin(at, call.poll_number());
        }
        slowness.came(chunk.len());
        let mut came_alone = false;
        let left = framing
            .follow(chunk, max, is_one, |bytes| {
                came_alone = bytes == chunk.len() as u64;
                on_message(Arrived { at, bytes, held: if came_alone { 0 } else { bytes } });
            })
            .map_err(|TooLong { message_bytes }| call.too_long(message_bytes))?;
        if left > 0 {
            return Err(Refusal::TooManyMessages);
        }
        if !is_one && framing.is_between() {
            slowness.end();
        }
        if came_alone || !call.holds_requests() {
            return Ok(());
        }
        call.hold(chunk.len() as u64)
    }

    /// The end may come with the last of the data, and is not told again.
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

    /// Nothing has come. Has the call woken when what is to come has taken too long.
    fn wait(&mut self) -> Result<(), Refusal> {
        if !self.slowness.is_running() {
            return Ok(());
        }
        let limit = self.call.worker().shared.config.limits.message_timeout;
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

    /// Whether all of it has come.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if let Some(rest) = self.inner.take().filter(|_| !self.has_ended) {
            discard(rest, self.call.worker());
        }
    }
}

/// Lets the rest of a request come in for a while that was answered before its end. Frames that meet
/// a stream which we have left are errors to HTTP/2, and a client that causes many of them, by no
/// fault of its own, would lose its connection with all its calls.
pub(crate) fn discard(mut rest: Incoming, worker: &Worker) {
    if rest.is_end_stream() || worker.is_drained() {
        return;
    }
    let Ok(runtime) = Handle::try_current() else { return };
    let enough = worker.timer.sleep(DISCARD_TIME);
    runtime.spawn(async move {
        let reading = async { while let Some(Ok(_)) = rest.frame().await {} };
        tokio::select! {
            () = reading => {}
            _ = enough => {}
        }
    });
}
