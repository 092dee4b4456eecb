//! A byte stream with a watcher of the bytes that pass.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Is notified of the bytes that pass through a stream.
pub trait Watcher {
    /// Whether the stream may be read now; if pending, the task has been or will be woken when it may.
    #[inline]
    fn poll_may_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// These bytes were read; none at the end of the stream.
    fn has_read(&mut self, bytes: &[u8]);

    /// A write returned: the number of bytes that the stream took, 0 if the write failed; or pending, if the
    /// peer is taking no bytes now.
    #[inline]
    fn has_written(&mut self, bytes: Poll<usize>) {
        let _ = bytes;
    }
}

/// A byte stream that notifies a [`Watcher`].
#[derive(Debug)]
pub struct WatchedIo<IO, W> {
    io: IO,
    watcher: W,
}

impl<IO, W> WatchedIo<IO, W> {
    /// Watches `io` from now on.
    pub fn new(io: IO, watcher: W) -> Self {
        Self { io, watcher }
    }
}

impl<IO: AsyncRead + Unpin, W: Watcher + Unpin> AsyncRead for WatchedIo<IO, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.watcher.poll_may_read(cx));
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        this.watcher.has_read(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

/// The number of bytes that a write took.
fn taken(written: &Poll<io::Result<usize>>) -> Poll<usize> {
    match written {
        Poll::Ready(written) => Poll::Ready(*written.as_ref().unwrap_or(&0)),
        Poll::Pending => Poll::Pending,
    }
}

impl<IO: AsyncWrite + Unpin, W: Watcher + Unpin> AsyncWrite for WatchedIo<IO, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watcher.has_written(taken(&written));
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watcher.has_written(taken(&written));
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
