//! The answers of a call, watched on their way out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
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
    chunks: Chunks,
    /// What of the last of its chunks was not handed over yet.
    rest: Bytes,
    /// How many bytes of that the call holds.
    held_bytes: u64,
    /// Until the answer has ended.
    call: Option<Arc<Call>>,
}

/// Where the chunks of an answer come from.
#[derive(Debug)]
enum Chunks {
    /// The generated service, or the HTTP face.
    Body(Body),
    /// There was but one, and after it comes OK.
    One,
}

impl AnswerBody {
    fn new(chunks: Chunks, call: Option<Arc<Call>>) -> Self {
        Self { chunks, rest: Bytes::new(), held_bytes: 0, call }
    }

    /// A body that ends no call: one that has ended, or none.
    pub(crate) fn plain(response: Response<Body>) -> Response<Self> {
        response.map(|inner| Self::new(Chunks::Body(inner), None))
    }

    /// The answer of a gRPC call, whose head may already be all of it.
    pub(crate) fn of_call(mut response: Response<Body>, call: Arc<Call>) -> Response<Self> {
        finish_with(response.headers_mut(), &call);
        response.map(|inner| Self::new(Chunks::Body(inner), Some(call)))
    }

    /// The answer of a gRPC call that has one message, with its prefix.
    pub(crate) fn of_message(message: Bytes, call: Arc<Call>) -> Response<Self> {
        let mut body = Self::new(Chunks::One, None);
        let kept = body.keep(message, &call);
        body.call = Some(call);
        // What cuts the call is said when the body is read.
        drop(kept);
        let mut response = Response::new(body);
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(header::CONTENT_TYPE, grpc);
        response
    }

    /// Keeps a chunk; one that is not handed over at once is held by the call.
    fn keep(&mut self, chunk: Bytes, call: &Call) -> Result<(), Cut> {
        self.rest = chunk;
        if self.rest.len() <= PIECE_BYTES {
            return Ok(());
        }
        let bytes = self.rest.len() as u64;
        call.hold(bytes).map_err(|refusal| {
            let cut = Cut::Refused(refusal);
            call.cut(cut.clone());
            cut
        })?;
        self.held_bytes = bytes;
        Ok(())
    }

    /// The frame that says what cut the call; nothing comes after it.
    fn end_with(&mut self, cut: &Cut, call: &Call) -> Frame<Bytes> {
        let mut trailers = HeaderMap::with_capacity(3);
        // It only fails for a message that no header can hold, and ours is percent-encoded.
        let _ = cut.status(&call.timing_at_end()).add_header(&mut trailers);
        *self = Self::new(Chunks::Body(Body::empty()), None);
        Frame::trailers(trailers)
    }

    /// Hands the next piece over.
    fn piece(&mut self, call: &Call) -> Frame<Bytes> {
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        let released = self.held_bytes.min(piece.len() as u64);
        if released > 0 {
            self.held_bytes -= released;
            call.release(released);
        }
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

/// The trailers of a call that was answered.
fn ok() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
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
        let Some(call) = this.call.clone() else {
            return match &mut this.chunks {
                Chunks::Body(inner) => Pin::new(inner).poll_frame(cx),
                Chunks::One => Poll::Ready(None),
            };
        };
        if let Some(cut) = call.why_cut() {
            return Poll::Ready(Some(Ok(this.end_with(&cut, &call))));
        }
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.piece(&call))));
        }
        let Chunks::Body(inner) = &mut this.chunks else {
            this.call = None;
            call.finish(Outcome::Answered);
            return Poll::Ready(Some(Ok(Frame::trailers(ok()))));
        };
        let mut frame = match ready!(Pin::new(inner).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => {
                    let frame = match this.keep(chunk, &call) {
                        Ok(()) => this.piece(&call),
                        Err(cut) => this.end_with(&cut, &call),
                    };
                    return Poll::Ready(Some(Ok(frame)));
                }
                Err(trailers) => Some(Ok(trailers)),
            },
            ended => ended,
        };
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
        match &self.chunks {
            Chunks::Body(inner) => self.rest.is_empty() && inner.is_end_stream(),
            Chunks::One => self.call.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.chunks {
            Chunks::Body(inner) if self.rest.is_empty() => inner.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
