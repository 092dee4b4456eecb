//! A connection's bytes: what they are, when they came, and how many at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use longsync_timer::Timer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::foreign::{self, Foreign, Judged};

/// How much is read before the connection's calls are looked at. A connection writes only when its
/// reads have nothing more, so that answers which are due would wait behind all there is to parse.
const READ_BUDGET: usize = 64 * 1024;

/// What an HTTP/2 client says first (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The reads of one connection, seen from outside of it.
#[derive(Debug)]
pub(crate) struct Reads {
    timer: Timer,
    opened: Instant,
    last_ns: AtomicU64,
    budget: AtomicUsize,
}

impl Reads {
    /// When the last read that brought something returned.
    pub(crate) fn last(&self) -> Instant {
        self.opened + Duration::from_nanos(self.last_ns.load(Ordering::Relaxed))
    }

    /// Allows as much as one poll of a connection may read.
    pub(crate) fn refill(&self) {
        self.budget.store(READ_BUDGET, Ordering::Relaxed);
    }

    fn read(&self, bytes: usize) {
        let since = self.timer.now().saturating_duration_since(self.opened);
        self.last_ns.store(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let left = self.budget.load(Ordering::Relaxed).saturating_sub(bytes);
        self.budget.store(left, Ordering::Relaxed);
    }
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// A stream of bytes whose reads are watched and bounded.
#[derive(Debug)]
pub(crate) struct Watched<IO> {
    io: IO,
    reads: Arc<Reads>,
    /// What was read to find out the protocol, and was not yet read by it.
    head: Bytes,
    /// What it is, if it is none of either.
    foreign: Option<Foreign>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Watched<IO> {
    pub(crate) fn new(io: IO, timer: &Timer) -> Self {
        let reads = Reads {
            timer: timer.clone(),
            opened: timer.now(),
            last_ns: AtomicU64::new(0),
            budget: AtomicUsize::new(READ_BUDGET),
        };
        Self { io, reads: Arc::new(reads), head: Bytes::new(), foreign: None }
    }

    pub(crate) fn reads(&self) -> &Arc<Reads> {
        &self.reads
    }

    /// What the client began with that is not HTTP, once that is clear.
    pub(crate) fn foreign(&self) -> Option<Foreign> {
        self.foreign
    }

    /// Reads until it is clear what the client speaks. [`None`]: it left before that.
    pub(crate) async fn protocol(&mut self) -> io::Result<Option<Protocol>> {
        let mut head = BytesMut::with_capacity(HTTP2_PREFACE.len());
        let protocol = loop {
            let known = head.len().min(HTTP2_PREFACE.len());
            if head[..known] != HTTP2_PREFACE[..known] {
                match foreign::judge(&head) {
                    Judged::Unclear => {}
                    Judged::Foreign(foreign) => {
                        self.foreign = Some(foreign);
                        break Some(Protocol::Http1);
                    }
                    Judged::Other => break Some(Protocol::Http1),
                }
            } else if known == HTTP2_PREFACE.len() {
                break Some(Protocol::Http2);
            }
            let bytes = self.io.read_buf(&mut head).await?;
            if bytes == 0 {
                break None;
            }
            self.reads.read(bytes);
        };
        self.head = head.freeze();
        Ok(protocol)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.head.has_remaining() {
            let taken = this.head.len().min(buf.remaining());
            buf.put_slice(&this.head.split_to(taken));
            return Poll::Ready(Ok(()));
        }
        if this.reads.budget.load(Ordering::Relaxed) == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        this.reads.read(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
