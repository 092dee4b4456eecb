//! One HTTP/2 connection, from its preface to its end.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::SendRequest;
use longsync_timer::Timer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use crate::http2::Http2;
use crate::streams::{StreamSlot, Streams};

/// One HTTP/2 connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Bytes>,
    streams: Streams,
    is_closed: AtomicBool,
    /// Notified when the connection ends, or when its peer changes the limit on streams.
    changed: Notify,
    timer: Timer,
}

impl Connection {
    /// Begins HTTP/2 over `io`, and waits for the peer's settings, which contain its limit on streams. The
    /// connection runs on the caller's runtime until all its handles have been dropped.
    ///
    /// # Errors
    /// If the peer does not speak HTTP/2, or closes the connection.
    ///
    /// # Cancel safety
    /// `io` is closed; nothing else is lost.
    pub async fn begin<IO>(io: IO, timer: Timer) -> io::Result<Arc<Self>>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, driver) = Http2::begin(io, || ()).await?;
        let connection = Arc::new(Self {
            sender,
            streams: Streams::default(),
            is_closed: AtomicBool::new(false),
            changed: Notify::new(),
            timer,
        });
        tokio::spawn(drive(driver, Arc::downgrade(&connection)));
        Ok(connection)
    }

    /// A stream slot, if the connection is open and its peer allows one more stream.
    pub(crate) fn take_slot(&self) -> Option<StreamSlot> {
        if self.is_closed() { None } else { self.streams.take(self.max_streams()) }
    }

    /// The handle that sends requests.
    pub(crate) fn sender(&self) -> SendRequest<Bytes> {
        self.sender.clone()
    }

    /// Makes the connection take no more calls, because it could not open a stream: its peer sent a GOAWAY,
    /// or has disconnected.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// How many streams the peer allows at once.
    pub fn max_streams(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// Whether the connection can carry no more calls: it has ended, or its peer has sent a GOAWAY.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed) || self.lost().is_some()
    }

    /// The timer that stamps the calls of this connection.
    pub(crate) fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Why the connection carries no more calls, as far as HTTP/2 knows.
    pub(crate) fn lost(&self) -> Option<h2::Error> {
        lost(&self.sender)
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

/// Why a connection carries no more calls, as far as HTTP/2 knows.
pub(crate) fn lost(sender: &SendRequest<Bytes>) -> Option<h2::Error> {
    let mut cx = Context::from_waker(Waker::noop());
    // A sender that has sent nothing is never pending.
    match sender.clone().poll_ready(&mut cx) {
        Poll::Ready(Err(error)) => Some(error),
        Poll::Ready(Ok(())) | Poll::Pending => None,
    }
}

/// Runs the connection until it has ended.
async fn drive<IO>(mut driver: Http2<IO>, connection: Weak<Connection>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let mut max_streams = driver.max_streams();
    // The peer was told of an error, or was lost: either way the connection has ended.
    let _ = poll_fn(|cx| {
        let ended = driver.poll(cx);
        if driver.max_streams() != max_streams {
            max_streams = driver.max_streams();
            connection.upgrade().inspect(|connection| connection.changed.notify_waiters());
        }
        ended
    })
    .await;
    if let Some(connection) = connection.upgrade() {
        connection.is_closed.store(true, Ordering::Relaxed);
        connection.changed.notify_waiters();
    }
}
