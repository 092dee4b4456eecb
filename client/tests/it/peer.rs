//! Servers that answer with arbitrary bytes.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longsync_connect::Target;
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

const PREFACE: usize = 24;

/// A server on a free port of loopback, until it is dropped.
pub(crate) struct Peer {
    pub(crate) target: Target,
    accepted: Arc<AtomicUsize>,
    _serving: AbortOnDropHandle<()>,
}

/// A free port of loopback.
async fn listen() -> (TcpListener, Target) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    (listener, target)
}

impl Peer {
    /// Runs `serve` on each connection, numbered from 0.
    pub(crate) async fn start<Served>(
        serve: impl Fn(Wire, usize) -> Served + Send + 'static,
    ) -> Self
    where
        Served: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (listener, target) = listen().await;
        let accepted = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&accepted);
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                let number = count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(Wire { socket, read: Vec::new(), has_begun: false }, number));
            }
        });
        Self { target, accepted, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Runs `serve` on the first connection; after that nobody listens.
    pub(crate) async fn once<Served>(serve: impl FnOnce(Wire) -> Served + Send + 'static) -> Self
    where
        Served: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (listener, target) = listen().await;
        let accepted = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&accepted);
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            drop(listener);
            count.fetch_add(1, Ordering::Relaxed);
            let _ = serve(Wire { socket, read: Vec::new(), has_begun: false }).await;
        });
        Self { target, accepted, _serving: AbortOnDropHandle::new(serving) }
    }

    /// A server that answers each complete request with the bytes that `answer` makes for its
    /// stream, and keeps the connection open.
    pub(crate) async fn answering(answer: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::start(move |mut wire, _| {
            let answer = Arc::clone(&answer);
            async move {
                wire.settings(&[]).await?;
                while let Some(stream) = wire.request().await? {
                    // The peer's task is done once the answer is sent; the caller checks the outcome.
                    let _ = wire.send(&answer(stream)).await;
                }
                Ok(())
            }
        })
        .await
    }

    /// How many connections were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// One connection.
pub(crate) struct Wire {
    socket: TcpStream,
    read: Vec<u8>,
    has_begun: bool,
}

impl Wire {
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    pub(crate) async fn settings(&mut self, settings: &[(u16, u32)]) -> io::Result<()> {
        self.send(&settings_frame(settings)).await
    }

    /// Reads a frame: its kind, flags and stream. [`None`] if the client has disconnected.
    pub(crate) async fn frame(&mut self) -> io::Result<Option<(u8, u8, u32)>> {
        let stream = |frame: &[u8]| u32::from_be_bytes(frame[5..9].try_into().unwrap());
        Ok(self.whole_frame().await?.map(|frame| (frame[3], frame[4], stream(&frame))))
    }

    /// The same with all its bytes.
    pub(crate) async fn whole_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.has_begun {
            if !self.has(PREFACE).await? {
                return Ok(None);
            }
            self.read.drain(..PREFACE);
            self.has_begun = true;
        }
        if !self.has(9).await? {
            return Ok(None);
        }
        let length = u32::from_be_bytes([0, self.read[0], self.read[1], self.read[2]]) as usize;
        if !self.has(9 + length).await? {
            return Ok(None);
        }
        let frame: Vec<u8> = self.read.drain(..9 + length).collect();
        if frame[3] == SETTINGS && frame[4] == 0 {
            self.send(&self::frame(SETTINGS, 1, 0, &[])).await?;
        }
        Ok(Some(frame))
    }

    /// The stream of the next request that has arrived completely.
    pub(crate) async fn request(&mut self) -> io::Result<Option<u32>> {
        while let Some((kind, flags, stream)) = self.frame().await? {
            if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                return Ok(Some(stream));
            }
        }
        Ok(None)
    }

    /// The streams of the next requests, once this many have arrived completely, in the order in which they
    /// were opened. Threads hand HTTP/2 the head and the message of a request one after the other, so that
    /// the first complete request is not always the first that was opened.
    pub(crate) async fn requests(&mut self, count: usize) -> io::Result<Option<Vec<u32>>> {
        let mut streams = Vec::new();
        while streams.len() < count {
            let Some(stream) = self.request().await? else { return Ok(None) };
            streams.push(stream);
        }
        streams.sort_unstable();
        Ok(Some(streams))
    }

    /// Reads until the client disconnects.
    pub(crate) async fn hold(&mut self) -> io::Result<()> {
        while self.frame().await?.is_some() {}
        Ok(())
    }

    async fn has(&mut self, bytes: usize) -> io::Result<bool> {
        while self.read.len() < bytes {
            if self.socket.read_buf(&mut self.read).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

pub(crate) fn settings_frame(settings: &[(u16, u32)]) -> Vec<u8> {
    let each =
        |(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()[..]].concat();
    frame(SETTINGS, 0, 0, &settings.iter().flat_map(each).collect::<Vec<_>>())
}

pub(crate) fn goaway(last: u32, code: u32, debug_data: &[u8]) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &code.to_be_bytes(), debug_data].concat())
}

pub(crate) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// Fields in HPACK without its tables.
pub(crate) fn hpack(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name.as_bytes(), value] {
            let mut rest = text.len();
            if rest < 127 {
                block.push(u8::try_from(rest).unwrap());
            } else {
                block.push(127);
                rest -= 127;
                while rest >= 128 {
                    block.push(u8::try_from(rest % 128).unwrap() | 128);
                    rest /= 128;
                }
                block.push(u8::try_from(rest).unwrap());
            }
            block.extend_from_slice(text);
        }
    }
    block
}

/// A head or trailers, in as many frames as necessary.
pub(crate) fn headers(stream: u32, flags: u8, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let block = hpack(fields);
    let mut parts = block.chunks(16_384).peekable();
    let (mut kind, mut flags, mut frames) = (HEADERS, flags, Vec::new());
    while let Some(part) = parts.next() {
        let end = if parts.peek().is_none() { END_HEADERS } else { 0 };
        frames.extend(frame(kind, flags | end, stream, part));
        (kind, flags) = (CONTINUATION, 0);
    }
    frames
}

/// The head of a gRPC answer.
pub(crate) fn head(stream: u32) -> Vec<u8> {
    headers(stream, 0, &[(":status", b"200"), ("content-type", b"application/grpc")])
}

/// The trailers of a call that ended well.
pub(crate) fn ok(stream: u32) -> Vec<u8> {
    headers(stream, END_STREAM, &[("grpc-status", b"0")])
}

/// A message with its length prefix.
pub(crate) fn message(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat()
}

/// `Done!`, as an answer of any kind.
pub(crate) fn done() -> Vec<u8> {
    message(&longsync::v1::LongSyncResponse { message: "Done!".to_owned(), ..Default::default() })
}

/// A gRPC answer with these bytes as its messages.
pub(crate) fn answer(stream: u32, data: &[u8]) -> Vec<u8> {
    [head(stream), frame(DATA, 0, stream, data), ok(stream)].concat()
}

/// A trailers-only answer, with these fields in addition to gRPC's.
pub(crate) fn only(stream: u32, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let grpc: [(&str, &[u8]); 2] = [(":status", b"200"), ("content-type", b"application/grpc")];
    headers(stream, END_STREAM, &[&grpc, fields].concat())
}

/// An answer over HTTP that is not gRPC.
pub(crate) fn page(stream: u32, status: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let fields = [(":status", status.as_bytes()), ("content-type", content_type.as_bytes())];
    [headers(stream, 0, &fields), frame(DATA, END_STREAM, stream, body)].concat()
}
