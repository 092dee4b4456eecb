//! One connection: HTTP/2 or HTTP/1.1 on the same port, from its first byte to the end of a drain.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use longsync_timer::{Sleep, Timer};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::calls::Calls;
use crate::io::{Protocol, Reads, Watched};
use crate::route::route;
use crate::task::CallTask;
use crate::worker::{Phase, Worker};

/// How long a client may take for its HTTP/2 preface, or for the head of an HTTP/1.1 request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// What one stream may send ahead of its handler's reading: it bounds what an exchange at its limit
/// of unanswered messages still takes in.
const STREAM_WINDOW: u32 = 64 * 1024;
/// What all streams of a connection may send ahead. h2 pays for small unread frames with half of it,
/// so it must cover a few for each stream, or a busy client is taken for a flood.
const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;
/// How often a connection and its calls have their turn before the other connections have theirs:
/// calls that were read are run, their answers are written, and so once more.
const TURNS: usize = 3;
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
/// Against rapid reset (CVE-2023-44487) and made-you-reset (CVE-2025-8671): streams that were reset
/// before they were accepted, and streams that the client made us reset.
const MAX_PENDING_RESETS: usize = 256;
const MAX_LOCAL_ERROR_RESETS: usize = 1024;

/// Serves one connection on the caller's runtime until it ends or the worker's drain is over.
///
/// # Cancel safety
/// Dropping the future closes the connection; its calls end as cancelled.
///
/// # Panics
/// Outside a tokio runtime with its I/O and time drivers enabled.
pub async fn serve_connection<IO>(io: IO, worker: &Arc<Worker>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut io = Watched::new(io, &worker.timer);
    let protocol = tokio::select! {
        protocol = io.protocol() => protocol,
        _ = worker.timer.sleep(HEAD_TIMEOUT) => {
            return tracing::debug!("a client said nothing that HTTP begins with");
        }
    };
    if let Some(foreign) = io.foreign() {
        worker.shared.told.tell(foreign, worker.timer.now());
    }
    let ended = match protocol {
        Ok(Some(Protocol::Http2)) => serve_http2(io, worker).await,
        Ok(Some(Protocol::Http1)) => serve_http1(io, worker).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = ended {
        tracing::debug!(error, "connection ended");
    }
}

type Ended = Result<(), Box<dyn Error + Send + Sync>>;

async fn serve_http2<IO>(io: Watched<IO>, worker: &Arc<Worker>) -> Ended
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let reads = Arc::clone(io.reads());
    let calls = Calls::default();
    let executor = calls.executor().clone();
    let service = {
        let (worker, reads, executor) = (Arc::clone(worker), Arc::clone(&reads), executor.clone());
        service_fn(move |request| {
            let answer = route(&worker, &reads, request);
            executor.routed(answer.call());
            answer
        })
    };
    let connection = http2::Builder::new(executor)
        .timer(HttpTimer(worker.timer.clone()))
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(worker.shared.config.limits.max_streams)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_LOCAL_ERROR_RESETS)
        .serve_connection(TokioIo::new(io), service);
    let graceful =
        |connection: Pin<&mut http2::Connection<_, _, _>>| connection.graceful_shutdown();
    serve_until_drained(connection, graceful, &reads, calls, worker).await.map_err(Into::into)
}

async fn serve_http1<IO>(io: Watched<IO>, worker: &Arc<Worker>) -> Ended
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let reads = Arc::clone(io.reads());
    let service = {
        let (worker, reads) = (Arc::clone(worker), Arc::clone(&reads));
        service_fn(move |request| {
            let answer = route(&worker, &reads, request);
            async move {
                let Some(call) = answer.call() else { return answer.await };
                // A cut is always answered here: no HTTP/1.1 answer of ours is a stream.
                let answered = CallTask::new(call, answer).await;
                answered.expect("an answer that is cut says so at once")
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(HttpTimer(worker.timer.clone()))
        .header_read_timeout(HEAD_TIMEOUT)
        .half_close(false)
        .serve_connection(TokioIo::new(io), service);
    let graceful = |connection: Pin<&mut http1::Connection<_, _>>| connection.graceful_shutdown();
    serve_until_drained(connection, graceful, &reads, Calls::default(), worker)
        .await
        .map_err(Into::into)
}

/// Polls a connection and its calls, a bounded amount of reading at a time, and tells the client when
/// the worker begins to drain.
async fn serve_until_drained<C: Future>(
    connection: C,
    graceful: impl Fn(Pin<&mut C>),
    reads: &Reads,
    mut calls: Calls,
    worker: &Worker,
) -> C::Output {
    let mut connection = pin!(connection);
    let mut phase = worker.phase();
    let mut draining = pin!(async move {
        // The sender lives in the worker, so waiting for it cannot fail.
        let _ = phase.wait_for(|phase| *phase != Phase::Serving).await;
    });
    let mut is_told = false;
    poll_fn(|cx| {
        if !is_told && draining.as_mut().poll(cx).is_ready() {
            is_told = true;
            graceful(connection.as_mut());
        }
        // Nothing more is read while calls wait to be run.
        if !calls.is_behind() {
            reads.refill();
        }
        for _ in 0..TURNS {
            calls.run();
            let polled = connection.as_mut().poll(cx);
            // A busy runtime looks at its alarm seldom; what has become due meanwhile is to go out next.
            worker.timer.drain_due();
            if polled.is_ready() || calls.sleep(cx.waker()) {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// hyper's own waits, on our timer.
#[derive(Debug, Clone)]
struct HttpTimer(Timer);

pin_project! {
    struct HttpSleep {
        #[pin]
        sleep: Sleep,
    }
}

impl Future for HttpSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx).map(drop)
    }
}

impl hyper::rt::Sleep for HttpSleep {}

impl hyper::rt::Timer for HttpTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HttpSleep { sleep: self.0.sleep(duration) })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HttpSleep { sleep: self.0.sleep_until(deadline) })
    }

    fn now(&self) -> Instant {
        self.0.now()
    }
}
