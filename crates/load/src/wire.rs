//! A connection's bytes: when they came, how many at a time, and whether more can go.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use longsync_timer::Timer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read before the calls whose answers it brought are looked at: what was read and not
/// looked at lies in memory.
const READ_BUDGET: usize = 64 * 1024;

/// What is known of a connection's bytes, from outside of it.
#[derive(Debug)]
pub(super) struct Gauge {
    timer: Timer,
    last_read: Cell<Instant>,
    budget: Cell<usize>,
    is_blocked: Cell<bool>,
}

impl Gauge {
    pub(super) fn new(timer: Timer) -> Rc<Self> {
        let last_read = Cell::new(timer.now());
        Rc::new(Self {
            timer,
            last_read,
            budget: Cell::new(READ_BUDGET),
            is_blocked: Cell::new(false),
        })
    }

    /// When the last read that brought something returned.
    pub(super) fn last_read(&self) -> Instant {
        self.last_read.get()
    }

    /// Allows as much as one poll of the connection may read.
    pub(super) fn refill(&self) {
        self.budget.set(READ_BUDGET);
    }

    /// Whether the peer takes no bytes now: what is handed to HTTP/2 would stay here.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked.get()
    }
}

/// A stream of bytes whose gauge is read.
#[derive(Debug)]
pub(super) struct Wire<IO> {
    io: IO,
    gauge: Rc<Gauge>,
}

impl<IO> Wire<IO> {
    pub(super) fn new(io: IO, gauge: Rc<Gauge>) -> Self {
        Self { io, gauge }
    }

    fn written<T>(&self, written: Poll<T>) -> Poll<T> {
        self.gauge.is_blocked.set(written.is_pending());
        written
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.gauge.budget.get() == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        let bytes = buf.filled().len() - before;
        this.gauge.budget.set(this.gauge.budget.get().saturating_sub(bytes));
        this.gauge.last_read.set(this.gauge.timer.now());
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.written(written)
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
