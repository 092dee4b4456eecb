//! Watches the answers of a call on their way out.

use std::error::Error;
use std::future::Future as _;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body as _, Frame, SizeHint};
use tonic::body::Body;

use crate::body::batches::{Batches, MessageStream};
use crate::body::pace::Pace;
use crate::body::piece::{AnswerPiece, PIECE_BYTES};
use crate::body::rest::LingeringEnd;
use crate::body::room::Room;
use crate::call::Call;
use crate::call::ending::Ending;
use crate::shared::counters::CallKind;

/// The body of an answer. If the call is cut, the body ends with the status for the cause. It reports to the
/// call how it ended.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    chunks: Chunks,
    /// The part of the last chunk that has not been handed over yet.
    rest: Bytes,
    /// The number of bytes handed over.
    handed_over: u64,
    /// Set until the answer has ended.
    call: Option<Arc<Call>>,
    /// [`None`] for nearly all answers.
    delays: Option<Box<AnswerDelays>>,
    /// The memory reserved for a request that is not a call, until the answer's piece takes it over.
    room: Option<Room>,
}

/// What makes an answer take longer. Boxed, so that other answers take less room.
#[derive(Debug, Default)]
struct AnswerDelays {
    /// Holds back the end of the body, and is not part of the call.
    lingering: Option<Box<LingeringEnd>>,
    /// How the answer is sent, if not as fast as it can be.
    pace: Option<Pace>,
}

/// The source of an answer's chunks.
#[derive(Debug)]
enum Chunks {
    /// The body of an HTTP answer.
    Body(Body),
    /// A stream of messages.
    Messages(Batches),
    /// The only message was handed over; OK follows.
    One,
    /// No chunks are left; only the end follows, when the client's windows allow it.
    End(Box<AnswerEnd>),
    /// No chunks are left because the call was cut; only its status follows.
    Cut,
    /// No chunks are left because a planned fault follows, which leaves no status.
    Fault(Box<Ending>),
    /// No chunks are left; OK follows.
    Answered,
    /// Nothing is left.
    Over,
}

/// How an answer ends.
#[derive(Debug)]
struct AnswerEnd {
    trailers: HeaderMap,
    ending: Ending,
}

type FramePoll = Poll<Option<Result<Frame<AnswerPiece>, BodyError>>>;

/// Why an answer breaks off.
type BodyError = Box<dyn Error + Send + Sync>;

impl AnswerBody {
    fn new(chunks: Chunks, call: Option<Arc<Call>>) -> Self {
        let rest = Bytes::new();
        Self { chunks, rest, handed_over: 0, call, delays: None, room: None }
    }

    /// Holds back the end of the answer.
    pub(crate) fn linger(&mut self, lingering: LingeringEnd) {
        self.delays.get_or_insert_default().lingering = Some(Box::new(lingering));
    }

    /// A body that does not end a call: the call has already ended, or there was none.
    pub(crate) fn plain(response: Response<Body>, room: Option<Room>) -> Response<Self> {
        response.map(|inner| Self { room, ..Self::new(Chunks::Body(inner), None) })
    }

    /// The answer of a call over HTTP.
    pub(crate) fn of_http(response: Response<Body>, call: Arc<Call>) -> Response<Self> {
        call.finish(Ending::Answered);
        response.map(|inner| {
            let mut body = Self::new(Chunks::Body(inner), None);
            // HTTP asks for the length before it polls.
            body.look_for_pace(&call);
            Self { call: Some(call), ..body }
        })
    }

    /// The answer of a gRPC call, with these messages.
    pub(crate) fn of_messages(messages: MessageStream, call: Arc<Call>) -> Response<Self> {
        grpc(Self::new(Chunks::Messages(Batches::new(messages)), Some(call)))
    }

    /// The answer of a gRPC call, with one message and its prefix.
    pub(crate) fn of_message(message: Bytes, call: Arc<Call>) -> Response<Self> {
        grpc(Self { rest: message, ..Self::new(Chunks::One, Some(call)) })
    }

    /// Finds out how the answer is sent. An exchange knows that only when its first request has arrived.
    fn look_for_pace(&mut self, call: &Call) {
        if let Some(delivery) = call.delivery() {
            let delays = self.delays.get_or_insert_default();
            delays.pace.get_or_insert_with(|| Pace::new(delivery));
        }
    }

