//! Servers of a test at the other end of streams in memory, on the test's runtime and clock.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use longsync::v1::{LongSyncRequest, LongSyncResponse, Timing};
use longsync_connect::{ConnectErrorKind, Target, Transport, TransportError};
use longsync_load::{Control, Load, LoadPlan, LoadPlanBuilder, LongSync, Method, Rate};
use longsync_load::{Schedule, StopCondition, run_here};
use longsync_timer::{Clock, Timer};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::Instant;

/// A connection from the point of view of a test's server.
pub(crate) type Served = Connection<DuplexStream, Bytes>;

/// Serves a stream, given its number.
type Serve = Box<dyn Fn(DuplexStream, usize) -> bool + Send + Sync>;

/// A transport to a server in memory. Clones are handles to the same transport.
#[derive(Clone)]
pub(crate) struct InMemory {
    serve: Arc<Serve>,
    seen: Arc<Mutex<Traffic>>,
    /// The error with which a stream ends, instead of a normal end.
    end: Option<io::ErrorKind>,
    /// How long it takes to open a stream.
    takes: Duration,
    /// The number of bytes after which writes to the first stream fail; its reader is not notified.
    first_takes: u64,
}

/// What passed through the transport.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// When streams were requested, and for which address.
    pub(crate) asked: Vec<(Instant, usize)>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

impl InMemory {
    /// `serve` is given each stream and its number; it returns whether there is a server.
    pub(crate) fn raw(serve: impl Fn(DuplexStream, usize) -> bool + Send + Sync + 'static) -> Self {
        let (seen, end) = (Arc::default(), None);
        Self {
            serve: Arc::new(Box::new(serve)),
            seen,
            end,
            takes: Duration::ZERO,
            first_takes: u64::MAX,
        }
    }

    /// Speaks HTTP/2 on each stream, with at most this number of calls at once.
    pub(crate) fn http2<Serving>(
        max_streams: u32,
        serve: impl Fn(Served, usize) -> Serving + Clone + Send + Sync + 'static,
    ) -> Self
    where
        Serving: Future<Output = ()> + Send + 'static,
    {
        Self::raw(move |io, number| {
            let serve = serve.clone();
            tokio::spawn(async move {
                let mut builder = h2::server::Builder::new();
                builder.max_concurrent_streams(max_streams);
                // The run may be over before this begins.
                if let Ok(connection) = builder.handshake(io).await {
                    serve(connection, number).await;
                }
            });
            true
        })
    }

    /// Ends each stream with this error.
    pub(crate) fn ending_with(self, end: io::ErrorKind) -> Self {
        Self { end: Some(end), ..self }
    }

    /// Makes writes to the first stream fail after this many bytes, while its reads wait.
    pub(crate) fn breaking_writes_after(self, bytes: u64) -> Self {
        Self { first_takes: bytes, ..self }
    }

    /// Makes opening a stream take this long.
    pub(crate) fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    pub(crate) fn seen(&self) -> std::sync::MutexGuard<'_, Traffic> {
        self.seen.lock().unwrap()
    }
}

impl Transport for InMemory {
    type Io = CountedStream;

    async fn open(
        &self,
        _: &Target,
        nth: usize,
        _: &Timer,
    ) -> Result<CountedStream, TransportError> {
        let number = {
            let mut seen = self.seen();
            seen.asked.push((Instant::now(), nth));
            seen.asked.len() - 1
        };
        tokio::time::sleep(self.takes).await;
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        if !(self.serve)(theirs, number) {
            return Err(TransportError::new(ConnectErrorKind::Refused, "there is no server"));
        }
        let takes = if number == 0 { self.first_takes } else { u64::MAX };
        Ok(CountedStream { io: ours, seen: Arc::clone(&self.seen), end: self.end, takes })
    }
}

/// Counts the bytes that pass, and ends with the given error.
pub(crate) struct CountedStream {
    io: DuplexStream,
    seen: Arc<Mutex<Traffic>>,
    end: Option<io::ErrorKind>,
    /// How many more bytes can be written.
    takes: u64,
}

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let bytes = buf.filled().len() - before;
        self.seen.lock().unwrap().bytes_in += bytes as u64;
        Poll::Ready(match self.end {
            Some(end) if bytes == 0 => Err(end.into()),
            _ => Ok(()),
        })
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.takes < buf.len() as u64 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let bytes = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.takes -= bytes as u64;
        self.seen.lock().unwrap().bytes_out += bytes as u64;
        Poll::Ready(Ok(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Answers a call after a while, as the server of this name.
pub(crate) async fn answer(mut respond: SendResponse<Bytes>, after: Duration, server: &str) {
    tokio::time::sleep(after).await;
    let head = http::Response::builder().header("content-type", "application/grpc");
    // The connection may have been closed, which does not concern this call.
    let Ok(mut body) = respond.send_response(head.body(()).unwrap(), false) else { return };
    let timing = Some(Timing { server: server.to_owned(), ..Timing::default() });
    let response = LongSyncResponse { timing, ..LongSyncResponse::default() };
    let _ = body.send_data(longsync::frame::encoded(&response), false);
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let _ = body.send_trailers(trailers);
}

/// Answers all calls of a connection after a while, and sends a GOAWAY with the call of this number.
pub(crate) async fn serve(mut connection: Served, goaway_at: usize, after: Duration) {
    let mut calls = 0;
    while let Some(Ok((_, respond))) = connection.accept().await {
        calls += 1;
        if calls == goaway_at {
            connection.graceful_shutdown();
        }
        tokio::spawn(answer(respond, after, "here"));
    }
}

pub(crate) fn plan(rate: u64, calls: u64) -> LoadPlanBuilder {
    plan_of(LongSync::new(&LongSyncRequest::default()).unwrap(), rate, calls)
}

pub(crate) fn plan_of<M: Method>(method: M, rate: u64, calls: u64) -> LoadPlanBuilder<M> {
    let rate = Rate::per_second(rate).unwrap();
    let (schedule, stop) = (Schedule::constant(rate), StopCondition::after_calls(calls));
    LoadPlan::builder("http://in.memory".parse().unwrap(), method, schedule, stop)
}

pub(crate) async fn run<M: Method>(plan: LoadPlanBuilder<M>, transport: &InMemory) -> Load {
    let plan = plan.build().unwrap();
    let control = Control::default();
    let running = run_here(&plan, Clock::Tokio, transport.clone(), &control, ());
    Box::pin(running).await.unwrap()
}
