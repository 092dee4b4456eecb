//! One HTTP/2 connection, and the calls on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{Builder, SendRequest};
use http::{Request, Response};
use longsync_timer::Timer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, oneshot};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::client::GrpcService;

use crate::answer::{Expected, Limits, PAGE_BYTES, Reader, sanitised};
use crate::body::{AnswerBody, Hold, Outgoing, Stamps, Start, send_rest};
use crate::first_words::{FirstWords, Listening};
use crate::incoming::Incoming;
use crate::rpc::page_status;
use crate::status::{from_h2, is_unseen};
use crate::streams::{Place, Streams};

/// What h2 takes for the peer's limit on streams until the peer has said it.
pub(crate) const NOT_SAID_YET: usize = usize::MAX - 1;
/// Room for the largest message of the contract, 4 MiB and what is around it: it comes in one go,
/// however long the way back is.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024 + 64 * 1024;
/// Room for many answers that are due at once.
const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;
/// h2 takes many small frames that are not read yet for a flood; answers due at once are such frames.
const DATA_FRAME_BUDGET: usize = 64 * 1024 * 1024;

/// HTTP/2 as all connections of ours speak it.
pub(crate) fn http2() -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(DATA_FRAME_BUDGET)
        .initial_max_send_streams(NOT_SAID_YET)
        // A client that cancels many calls must not close its own connection.
        .max_local_error_reset_streams(None)
        .enable_push(false);
    builder
}

/// One HTTP/2 connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Bytes>,
    streams: Streams,
    is_closed: AtomicBool,
    /// It has ended, or its peer allows another number of streams.
    changed: Notify,
    timer: Timer,
}

impl Connection {
    /// Begins HTTP/2 over `io`, and waits for the peer's settings: only then is it known how many
    /// streams it allows. The connection runs on the caller's runtime until all its handles are gone.
    ///
    /// # Errors
    /// When the peer does not speak HTTP/2, or leaves.
    ///
    /// # Cancel safety
    /// `io` is closed; nothing else is lost.
    pub async fn begin<IO>(io: IO, timer: Timer) -> io::Result<Arc<Self>>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (io, first_words) = Listening::new(io);
        let (sender, driver) =
            http2().handshake(io).await.map_err(|error| first_words.explain(error))?;
        let connection = Arc::new(Self {
            sender,
            streams: Streams::default(),
            is_closed: AtomicBool::new(false),
            changed: Notify::new(),
            timer,
        });
        connection.settle(driver, &first_words).await?;
        Ok(connection)
    }

    /// Has the connection run, and waits for the peer's settings.
    async fn settle<IO>(
        self: &Arc<Self>,
        mut driver: h2::client::Connection<IO, Bytes>,
        first_words: &FirstWords,
    ) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (settled, mut has_settled) = oneshot::channel();
        let mut settled = Some(settled);
        let weak = Arc::downgrade(self);
        let driving = tokio::spawn(async move {
            let mut max_streams = NOT_SAID_YET;
            let ended = poll_fn(|cx| {
                let ended = Pin::new(&mut driver).poll(cx);
                if driver.max_concurrent_send_streams() != max_streams {
                    max_streams = driver.max_concurrent_send_streams();
                    settled.take().map(|settled| settled.send(()));
                    weak.upgrade().inspect(|connection| connection.changed.notify_waiters());
                }
                ended
            })
            .await;
            if let Some(connection) = weak.upgrade() {
                connection.is_closed.store(true, Ordering::Relaxed);
                connection.changed.notify_waiters();
            }
            ended
        });
        if (&mut has_settled).await.is_ok() {
            return Ok(());
        }
        Err(match driving.await {
            Ok(Err(error)) => first_words.explain(error),
            _ => io::Error::from(io::ErrorKind::UnexpectedEof),
        })
    }

    /// A credit for one call, if the connection is open and its peer allows one more stream.
    pub fn credit(self: &Arc<Self>) -> Option<Credit> {
        if self.is_closed() {
            return None;
        }
        let place = self.streams.take(self.max_streams())?;
        Some(Credit { connection: Arc::clone(self), place: Some(place), stamps: Stamps::default() })
    }

    /// How many streams the peer allows at once.
    pub fn max_streams(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// Whether it can carry no more calls: it has ended, or its peer has said goodbye.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed) || self.lost().is_some()
    }

    /// The timer by which its calls are stamped.
    pub(crate) fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Why it carries no more calls, as far as HTTP/2 knows.
    pub(crate) fn lost(&self) -> Option<h2::Error> {
        let mut cx = Context::from_waker(Waker::noop());
        // A sender that has sent nothing waits for nothing.
        match self.sender.clone().poll_ready(&mut cx) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        }
    }

    /// Waits until the peer allows any calls, or the connection has ended.
    pub(crate) async fn allows_calls(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if self.max_streams() > 0 || self.is_closed() {
                return;
            }
            changed.await;
        }
    }
}