    /// Hands over an answer that is a single piece and that no window can hold up; the piece takes ownership
    /// of the call. Returns the call for any other answer.
    fn hand_over_whole(&mut self, call: Arc<Call>) -> Result<AnswerPiece, Arc<Call>> {
        let bytes = self.rest.len();
        let is_whole = matches!(self.chunks, Chunks::One) && (1..=PIECE_BYTES).contains(&bytes);
        if !is_whole
            || self.pace().is_some()
            || !call.would_be_allowed(bytes as u64)
            || call.why_cut().is_some()
        {
            return Err(call);
        }
        call.finish(Ending::Answered);
        self.chunks = Chunks::Answered;
        Ok(AnswerPiece::last_of(call, mem::take(&mut self.rest)))
    }

    fn pace(&mut self) -> Option<&mut Pace> {
        self.delays.as_mut()?.pace.as_mut()
    }

    fn lingers(&self) -> bool {
        self.delays.as_ref().is_some_and(|delays| delays.lingering.is_some())
    }

    /// Whether its end comes later than its last byte, as planned.
    fn ends_later(&self) -> bool {
        let pace = self.delays.as_ref().and_then(|delays| delays.pace.as_ref());
        pace.is_some_and(Pace::ends_later)
    }

    /// Notes that nothing more can be sent for now.
    fn pause(&mut self) {
        if let Some(pace) = self.pace() {
            pace.pause();
        }
    }

    /// Hands over the next piece. Closed windows hold up at most one piece per stream.
    fn poll_piece(&mut self, call: &Arc<Call>, cx: &mut Context<'_>) -> FramePoll {
        let mut bytes = self.rest.len().min(PIECE_BYTES);
        let handed_over = call.handed_over() as usize;
        if handed_over > 0 && handed_over + bytes > PIECE_BYTES {
            self.pause();
            call.wait_for_encoder(cx);
            return Poll::Pending;
        }
        if let Some(pace) = self.pace() {
            bytes = ready!(pace.poll_piece(bytes, call, cx));
        }
        self.handed_over += bytes as u64;
        Poll::Ready(Some(Ok(Frame::data(AnswerPiece::of(call, self.rest.split_to(bytes))))))
    }

    /// Ready when the answer may end. If its end comes later as planned, the delay begins when the last byte
    /// was encoded.
    fn poll_pace(&mut self, call: &Call, cx: &mut Context<'_>) -> Poll<()> {
        let Some(pace) = self.pace() else { return Poll::Ready(()) };
        if pace.ends_later() && call.handed_over() > 0 {
            call.wait_for_encoder(cx);
            return Poll::Pending;
        }
        pace.poll_end(call, cx)
    }

    /// Ends the stream. If the client's windows may hold up the data, the end waits until the data is
    /// encoded, because a deadline must still be able to reach the call.
    fn poll_end(&mut self, end: AnswerEnd, call: &Call, cx: &mut Context<'_>) -> FramePoll {
        if end.ending == Ending::Answered && self.poll_pace(call, cx).is_pending() {
            self.chunks = Chunks::End(Box::new(end));
            return Poll::Pending;
        }
        if call.handed_over() > 0 && !call.is_allowed(self.handed_over) {
            self.chunks = Chunks::End(Box::new(end));
            call.wait_for_encoder(cx);
            return Poll::Pending;
        }
        let AnswerEnd { trailers, ending } = end;
        call.finish(ending);
        self.chunks = Chunks::Over;
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    /// Ends the stream with the status for what cut the call. That status could not get past data that
    /// the client's windows hold up; in that case the stream is reset, after one more turn in which the
    /// data just handed over may still go out.
    fn poll_cut(&mut self, why: &Ending, call: &Call, cx: &Context<'_>) -> FramePoll {
        self.rest = Bytes::new();
        if call.handed_over() > 0 && !call.is_allowed(self.handed_over) {
            if !matches!(self.chunks, Chunks::Cut) {
                self.chunks = Chunks::Cut;
                call.ask_for_last_words();
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        self.chunks = Chunks::Over;
        Poll::Ready(Some(Ok(Frame::trailers(call.trailers(why)))))
    }

    /// Ends the call by a planned fault that leaves no status, once everything before it has gone out.
    fn poll_fault(&mut self, ending: Box<Ending>, call: &Call, cx: &Context<'_>) -> FramePoll {
        let end = if call.handed_over() > 0 {
            call.wait_for_encoder(cx);
            Poll::Pending
        } else {
            call.end_unanswered(&ending).unwrap_or(Poll::Pending)
        };
        match end {
            Poll::Pending => {
                self.chunks = Chunks::Fault(ending);
                Poll::Pending
            }
            Poll::Ready(reset) => {
                self.chunks = Chunks::Over;
                Poll::Ready(Some(Err(reset.into())))
            }
        }
    }

    fn poll_plain(&mut self, cx: &mut Context<'_>) -> FramePoll {
        let inner = match &mut self.chunks {
            Chunks::Body(inner) => inner,
            Chunks::Answered => {
                self.chunks = Chunks::Over;
                return Poll::Ready(Some(Ok(Frame::trailers(Ending::ok()))));
            }
            _ => return Poll::Ready(None),
        };
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        let room = &mut self.room;
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map(|it| it.map_data(|bytes| AnswerPiece::plain(bytes, room.take())));
            frame.map_err(Into::into)
        }))
    }

