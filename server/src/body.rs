//! The bodies of a call, watched: requests on their way in, answers on their way out.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::call::Call;
use crate::counters::{Kind, Outcome};
use crate::framing::{Framing, TooLong};
use crate::io::Reads;
use crate::refusal::{Cut, Refusal, add_timing};

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
    inner: Incoming,
    call: Arc<Call>,
    reads: Arc<Reads>,
    framing: Framing,
    inbox: Inbox,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, call: Arc<Call>, reads: Arc<Reads>, inbox: Inbox) -> Self {
        Self { inner, call, reads, framing: Framing::default(), inbox }
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
        let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)) else {
            return Poll::Ready(None);
        };
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
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The answer's body: ends with the status of what cut the call, and tells the call how it ended.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    inner: Body,
    /// Until the answer has ended.
    call: Option<Arc<Call>>,
}

impl AnswerBody {
    /// A body that belongs to no call.
    pub(crate) fn plain(response: Response<Body>) -> Response<Self> {
        response.map(|inner| Self { inner, call: None })
    }

    /// The answer of `call`, whose head may already be all of it.
    pub(crate) fn of_call(mut response: Response<Body>, call: Arc<Call>) -> Response<Self> {
        if call.kind() == Some(Kind::Http) {
            call.finish(if response.status().is_success() {
                Outcome::Answered
            } else {
                Outcome::Refused
            });
        } else if Status::from_header_map(response.headers()).is_some() {
            finish_with(response.headers_mut(), &call);
        }
        response.map(|inner| Self { inner, call: Some(call) })
    }
}

/// Reads the outcome off a status, and puts the timing among its details.
fn finish_with(headers: &mut HeaderMap, call: &Call) {
    let Some(status) = Status::from_header_map(headers) else { return };
    call.finish(match status.code() {
        Code::Ok => Outcome::Answered,
        Code::DeadlineExceeded => Outcome::DeadlineExceeded,
        Code::Unavailable => Outcome::Drained,
        _ => Outcome::Refused,
    });
    if status.code() != Code::Ok && call.kind().is_some() && status.details().is_empty() {
        let status = add_timing(status, &call.timing_at_end());
        // It only fails for a message that no header can hold, and ours is percent-encoded.
        let _ = status.add_header(headers);
    }
}

/// The trailers of a status.
fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(3);
    let _ = status.add_header(&mut trailers);
    trailers
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(call) = &this.call else { return Pin::new(&mut this.inner).poll_frame(cx) };
        if let Some(cut) = call.why_cut() {
            let trailers = trailers(&cut.status(&call.timing_at_end()));
            this.inner = Body::empty();
            this.call = None;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        let mut frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    finish_with(trailers, call);
                }
            }
            Some(Err(_)) => {}
            None => this.call = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
