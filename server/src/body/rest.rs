//! The body of a request whose answer does not depend on it. The body is read and discarded, so that a client
//! which is still sending gets to read the answer (RFC 9112, section 9.6).

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;
use longsync_timer::Sleep;

use crate::body::discard::{DISCARD_TIME, discard};
use crate::body::form::FormReader;
use crate::record::{CloseReason, ConnectionRecord};

/// The most bytes that are read of it.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// How long the body is read once the answer is ready, and how long an answer waits for a form.
const LONGEST: Duration = Duration::from_secs(2);
/// How many times we check whether a client has sent its body without waiting for `100 Continue`: in the
/// second turn hyper reads, and in the third we get what it has read.
const LOOKS: u8 = 3;

/// Why a call is refused because of its request's body, which is not otherwise used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// The body is a form that contains this field, which is only read from the query.
    Names(&'static str),
    /// The body's framing is not valid HTTP.
    Malformed,
}

/// The rest of a request.
#[derive(Debug)]
pub(crate) struct Rest {
    body: Incoming,
    record: Arc<ConnectionRecord>,
    received_at: Instant,
    left: u64,
    /// Set if the body is a form that must be read before the request can be answered and has not been read
    /// yet.
    form: Option<FormReader>,
    version: Version,
    /// Whether the client waits for `100 Continue`, which it never gets.
    waits_for_continue: bool,
    has_begun: bool,
}

impl Rest {
    /// The rest of a request. [`None`] if nothing is left.
    pub(crate) fn of(
        request: Request<Incoming>,
        record: &Arc<ConnectionRecord>,
    ) -> Option<Box<Self>> {
        let (head, body) = request.into_parts();
        if body.is_end_stream() {
            return None;
        }
        let header = |name| head.headers.get(name).map(HeaderValue::as_bytes);
        let expects_continue = header(header::EXPECT)
            .is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(b"100-continue"));
        Some(Box::new(Self {
            body,
            record: Arc::clone(record),
            received_at: record.worker().timer().now(),
            left: MOST_BYTES,
            form: header(header::CONTENT_TYPE).and_then(FormReader::of),
            version: head.version,
            waits_for_continue: head.version == Version::HTTP_11 && expects_continue,
            has_begun: false,
        }))
    }

    /// Reads on during a call's wait. Returns why the call must be refused, if it must.
    pub(crate) fn read_on(&mut self, cx: &mut Context<'_>) -> Option<BodyError> {
        // hyper sends `100 Continue` as soon as the body is polled.
        if self.waits_for_continue {
            self.form = None;
            return None;
        }
        match self.poll_read(cx) {
            Poll::Ready(Ok(named)) => named.map(BodyError::Names),
            Poll::Ready(Err(error)) => self.broken(&error),
            Poll::Pending => None,
        }
    }

    /// The time until which the answer waits for a form that has not arrived; [`None`] if it does not wait.
    pub(crate) fn answer_waits_until(&self) -> Option<Instant> {
        let until = self.received_at + LONGEST;
        (self.form.is_some() && self.record.worker().timer().now() < until).then_some(until)
    }

    /// Reads until nothing is left, or enough has been read. Returns the field that a form contains.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<&'static str>, hyper::Error>> {
        while self.left > 0 && !self.body.is_end_stream() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => break,
            };
            self.has_begun = true;
            let Ok(chunk) = frame.into_data() else { continue };
            self.left = self.left.saturating_sub(chunk.len() as u64);
            let named = self.form.as_mut().and_then(|form| form.follow(&chunk));
            if named.is_some() {
                self.form = None;
                return Poll::Ready(Ok(named));
            }
        }
        Poll::Ready(Ok(self.form.take().and_then(|mut form| form.end())))
    }

    /// Decides what a broken body means.
    fn broken(&mut self, error: &hyper::Error) -> Option<BodyError> {
        self.left = 0;
        self.form = None;
        // HTTP/2 ends the stream on its own.
        if self.version == Version::HTTP_2 {
            return None;
        }
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        let kind = cause.map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)) {
            return Some(BodyError::Malformed);
        }
        // hyper would answer anyway, and no longer checks whether anybody is there to read it.
        self.record.wish_to_close(CloseReason::ClientLeft);
        None
    }

    /// Called when the answer is ready. Over HTTP/1.1, the end of the answer waits for the returned future.
    pub(crate) fn answered<B>(self, response: &mut Response<B>) -> Option<LingeringEnd> {
        if self.version == Version::HTTP_2 {
            let worker = self.record.worker();
            if !worker.is_drained() {
                discard(self.body, worker.timer().sleep(DISCARD_TIME));
            }
            return None;
        }
        if self.body.is_end_stream() {
            return None;
        }
        let is_refusal = !response.status().is_success();
        if is_refusal || self.waits_for_continue {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        if is_refusal && self.waits_for_continue {
            return None;
        }
        let over = Box::pin(self.record.worker().timer().sleep(LONGEST));
        let rest = Self { left: MOST_BYTES, ..self };
        Some(LingeringEnd { over, looks: LOOKS, rest })
    }
}

/// Holds back the end of an answer until the rest of its request, or enough of it, has been read.
#[derive(Debug)]
pub(crate) struct LingeringEnd {
    over: Pin<Box<Sleep>>,
    looks: u8,
    rest: Rest,
}

impl Future for LingeringEnd {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.rest.poll_read(cx).is_ready() {
            return Poll::Ready(());
        }
        if this.rest.waits_for_continue && !this.rest.has_begun {
            if this.looks == 0 {
                return Poll::Ready(());
            }
            this.looks -= 1;
            cx.waker().wake_by_ref();
        }
        this.over.as_mut().poll(cx).map(drop)
    }
}
