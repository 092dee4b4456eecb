//! The requests of a call, watched on their way in.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The messages that have arrived whole and were not taken yet, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<VecDeque<Arrived>>>);

/// A message that has arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    /// When the read of the socket that completed it returned.
    pub(crate) at: Instant,
    bytes: u64,
}

impl Inbox {
    /// The message that was decoded just now, of which `kept` bytes stay in memory.
    pub(crate) fn take(&self, call: &Call, kept: u64) -> Arrived {
        let oldest = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let arrived = oldest.unwrap_or_else(|| Arrived { at: call.now(), bytes: kept });
        call.release(arrived.bytes.saturating_sub(kept));
        arrived
    }
}

/// The request body of a gRPC call: counts what it holds, refuses a message that is too long, and
/// tells the call when its client has gone.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// Until it is dropped.
    inner: Option<Incoming>,
    call: Arc<Call>,
    reads: Arc<Reads>,
    framing: Framing,
    inbox: Inbox,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, call: Arc<Call>, reads: Arc<Reads>, inbox: Inbox) -> Self {
        Self { inner: Some(inner), call, reads, framing: Framing::default(), inbox }
    }

    fn follow(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let at = self.reads.last();
        let max = self.call.worker().shared.config.limits.max_message_bytes;
        let mut inbox = self.inbox.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.framing
            .follow(chunk, max, |bytes| inbox.push_back(Arrived { at, bytes }))
            .map_err(|TooLong { message_bytes }| Refusal::message_too_long(message_bytes, max))?;
        self.call.hold(chunk.len() as u64)
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        let Some(frame) = ready!(Pin::new(inner).poll_frame(cx)) else { return Poll::Ready(None) };
        match frame {
            Ok(frame) => {
                if let Some(Err(refusal)) = frame.data_ref().map(|chunk| this.follow(chunk)) {
                    let why = refusal.message();
                    this.call.cut(Cut::Refused(refusal));
                    return Poll::Ready(Some(Err(why.into())));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Err(error) => {
                // tonic may turn a reset into a clean end of the stream; here it is still seen.
                this.call.client_gone();
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

impl Drop for RequestBody {
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
