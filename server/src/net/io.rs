//! The bytes of a connection: what they are, when they arrived, and how many are read at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::record::ConnectionRecord;
use crate::record::frames::{Frame, Frames, UnfinishedFrame};
use crate::shared::foreign::{self, FirstBytes, Foreign};

/// What an HTTP/2 client sends first (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpVersion {
    Http1,
    Http2,
}

/// A byte stream whose frames are tracked, and whose reads are bounded.
#[derive(Debug)]
pub(crate) struct ConnectionIo<IO> {
    io: IO,
    record: Arc<ConnectionRecord>,
    /// Bytes that were read but not passed on yet: those that were needed to detect the protocol, and those
    /// for which a turn had no room.
    ahead: Bytes,
    /// [`Some`] only for HTTP/2.
    frames: Option<DuplexFrames>,
    /// What the client began with, if it is not HTTP.
    foreign: Option<Foreign>,
}

/// The frames of both directions.
#[derive(Debug, Default)]
struct DuplexFrames {
    /// How many bytes of the preface have not been passed on yet.
    preface_left: usize,
    /// Whether the client has sent its SETTINGS, which end its preface.
    has_settings: bool,
    incoming: Frames,
    outgoing: Frames,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> ConnectionIo<IO> {
    pub(crate) fn new(io: IO, record: Arc<ConnectionRecord>) -> Self {
        Self { io, record, ahead: Bytes::new(), frames: None, foreign: None }
    }

    /// What the client began with, once it is clear that it is not HTTP.
    pub(crate) fn foreign(&self) -> Option<Foreign> {
        self.foreign
    }

    /// The underlying stream, once HTTP is done with it.
    pub(crate) fn inner(&mut self) -> &mut IO {
        &mut self.io
    }

    /// The underlying stream.
    pub(crate) fn into_inner(self) -> IO {
        self.io
    }

    /// Writes a GOAWAY (RFC 9113, section 6.8), if HTTP has not stopped in the middle of a frame. The client
    /// may have disconnected, so errors do not matter.
    pub(crate) async fn write_goaway(&mut self, last_stream: u32, code: u32) {
        const HEAD: [u8; 9] = [0, 0, 8, 7, 0, 0, 0, 0, 0];
        let is_between =
            self.frames.as_ref().is_some_and(|frames| frames.outgoing.unfinished().is_none());
        if is_between {
            let frame = [&HEAD[..], &last_stream.to_be_bytes(), &code.to_be_bytes()].concat();
            let _ = self.io.write_all(&frame).await;
        }
    }

    /// Reads until it is clear which protocol the client speaks. [`None`] if it disconnected before that.
    pub(crate) async fn protocol(&mut self) -> io::Result<Option<HttpVersion>> {
        let mut head = BytesMut::with_capacity(HTTP2_PREFACE.len());
        let protocol = loop {
            let known = head.len().min(HTTP2_PREFACE.len());
            if head[..known] != HTTP2_PREFACE[..known] {
                match foreign::judge(&head) {
                    FirstBytes::Unclear => {}
                    FirstBytes::Foreign(foreign) => {
                        self.foreign = Some(foreign);
                        break Some(HttpVersion::Http1);
                    }
                    FirstBytes::Other => break Some(HttpVersion::Http1),
                }
            } else if known == HTTP2_PREFACE.len() {
                let preface_left = HTTP2_PREFACE.len();
                self.frames = Some(DuplexFrames { preface_left, ..DuplexFrames::default() });
                break Some(HttpVersion::Http2);
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

impl DuplexFrames {
    /// How many of `bytes` may be passed on in this turn.
    fn pass(&mut self, bytes: &[u8], record: &ConnectionRecord) -> usize {
        let preface = self.preface_left.min(bytes.len());
        self.preface_left -= preface;
        let followed = self.incoming.follow(&bytes[preface..], |frame| {
            self.has_settings |= matches!(frame, Frame::Settings { is_ack: false, .. });
            record.received(frame)
        });
        if self.has_settings {
            record.stopped_in(self.incoming.whole(), self.incoming.unfinished());
        } else {
            // Other frames are not part of the preface (RFC 9113, section 3.4), and do not extend its time.
            record.stopped_in(0, Some(UnfinishedFrame::Preface));
        }
        preface + followed
    }

    fn written(&mut self, bytes: &[u8], record: &ConnectionRecord) {
        self.outgoing.follow(bytes, |frame| {
            record.went(frame);
            true
        });
    }
}

impl<IO> ConnectionIo<IO> {
    /// How many of `bytes` may be passed on in this turn.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        match &mut self.frames {
            Some(frames) => frames.pass(bytes, &self.record),
            None => bytes.len(),
        }
    }

    /// Records the `result` of writing `bufs`.
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

impl<IO: AsyncRead + Unpin> AsyncRead for ConnectionIo<IO> {
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
        if this.record.has_read_enough_while_blocked() {
            // The task is woken when the socket accepts data.
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
        let received = &buf.filled()[before..];
        this.record.read(received.len());
        let passed = this.pass(received);
        if passed < received.len() {
            this.ahead = Bytes::copy_from_slice(&received[passed..]);
            buf.set_filled(before + passed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for ConnectionIo<IO> {
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use longsync_timer::Clock;
    use tokio::io::{AsyncWriteExt as _, DuplexStream};

    use super::*;
    use crate::config::Config;
    use crate::worker::Worker;

    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap();
        [&length.to_be_bytes()[1..], &[kind, 4, 0, 0, 0, 0], payload].concat()
    }

    /// A connection on which a client has sent its preface followed by these bytes.
    async fn sent(bytes: &[u8]) -> (ConnectionIo<DuplexStream>, Arc<ConnectionRecord>) {
        let (near, mut far) = tokio::io::duplex(1024 * 1024);
        far.write_all(&[HTTP2_PREFACE, bytes].concat()).await.unwrap();
        let worker = Worker::new(Config::default(), Clock::Tokio);
        let record = ConnectionRecord::open(&worker, 0, None);
        let mut io = ConnectionIo::new(near, Arc::clone(&record));
        assert_eq!(io.protocol().await.unwrap(), Some(HttpVersion::Http2));
        // The client stays connected, but sends nothing more.
        std::mem::forget(far);
        (io, record)
    }

    /// How many bytes one turn reads.
    async fn turn(io: &mut ConnectionIo<DuplexStream>, record: &ConnectionRecord) -> usize {
        record.begin_turn(true);
        let mut read = 0;
        poll_fn(|cx| {
            let mut bytes = [0; 8 * 1024];
            loop {
                let mut buf = ReadBuf::new(&mut bytes);
                match Pin::new(&mut *io).poll_read(cx, &mut buf) {
                    Poll::Ready(result) => {
                        result.unwrap();
                        read += buf.filled().len();
                    }
                    Poll::Pending => return Poll::Ready(()),
                }
            }
        })
        .await;
        read
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_ends_after_each_frame_that_makes_http2_walk_over_all_streams() {
        let window = |size: u32| frame(SETTINGS, &[&[0, 4][..], &size.to_be_bytes()].concat());
        let (same, other) = (window(65_535), window(70_000));
        let goaway = frame(GOAWAY, &[0; 8]);
        let bytes = [&same[..], &other, &other, &same, &goaway, &goaway, &same].concat();
        let (mut io, record) = sent(&bytes).await;
        let first = HTTP2_PREFACE.len() + same.len() + other.len();
        let turns = [first, other.len() + same.len(), goaway.len(), goaway.len(), same.len()];
        for bytes in turns {
            assert_eq!(turn(&mut io, &record).await, bytes);
        }
        assert_eq!(turn(&mut io, &record).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_reads_a_bounded_number_of_bytes_and_fewer_when_they_are_requests() {
        let request = frame(HEADERS, &[0x82]);
        let (mut io, record) = sent(&request.repeat(10_000)).await;
        // Each request costs 96 in addition to its 10 bytes.
        let most = (64 * 1024_usize).div_ceil(96) * request.len() + HTTP2_PREFACE.len();
        let mut requests = 0;
        while requests < 10_000 {
            let read = turn(&mut io, &record).await;
            assert!(read > 0 && read <= most, "{read}");
            requests += read / request.len();
        }
        let (mut io, record) = sent(&frame(0, &[7; 16_000]).repeat(20)).await;
        let read = turn(&mut io, &record).await;
        // The turn ends after a frame, within the bytes of the last read.
        assert!((56 * 1024..=72 * 1024).contains(&read), "{read}");
    }
}
