//! One HTTP/2 connection, and the calls on it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::{Request, Response};
use longsync_timer::Timer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::client::GrpcService;

use crate::body::{AnswerBody, Stamps, Start, send_rest};
use crate::status::from_h2;
use crate::streams::{Place, Streams};

/// What h2 takes for the peer's limit on streams until the peer has said it.
pub(crate) const NOT_SAID_YET: usize = usize::MAX - 1;
/// Room for an answer with a payload of 4 MiB in a few round trips.
const STREAM_WINDOW: u32 = 1024 * 1024;
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
        let (sender, mut driver) = http2().handshake(io).await.map_err(io::Error::other)?;
        let connection = Arc::new(Self {
            sender,
            streams: Streams::default(),
            is_closed: AtomicBool::new(false),
            timer,
        });
        let (settled, mut has_settled) = oneshot::channel();
        let mut settled = Some(settled);
        let weak = Arc::downgrade(&connection);
        let driving = tokio::spawn(async move {
            let ended = poll_fn(|cx| {
                let ended = Pin::new(&mut driver).poll(cx);
                if driver.max_concurrent_send_streams() != NOT_SAID_YET
                    && let Some(settled) = settled.take()
                {
                    let _ = settled.send(());
                }
                ended
            })
            .await;
            if let Some(connection) = weak.upgrade() {
                connection.is_closed.store(true, Ordering::Relaxed);
            }
            ended
        });
        if (&mut has_settled).await.is_err() {
            return Err(match driving.await {
                Ok(Err(error)) => io::Error::other(error),
                _ => io::Error::from(io::ErrorKind::UnexpectedEof),
            });
        }
        Ok(connection)
    }

    /// A credit for one call, if the connection is open and its peer allows one more stream.
    pub fn credit(self: &Arc<Self>) -> Option<Credit> {
        if self.is_closed.load(Ordering::Relaxed) {
            return None;
        }
        let place = self.streams.take(self.max_streams())?;
        Some(Credit { connection: Arc::clone(self), place: Some(place), stamps: Stamps::default() })
    }

    /// How many streams the peer allows at once.
    pub fn max_streams(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// Whether it can carry no more calls.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }
}

/// The right to one call on a connection. tonic's generated client calls through it, once.
#[derive(Debug)]
pub struct Credit {
    connection: Arc<Connection>,
    place: Option<Place>,
    stamps: Stamps,
}

impl Credit {
    /// When the call will have been sent, and done.
    pub fn stamps(&self) -> Stamps {
        self.stamps.clone()
    }
}

impl GrpcService<Body> for Credit {
    type ResponseBody = AnswerBody;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Status>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(match self.place {
            Some(_) => Ok(()),
            None => Err(Status::internal("a credit is for one call, and was used")),
        })
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let place = self.place.take();
        let (connection, stamps) = (Arc::clone(&self.connection), self.stamps.clone());
        Box::pin(async move {
            let place =
                place.ok_or_else(|| Status::internal("a credit is for one call, and was used"))?;
            let answered = connection.send(request, place, &stamps).await;
            if answered.is_err() {
                stamps.set_done(connection.timer.now());
            }
            answered
        })
    }
}

impl Connection {
    /// Sends a request, and waits for the head of its answer.
    async fn send(
        &self,
        request: Request<Body>,
        place: Place,
        stamps: &Stamps,
    ) -> Result<Response<AnswerBody>, Status> {
        let (head, body) = request.into_parts();
        let head = Request::from_parts(head, ());
        let start = Start::of(body).await?;
        let mut sender = self.sender.clone();
        poll_fn(|cx| sender.poll_ready(cx)).await.map_err(|error| self.failed(&error))?;
        stamps.set_sent(self.timer.now());
        let is_all = matches!(start, Start::Whole(None));
        let sent = sender.send_request(head, is_all).map_err(|error| self.failed(&error))?;
        let (response, mut stream) = sent;
        let mut deliver = |data: Option<Bytes>, is_end| match data {
            Some(data) => stream.send_data(data, is_end).map_err(|error| from_h2(&error)),
            None => Ok(()),
        };
        let sending = match start {
            Start::Whole(data) => {
                deliver(data, true)?;
                None
            }
            Start::Open(data, rest) => {
                deliver(data, false)?;
                Some(AbortOnDropHandle::new(tokio::spawn(send_rest(rest, stream))))
            }
        };
        let response = response.await.map_err(|error| from_h2(&error))?;
        let timer = self.timer.clone();
        Ok(response.map(|body| AnswerBody::new(body, place, sending, timer, stamps.clone())))
    }

    /// A connection that refuses a stream takes no more: its peer has said so, or has gone.
    fn failed(&self, error: &h2::Error) -> Status {
        self.is_closed.store(true, Ordering::Relaxed);
        from_h2(error)
    }
}
