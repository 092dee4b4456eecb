//! The answers of a call, watched on their way out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::call::Call;
use crate::counters::Outcome;
use crate::refusal::{Cut, add_timing};

/// How much of an answer is handed to HTTP/2 at a time: a frame. It takes a piece whole as soon as its
/// reader has room for a byte, and then holds what the reader does not take.
const PIECE_BYTES: usize = 16 * 1024;

/// The answer's body: ends with the status of what cut the call, and tells the call how it ended.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    inner: Body,
    /// What of the last of its chunks was not handed over yet.
    rest: Bytes,
    /// Until the answer has ended.
    call: Option<Arc<Call>>,
}

impl AnswerBody {
    /// A body that ends no call: one that has ended, or none.
    pub(crate) fn plain(response: Response<Body>) -> Response<Self> {
        response.map(|inner| Self { inner, rest: Bytes::new(), call: None })
    }

    /// The answer of a gRPC call, whose head may already be all of it.
    pub(crate) fn of_call(mut response: Response<Body>, call: Arc<Call>) -> Response<Self> {
        finish_with(response.headers_mut(), &call);
        response.map(|inner| Self { inner, rest: Bytes::new(), call: Some(call) })
    }

    /// The frame that says what cut the call; nothing comes after it.
    fn end_with(&mut self, cut: &Cut, call: &Call) -> Frame<Bytes> {
        let mut trailers = HeaderMap::with_capacity(3);
        // It only fails for a message that no header can hold, and ours is percent-encoded.
        let _ = cut.status(&call.timing_at_end()).add_header(&mut trailers);
        self.inner = Body::empty();
        self.rest = Bytes::new();
        self.call = None;
        Frame::trailers(trailers)
    }

    /// Hands the next piece over.
    fn piece(&mut self, call: &Call) -> Frame<Bytes> {
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        call.release(piece.len() as u64);
        Frame::data(piece)
    }
}

/// Reads the outcome off a status, if there is one, and puts the timing among its details.
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
        let _ = status.add_header(headers);
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(call) = this.call.clone() else {
            return Pin::new(&mut this.inner).poll_frame(cx);
        };
        if let Some(cut) = call.why_cut() {
            return Poll::Ready(Some(Ok(this.end_with(&cut, &call))));
        }
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.piece(&call))));
        }
        let mut frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        match frame {
            Some(Ok(chunk)) if chunk.data_ref().is_some_and(|data| data.len() > PIECE_BYTES) => {
                this.rest = chunk.into_data().unwrap_or_default();
                if let Err(refusal) = call.hold(this.rest.len() as u64) {
                    call.cut(Cut::Refused(refusal.clone()));
                    return Poll::Ready(Some(Ok(this.end_with(&Cut::Refused(refusal), &call))));
                }
                return Poll::Ready(Some(Ok(this.piece(&call))));
            }
            Some(Ok(chunk)) if chunk.is_data() => return Poll::Ready(Some(Ok(chunk))),
            _ => {}
        }
        // Reading the request may have cut the call; tonic has words of its own for that.
        if let Some(cut) = call.why_cut() {
            return Poll::Ready(Some(Ok(this.end_with(&cut, &call))));
        }
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    finish_with(trailers, &call);
                }
            }
            Some(Err(_)) => {}
            None => this.call = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() { self.inner.size_hint() } else { SizeHint::default() }
    }
}
