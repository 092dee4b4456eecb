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
use crate::refusal::add_timing;

/// The answer's body: ends with the status of what cut the call, and tells the call how it ended.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    inner: Body,
    /// Until the answer has ended.
    call: Option<Arc<Call>>,
}

impl AnswerBody {
    /// A body that ends no call: one that has ended, or none.
    pub(crate) fn plain(response: Response<Body>) -> Response<Self> {
        response.map(|inner| Self { inner, call: None })
    }

    /// The answer of a gRPC call, whose head may already be all of it.
    pub(crate) fn of_call(mut response: Response<Body>, call: Arc<Call>) -> Response<Self> {
        finish_with(response.headers_mut(), &call);
        response.map(|inner| Self { inner, call: Some(call) })
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
