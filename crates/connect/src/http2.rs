//! HTTP/2 as our clients begin it, and the wait for the peer's settings.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::first_words::{FirstWords, FirstWordsWatcher};
use crate::watched::WatchedIo;

/// h2's value for the peer's limit on streams until the peer has sent its settings.
const NOT_SAID_YET: usize = usize::MAX - 1;
/// Room for the largest message of the contract, 4 MiB plus its framing: it arrives without a pause, however
/// long the round trip is.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024 + 64 * 1024;
/// Room for many answers that are due at once.
const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;
/// h2 takes many small unread frames for a flood; answers that are due at once are such frames.
const DATA_FRAME_BUDGET: usize = 64 * 1024 * 1024;

/// A connection that speaks HTTP/2 and runs while it is polled. It ends when all its senders have been
/// dropped and their calls have ended, or when its peer ends it.
pub struct Http2<IO> {
    driver: Connection<WatchedIo<IO, FirstWordsWatcher>, Bytes>,
    first_words: FirstWords,
    life: Life,
}

/// Whether a connection still runs.
#[derive(Debug)]
enum Life {
    Runs,
    /// The connection has ended with this result, which has not been reported yet.
    Ended(Result<(), h2::Error>),
    /// The end has been reported.
    Told,
}

impl<IO> fmt::Debug for Http2<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2").field("life", &self.life).finish_non_exhaustive()
    }
}

fn settings() -> Builder {
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

impl<IO: AsyncRead + AsyncWrite + Unpin> Http2<IO> {
    /// Begins HTTP/2 over `io`, and waits for the peer's settings, which contain its limit on streams.
    /// `before_poll` is called before each poll of the connection. Returns the handle that sends requests,
    /// and the connection, which must be polled further.
    ///
    /// # Errors
    /// If the peer does not speak HTTP/2, or disconnects before it has sent its settings.
    ///
    /// # Cancel safety
    /// `io` is closed; nothing else is lost.
    pub async fn begin(
        io: IO,
        before_poll: impl FnMut(),
    ) -> io::Result<(SendRequest<Bytes>, Self)> {
        let first_words = FirstWords::default();
        let io = WatchedIo::new(io, first_words.watcher());
        let begun = settings().handshake(io).await;
        let (sender, driver) = begun.map_err(|error| first_words.explain(error))?;
        let mut connection = Self { driver, first_words, life: Life::Runs };
        connection.settle(before_poll).await?;
        Ok((sender, connection))
    }

    /// Runs the connection until the peer's settings have arrived, perhaps together with its last frames.
    async fn settle(&mut self, mut before_poll: impl FnMut()) -> io::Result<()> {
        let ended = poll_fn(|cx| {
            before_poll();
            let polled = self.poll(cx);
            if self.max_streams() != NOT_SAID_YET {
                if let Poll::Ready(ended) = polled {
                    self.life = Life::Ended(ended);
                }
                return Poll::Ready(None);
            }
            polled.map(Some)
        });
        match ended.await {
            None => Ok(()),
            Some(Ok(())) => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(Err(error)) => Err(self.first_words.explain(error)),
        }
    }

    /// Runs the connection until its peer allows calls.
    ///
    /// # Errors
    /// If the connection ends before that: why, as far as HTTP/2 knows.
    pub(crate) async fn until_calls_are_allowed(
        &mut self,
        mut before_poll: impl FnMut(),
    ) -> Result<(), Option<h2::Error>> {
        poll_fn(|cx| {
            before_poll();
            match self.poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Err(ended.err())),
                Poll::Pending if self.max_streams() > 0 => Poll::Ready(Ok(())),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Runs the connection: reads what has arrived and writes what is queued. Ready once the connection has
    /// ended; must not be polled after that.
    #[inline]
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let ended = match mem::replace(&mut self.life, Life::Told) {
            Life::Ended(ended) => ended,
            Life::Told => return Poll::Pending,
            Life::Runs => {
                self.life = Life::Runs;
                let ended = ready!(Pin::new(&mut self.driver).poll(cx));
                self.life = Life::Told;
                ended
            }
        };
        Poll::Ready(ended)
    }

    /// How many streams the peer allows at once.
    #[inline]
    pub fn max_streams(&self) -> usize {
        self.driver.max_concurrent_send_streams()
    }
}
