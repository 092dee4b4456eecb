//! The bodies of a call: its requests on their way out, its answers on their way in.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http_body::{Body as _, Frame};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::body::Body;

use crate::answer::sanitized;
use crate::connection::Connection;
use crate::status::from_lost;
use crate::streams::StreamSlot;

/// When a call was sent and when it was done.
#[derive(Debug, Clone, Default)]
pub struct Stamps(Arc<StampTimes>);

#[derive(Debug, Default)]
struct StampTimes {
    sent: OnceLock<Instant>,
    done: OnceLock<Instant>,
}

impl Stamps {
    /// When the request's headers were handed to HTTP/2, once the call had a permit for a stream.
    pub fn sent(&self) -> Option<Instant> {
        self.0.sent.get().copied()
    }

    /// When the end of the stream, or its reset, was read.
    pub fn done(&self) -> Option<Instant> {
        self.0.done.get().copied()
    }

    /// Records when the call was sent, unless that is recorded already.
    pub fn set_sent(&self, now: Instant) {
        self.0.sent.get_or_init(|| now);
    }

    /// Records when the call was done, unless that is recorded already.
    pub fn set_done(&self, now: Instant) {
        self.0.done.get_or_init(|| now);
    }
}

/// The body of a request. There are no other forms: exhaustive.
#[derive(Debug)]
pub enum Outgoing {
    /// One message, with its prefix.
    Whole(Bytes),
    /// Messages that are made whenever HTTP/2 has window for them.
    Open(Body),
}

/// The part of a request's body that is ready before anything is sent.
pub(crate) enum Start {
    /// All of it.
    Whole(Option<Bytes>),
    /// Part of it; the rest follows when the caller has made it.
    Open(Option<Bytes>, Body),
}

impl Start {
    /// Polls for the part that is ready. tonic's bodies report that they have ended only when they are polled
    /// once more; polling now saves a unary call an empty frame.
    pub(crate) async fn of(outgoing: Outgoing) -> Result<Self, Status> {
        let mut body = match outgoing {
            Outgoing::Whole(message) => return Ok(Self::Whole(Some(message))),
            Outgoing::Open(body) => body,
        };
        let first = match poll_once(&mut body).await {
            Poll::Pending => return Ok(Self::Open(None, body)),
            Poll::Ready(None) => return Ok(Self::Whole(None)),
            Poll::Ready(Some(frame)) => frame?.into_data().ok(),
        };
        match poll_once(&mut body).await {
            Poll::Ready(None) => Ok(Self::Whole(first)),
            Poll::Pending => Ok(Self::Open(first, body)),
            Poll::Ready(Some(second)) => {
                let second = second?.into_data().unwrap_or_default();
                let first = first.map_or_else(
                    || second.clone(),
                    |first| [first, second.clone()].concat().into(),
                );
                Ok(Self::Open(Some(first), body))
            }
        }
    }
}

async fn poll_once(body: &mut Body) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await
}

/// Sends the rest of a request's body as the caller makes it and the peer's window allows.
pub(crate) async fn send_rest(mut body: Body, mut stream: SendStream<Bytes>) {
    while has_window(&mut stream).await {
        let next = poll_fn(|cx| {
            if stream.poll_reset(cx).is_ready() {
                return Poll::Ready(None);
            }
            Pin::new(&mut body).poll_frame(cx)
        });
        let sent = match next.await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => stream.send_data(data, false),
                Err(_) => continue,
            },
            Some(Err(_)) => return stream.send_reset(h2::Reason::CANCEL),
            None => return drop(stream.send_data(Bytes::new(), true)),
        };
        // The peer has ended the stream; the reading side learns why.
        if sent.is_err() {
            return;
        }
    }
}

/// Waits until everything handed over has been sent and there is window for more.
async fn has_window(stream: &mut SendStream<Bytes>) -> bool {
    stream.reserve_capacity(1);
    poll_fn(|cx| {
        while stream.capacity() == 0 {
            match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    })
    .await
}

/// What a call holds until it has ended: its stream slot, and the task that sends its requests.
#[derive(Debug)]
pub(crate) struct Hold {
    open: Option<OpenStream>,
    connection: Arc<Connection>,
    stamps: Stamps,
}

#[derive(Debug)]
struct OpenStream {
    _slot: StreamSlot,
    _sending: Option<AbortOnDropHandle<()>>,
}

impl Hold {
    pub(crate) fn new(
        slot: StreamSlot,
        sending: Option<AbortOnDropHandle<()>>,
        connection: Arc<Connection>,
        stamps: Stamps,
    ) -> Self {
        Self { open: Some(OpenStream { _slot: slot, _sending: sending }), connection, stamps }
    }

    /// The status of the call if this HTTP/2 error ended it.
    pub(crate) fn broken(&self, error: &h2::Error) -> Status {
        from_lost(error, self.connection.lost().as_ref())
    }

    /// Ends the call, and records when it was done.
    pub(crate) fn end(&mut self) {
        self.stamps.set_done(self.connection.timer().now());
        self.open = None;
    }
}

/// The body of an answer, for tonic's generated client. Returns the call's stream slot when it has ended, and
/// resets the stream if it is dropped before that. Its trailers can be read by a client that trusts its
/// peers.
#[derive(Debug)]
pub struct AnswerBody {
    stream: RecvStream,
    has_data_ended: bool,
    hold: Hold,
}

impl AnswerBody {
    pub(crate) fn new(stream: RecvStream, hold: Hold) -> Self {
        let mut body = Self { stream, has_data_ended: false, hold };
        if body.stream.is_end_stream() {
            body.hold.end();
        }
        body
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
        if !this.has_data_ended {
            match ready!(this.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // It fails only for more bytes than were received.
                    let _ = this.stream.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => {
                    this.hold.end();
                    return Poll::Ready(Some(Err(this.hold.broken(&error))));
                }
                None => this.has_data_ended = true,
            }
        }
        let trailers = ready!(this.stream.poll_trailers(cx));
        this.hold.end();
        Poll::Ready(match trailers {
            Ok(trailers) => trailers.map(sanitized).map(Frame::trailers).map(Ok),
            Err(error) => Some(Err(this.hold.broken(&error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}