    /// The answer to a call over HTTP.
    fn poll_http(&mut self, call: &Arc<Call>, cx: &mut Context<'_>) -> FramePoll {
        while self.rest.is_empty() {
            let Chunks::Body(inner) = &mut self.chunks else { return Poll::Ready(None) };
            match ready!(Pin::new(inner).poll_frame(cx)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => {
                    ready!(self.poll_pace(call, cx));
                    self.chunks = Chunks::Over;
                    return Poll::Ready(None);
                }
            }
        }
        self.poll_piece(call, cx)
    }

    fn poll_call(&mut self, call: &Arc<Call>, cx: &mut Context<'_>) -> FramePoll {
        if let Some(why) = call.why_cut() {
            return self.poll_cut(&why, call, cx);
        }
        if !self.rest.is_empty() {
            return self.poll_piece(call, cx);
        }
        let messages = match &mut self.chunks {
            Chunks::Messages(messages) => messages,
            Chunks::One => {
                let end = AnswerEnd { trailers: Ending::ok(), ending: Ending::Answered };
                return self.poll_end(end, call, cx);
            }
            Chunks::End(_) => {
                let Chunks::End(end) = mem::replace(&mut self.chunks, Chunks::Over) else {
                    return Poll::Ready(None);
                };
                return self.poll_end(*end, call, cx);
            }
            Chunks::Fault(_) => {
                let Chunks::Fault(ending) = mem::replace(&mut self.chunks, Chunks::Over) else {
                    return Poll::Ready(None);
                };
                return self.poll_fault(ending, call, cx);
            }
            Chunks::Body(_) | Chunks::Cut | Chunks::Answered | Chunks::Over => {
                return Poll::Ready(None);
            }
        };
        // Anything produced now would only wait.
        if call.handed_over() as usize >= PIECE_BYTES {
            self.pause();
            call.wait_for_encoder(cx);
            return Poll::Pending;
        }
        let Poll::Ready(next) = messages.poll_next(cx) else {
            self.pause();
            return Poll::Pending;
        };
        // Its first message may just have said how the answer is sent.
        self.look_for_pace(call);
        // Reading the request may have cut the call in the meantime.
        if let Some(why) = call.why_cut() {
            return self.poll_cut(&why, call, cx);
        }
        let ending = match next {
            Some(Ok(chunk)) => {
                self.rest = chunk;
                return self.poll_piece(call, cx);
            }
            Some(Err(ending)) => ending,
            None => Ending::Answered,
        };
        if ending.leaves_no_status() {
            return self.poll_fault(Box::new(ending), call, cx);
        }
        self.poll_end(AnswerEnd { trailers: call.trailers(&ending), ending }, call, cx)
    }
}

/// The answer of a gRPC call.
fn grpc(body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

impl http_body::Body for AnswerBody {
    type Data = AnswerPiece;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> FramePoll {
        let call = self.call.take();
        if let Some(call) = &call {
            self.look_for_pace(call);
        }
        let polled = match call.map(|call| self.hand_over_whole(call)) {
            None => self.poll_plain(cx),
            Some(Ok(piece)) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Some(Err(call)) => {
                let polled = match call.kind() {
                    Some(CallKind::Http) => self.poll_http(&call, cx),
                    _ => self.poll_call(&call, cx),
                };
                if !matches!(self.chunks, Chunks::Over) {
                    self.call = Some(call);
                }
                polled
            }
        };
        if let (Poll::Ready(None), Some(delays)) = (&polled, &mut self.delays)
            && let Some(lingering) = &mut delays.lingering
        {
            ready!(Pin::new(lingering).poll(cx));
            delays.lingering = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        if self.lingers() {
            return false;
        }
        match &self.chunks {
            Chunks::Body(inner) => {
                self.rest.is_empty() && inner.is_end_stream() && !self.ends_later()
            }
            Chunks::Messages(_)
            | Chunks::One
            | Chunks::End(_)
            | Chunks::Cut
            | Chunks::Fault(_)
            | Chunks::Answered => false,
            Chunks::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.lingers() {
            return SizeHint::default();
        }
        match &self.chunks {
            // An answer without a known length ends with its last chunk, which can come later.
            _ if self.ends_later() => SizeHint::default(),
            Chunks::Body(inner) if self.rest.is_empty() => inner.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