/// The right to one call on a connection. tonic's generated client calls through it, once.
#[derive(Debug)]
pub struct Credit {
    connection: Arc<Connection>,
    place: Option<Place>,
    stamps: Stamps,
}

/// Why a call has no answer, not even its head.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It was not sent: the connection had gone.
    NotSent(h2::Error),
    /// The server says that it never looked at it.
    Unseen(h2::Error),
    /// Of a call that it may have looked at.
    Failed(Status),
}

impl From<NoAnswer> for Status {
    fn from(why: NoAnswer) -> Self {
        match why {
            NoAnswer::NotSent(error) | NoAnswer::Unseen(error) => from_h2(&error),
            NoAnswer::Failed(status) => status,
        }
    }
}

impl Credit {
    /// When the call will have been sent, and done.
    pub fn stamps(&self) -> Stamps {
        self.stamps.clone()
    }

    /// The connection on which the call will go.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Sends the request, stamped as `stamps` has it, and waits for the head of its answer.
    pub(crate) async fn send(
        mut self,
        head: Request<()>,
        body: Outgoing,
        stamps: &Stamps,
    ) -> Result<(Response<RecvStream>, Hold), NoAnswer> {
        match self.place.take() {
            Some(place) => self.connection.send(head, body, place, stamps).await,
            None => Err(NoAnswer::Failed(used())),
        }
    }
}

fn used() -> Status {
    Status::internal("a credit is for one call, and was used")
}

impl GrpcService<Body> for Credit {
    type ResponseBody = AnswerBody;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Status>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(self.place.as_ref().map(|_| ()).ok_or_else(used))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let place = self.place.take();
        let (connection, stamps) = (Arc::clone(&self.connection), self.stamps.clone());
        Box::pin(async move {
            let place = place.ok_or_else(used)?;
            let (head, body) = request.into_parts();
            let (head, body) = (Request::from_parts(head, ()), Outgoing::Open(body));
            let answered = connection.send(head, body, place, &stamps).await;
            let answered = match answered {
                Ok((response, hold)) => for_tonic(response, hold, &connection.timer).await,
                Err(why) => Err(why.into()),
            };
            if answered.is_err() {
                stamps.set_done(connection.timer.now());
            }
            answered
        })
    }
}

/// An answer whose head, and whose trailers, tonic can read though it trusts its peers. One that is
/// not of gRPC ends here.
async fn for_tonic(
    response: Response<RecvStream>,
    hold: Hold,
    timer: &Timer,
) -> Result<Response<AnswerBody>, Status> {
    // tonic has its own limit on messages.
    let limits =
        Limits { message_bytes: 0, expected: Expected::Several(0), page_bytes: PAGE_BYTES };
    let read = Reader::new(response.status(), response.headers(), limits);
    if read.is_ok_and(|reader| reader.is_page()) {
        return Err(page_status(Incoming::new(response, limits)?, timer).await);
    }
    let mut response = response.map(|stream| AnswerBody::new(stream, hold));
    *response.headers_mut() = sanitised(std::mem::take(response.headers_mut()));
    Ok(response)
}

impl Connection {
    /// Sends a request, and waits for the head of its answer.
    async fn send(
        self: &Arc<Self>,
        head: Request<()>,
        body: Outgoing,
        place: Place,
        stamps: &Stamps,
    ) -> Result<(Response<RecvStream>, Hold), NoAnswer> {
        let start = Start::of(body).await.map_err(NoAnswer::Failed)?;
        let mut sender = self.sender.clone();
        poll_fn(|cx| sender.poll_ready(cx)).await.map_err(|error| self.not_sent(error))?;
        stamps.set_sent(self.timer.now());
        let is_all = matches!(start, Start::Whole(None));
        let sent = sender.send_request(head, is_all).map_err(|error| self.not_sent(error))?;
        let (response, mut stream) = sent;
        // Where it fails the stream has ended, and the answer's side says why.
        let mut deliver = |data: Option<Bytes>, is_end| {
            if let Some(data) = data {
                let _ = stream.send_data(data, is_end);
            }
        };
        let sending = match start {
            Start::Whole(data) => {
                deliver(data, true);
                None
            }
            Start::Open(data, rest) => {
                deliver(data, false);
                Some(AbortOnDropHandle::new(tokio::spawn(send_rest(rest, stream))))
            }
        };
        let hold = Hold::new(place, sending, Arc::clone(self), stamps.clone());
        match response.await {
            Ok(response) => Ok((response, hold)),
            Err(error) if is_unseen(&error) => Err(NoAnswer::Unseen(error)),
            Err(error) => Err(NoAnswer::Failed(hold.broken(&error))),
        }
    }

    /// A connection that opens no stream takes no more calls: its peer has said so, or has gone.
    fn not_sent(&self, error: h2::Error) -> NoAnswer {
        self.is_closed.store(true, Ordering::Relaxed);
        NoAnswer::NotSent(error)
    }
}
