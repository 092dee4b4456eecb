//! One HTTP/2 connection, from its first words to its end.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use longsync_timer::Timer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, oneshot};

use crate::first_words::{FirstWords, Listening};
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

    /// A place among the streams, if it is open and its peer allows one more.
    pub(crate) fn take_place(&self) -> Option<Place> {
        if self.is_closed() { None } else { self.streams.take(self.max_streams()) }
    }

    /// What sends a request.
    pub(crate) fn sender(&self) -> SendRequest<Bytes> {
        self.sender.clone()
    }

    /// It opened no stream, so it takes no more calls: its peer has said so, or has gone.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
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
