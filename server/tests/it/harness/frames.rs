//! HTTP/2 frames, written and read by hand.

use std::time::Duration;

use longsync::v1::LongSyncRequest;
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};

use super::{Paused, Result, framed, wait};

/// The start of a connection, before its SETTINGS.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames (RFC 9113, section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// That of PING and SETTINGS.
const ACK: u8 = 1;

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block of literals that no table keeps (RFC 7541).
fn literals(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let length = u8::try_from(text.len()).ok().filter(|length| *length < 127);
            block.push(length.expect("a field is short"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// The frame that opens a call of one of our RPCs.
pub(crate) fn open(stream: u32, rpc: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let path = format!("/longsync.v1.LongSyncService/{rpc}");
    let ours = [
        (":path", path.as_str()),
        (":authority", "longsync.test"),
        ("content-type", "application/grpc"),
    ];
    // :method POST, :scheme http
    let block = [&[0x83, 0x86][..], &literals(&ours), &literals(headers)].concat();
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// The frames of a complete call with one message.
pub(crate) fn request(stream: u32, rpc: &str, message: &impl Message) -> Vec<u8> {
    [open(stream, rpc, &[]), frame(DATA, END_STREAM, stream, &framed(message))].concat()
}

/// The frames of a complete unary call.
pub(crate) fn unary(stream: u32, message: &LongSyncRequest) -> Vec<u8> {
    request(stream, "LongSync", message)
}

/// A frame that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Whether nothing follows it on its stream.
    pub(crate) fn ends_stream(&self) -> bool {
        match self.kind {
            DATA | HEADERS => self.flags & END_STREAM != 0,
            RST_STREAM => true,
            _ => false,
        }
    }

    /// The last stream and the error code, if it is a GOAWAY.
    pub(crate) fn goaway(&self) -> Option<(u32, u32)> {
        let (stream, code) = self.payload.split_at_checked(4)?;
        let numbers = (u32::from_be_bytes(stream.try_into().ok()?), code_of(code)?);
        (self.kind == GOAWAY).then_some(numbers)
    }

    /// The error code, if it is an `RST_STREAM`.
    pub(crate) fn reset(&self) -> Option<u32> {
        code_of(&self.payload).filter(|_| self.kind == RST_STREAM)
    }
}

fn code_of(payload: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(payload.get(..4)?.try_into().ok()?))
}

/// A client that sends and reads frames by hand.
#[derive(Debug)]
pub(crate) struct Frames<IO = DuplexStream>(IO);

impl<IO: AsyncRead + AsyncWrite + Unpin> Frames<IO> {
    pub(crate) async fn over(mut io: IO) -> Result<Self> {
        io.write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat()).await?;
        Ok(Self(io))
    }

    pub(crate) async fn write(&mut self, frames: &[u8]) -> Result<()> {
        Ok(self.0.write_all(frames).await?)
    }

    pub(crate) async fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> Result<()> {
        self.write(&frame(kind, flags, stream, payload)).await
    }

    /// Sends a complete unary call.
    pub(crate) async fn call(&mut self, stream: u32, delay: Duration) -> Result<()> {
        self.write(&unary(stream, &wait(delay))).await
    }

    /// The next frame. [`None`] if the server has closed.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>> {
        let mut head = [0; 9];
        if self.0.read_exact(&mut head).await.is_err() {
            return Ok(None);
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).await?;
        Ok(Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload }))
    }

    /// Reads up to and including the first frame of this kind.
    pub(crate) async fn until(&mut self, kind: u8) -> Result<Vec<u8>> {
        loop {
            match self.next().await? {
                Some(frame) if frame.kind == kind => return Ok(frame.payload),
                Some(_) => {}
                None => anyhow::bail!("the server has closed"),
            }
        }
    }

    /// The frames of a stream until its end, each with its time of arrival. Those of others are passed over.
    pub(crate) async fn stream(
        &mut self,
        stream: u32,
        clock: Paused,
    ) -> Result<Vec<(Duration, Frame)>> {
        let mut came = Vec::new();
        while let Some(frame) = self.next().await? {
            if frame.stream == stream {
                let is_last = frame.ends_stream();
                came.push((clock.elapsed(), frame));
                if is_last {
                    return Ok(came);
                }
            }
        }
        anyhow::bail!("the server has closed after {came:?}")
    }

    /// All frames until the server closes.
    pub(crate) async fn rest(&mut self) -> Result<Vec<Frame>> {
        let mut came = Vec::new();
        while let Some(frame) = self.next().await? {
            came.push(frame);
        }
        Ok(came)
    }

    /// All frames until the server closes, each with its time of arrival. PINGs are answered.
    pub(crate) async fn until_closed(&mut self, clock: Paused) -> Result<Vec<(Duration, Frame)>> {
        let mut came = Vec::new();
        while let Some(frame) = self.next().await? {
            if frame.kind == PING && frame.flags & ACK == 0 {
                // The server may have closed in the meantime.
                let _ = self.send(PING, ACK, 0, &frame.payload).await;
            }
            came.push((clock.elapsed(), frame));
        }
        Ok(came)
    }

    /// The number of streams that the server ends before it closes.
    pub(crate) async fn ended_streams(&mut self) -> Result<usize> {
        let is_end = |frame: &Frame| frame.kind != RST_STREAM && frame.ends_stream();
        Ok(self.rest().await?.iter().filter(|frame| is_end(frame)).count())
    }
}
