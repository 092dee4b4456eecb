//! The bytes of a call's request, watched on their way in.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::runtime::Handle;

use crate::call::Call;
use crate::framing::{Framing, TooLong};
use crate::io::Reads;
use crate::refusal::{Cut, Refusal};
use crate::worker::Worker;

/// How long the rest of a request is read that nobody waits for.
const DISCARD_TIME: Duration = Duration::from_millis(500);

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A message that has arrived whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    /// When the read of the socket that completed it returned.
    pub(crate) at: Instant,
    /// How many bytes of it are held, its prefix included.
    pub(crate) bytes: u64,
}

/// The request of a gRPC call: counts what it holds, refuses a message that is too long, and tells the
/// call when its client has gone.
#[derive(Debug)]
pub(crate) struct Intake {
    /// Until it is dropped.
    inner: Option<Incoming>,
    call: Arc<Call>,
    reads: Arc<Reads>,
    framing: Framing,
}

impl Intake {
    pub(crate) fn new(inner: Incoming, call: Arc<Call>, reads: Arc<Reads>) -> Self {
        Self { inner: Some(inner), call, reads, framing: Framing::default() }
    }

    /// The next frame; `on_message` is told of each message that it completes.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        on_message: impl FnMut(Arrived),
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let Some(frame) = ready!(Pin::new(inner).poll_frame(cx)) else { return Poll::Ready(None) };
        match frame {
            Ok(frame) => {
                let followed = frame.data_ref().map(|chunk| self.follow(chunk, on_message));
                if let Some(Err(refusal)) = followed {
                    let why = refusal.message();
                    self.call.cut(Cut::Refused(refusal));
                    return Poll::Ready(Some(Err(why.into())));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Err(error) => {
                // tonic may turn a reset into a clean end of the stream; here it is still seen.
                self.call.client_gone();
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn follow(&mut self, chunk: &[u8], mut on_message: impl FnMut(Arrived)) -> Result<(), Refusal> {
        let at = self.reads.last();
        let max = self.call.worker().shared.config.limits.max_message_bytes;
        self.framing
            .follow(chunk, max, |bytes| on_message(Arrived { at, bytes }))
            .map_err(|TooLong { message_bytes }| Refusal::message_too_long(message_bytes, max))?;
        self.call.hold(chunk.len() as u64)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if let Some(rest) = self.inner.take() {
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
