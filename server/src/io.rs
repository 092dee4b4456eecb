//! A connection's bytes: what they are, when they came, and how many at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::foreign::{self, Foreign, Judged};
use crate::frames::{Frames, Unfinished};
use crate::record::Record;

/// What an HTTP/2 client says first (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// A stream of bytes whose frames are followed, and whose reads are bounded.
#[derive(Debug)]
pub(crate) struct Watched<IO> {
    io: IO,
    record: Arc<Record>,
    /// What was read and not yet passed on: what it took to find out the protocol, and what a turn had
    /// no room for.
    ahead: Bytes,
    /// [`Some`] for HTTP/2 alone.
    frames: Option<Followed>,
    /// What the client began with, if it is not HTTP.
    foreign: Option<Foreign>,
}

/// The frames of both directions.
#[derive(Debug, Default)]
struct Followed {
    /// How much of the preface has not been passed on.
    preface_left: usize,
    incoming: Frames,
    outgoing: Frames,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Watched<IO> {
    pub(crate) fn new(io: IO, record: Arc<Record>) -> Self {
        Self { io, record, ahead: Bytes::new(), frames: None, foreign: None }
    }

    /// What the client began with that is not HTTP, once that is clear.
    pub(crate) fn foreign(&self) -> Option<Foreign> {
        self.foreign
    }

    /// The stream itself, once HTTP is done with it.
    pub(crate) fn inner(&mut self) -> &mut IO {
        &mut self.io
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
                let preface_left = HTTP2_PREFACE.len();
                self.frames = Some(Followed { preface_left, ..Followed::default() });
                break Some(Protocol::Http2);
            }
            let bytes = self.io.read_buf(&mut head).await?;
            if bytes == 0 {
                break None;
            }
            self.record.read(bytes);
        };
        self.ahead = head.freeze();
        Ok(protocol)
    }
}

impl Followed {
    /// How much of `bytes` may be passed on in this turn.
    fn pass(&mut self, bytes: &[u8], record: &Record) -> usize {
        let preface = self.preface_left.min(bytes.len());
        self.preface_left -= preface;
        let followed = self.incoming.follow(&bytes[preface..], |frame| record.came(frame));
        let whole = self.incoming.whole();
        // The preface ends with the client's first frame (RFC 9113, section 3.4).
        let first = (whole == 0).then_some(Unfinished::Control);
        record.stopped_in(whole, self.incoming.unfinished().or(first));
        preface + followed
    }

    fn written(&mut self, bytes: &[u8], record: &Record) {
        self.outgoing.follow(bytes, |frame| {
            record.went(frame);
            true
        });
    }
}

impl<IO> Watched<IO> {
    /// How much of `bytes` may be passed on in this turn.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        match &mut self.frames {
            Some(frames) => frames.pass(bytes, &self.record),
            None => bytes.len(),
        }
    }

    /// Takes note of the `result` of a write of `bufs`.
    fn written(&mut self, bufs: &[io::IoSlice<'_>], result: &Poll<io::Result<usize>>) {
        let Poll::Ready(written) = result else { return self.record.blocked() };
        self.record.wrote();
        let mut left = *written.as_ref().unwrap_or(&0);
        let Some(frames) = &mut self.frames else { return };
        for buf in bufs {
            let taken = left.min(buf.len());
            frames.written(&buf[..taken], &self.record);
            left -= taken;
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.record.is_turn_over() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.ahead.has_remaining() {
            let ahead = this.ahead.slice(..this.ahead.len().min(buf.remaining()));
            let passed = this.pass(&ahead);
            buf.put_slice(&ahead[..passed]);
            this.ahead.advance(passed);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        let came = &buf.filled()[before..];
        this.record.read(came.len());
        let passed = this.pass(came);
        if passed < came.len() {
            this.ahead = Bytes::copy_from_slice(&came[passed..]);
            buf.set_filled(before + passed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(&[io::IoSlice::new(buf)], &result);
        result
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
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.written(bufs, &result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
