//! Serves one connection, HTTP/2 or HTTP/1.1 on the same port, from its first byte to the end of a drain.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use longsync_timer::WakeReason;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::call::task::CallTask;
use crate::http::route::route;
use crate::net::calls::ConnectionStreams;
use crate::net::drain::ConnectionDrain;
use crate::net::http_timer::HttpTimer;
use crate::net::io::{ConnectionIo, HttpVersion};
use crate::net::stuck::Stuck;
use crate::net::turn::{Turns, go_on_after_others};
use crate::record::{CloseReason, ConnectionRecord};
use crate::worker::Worker;

/// How much one stream may send before its handler reads it: one message of the largest size, so that an
/// upload need not wait a round trip for a larger window.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024 + 64 * 1024;
/// How much all streams of a connection may send ahead. h2 allows small unread frames to take up half of
/// this, so it must be enough for a few frames per stream; otherwise a busy client would be mistaken for a
/// flood.
const CONNECTION_WINDOW: u32 = 64 * 1024 * 1024;
/// How much of a stream hyper hands to h2 before h2 has encoded it. This is more than one of our pieces, so
/// that our own count of the bytes handed over is the effective limit.
const MAX_SEND_BUFFER: usize = 64 * 1024;
/// How long we keep reading from a client after our side of the connection has ended.
const LINGER: Duration = Duration::from_millis(100);
/// How many turns a connection has before the other connections have theirs. In each, the calls that were
/// read are run and their answers are written.
const TURNS: usize = 3;
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
/// The limit on streams that were reset before they were accepted. It protects against rapid reset
/// (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 256;

/// Serves one connection on the caller's runtime until it ends or the worker's drain is over. `peer` is the
/// client's address, for the log: pass [`None`] if `io` is not a socket.
///
/// # Cancel safety
/// Dropping the future closes the connection; its calls end as cancelled.
///
/// # Panics
/// Outside a tokio runtime with its I/O and time drivers enabled.
pub async fn serve_connection<IO>(io: IO, peer: impl Into<Option<SocketAddr>>, worker: &Arc<Worker>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let number = worker.shared().next_connection();
    drop(serve(io, &ConnectionRecord::open(worker, number, peer.into())).await);
}

/// Serves a connection that already has its record. Returns the stream if it must be reset rather than
/// closed.
pub(crate) async fn serve<IO>(io: IO, record: &Arc<ConnectionRecord>) -> Option<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let worker = record.worker();
    let mut io = ConnectionIo::new(io, Arc::clone(record));
    let mut drain = ConnectionDrain::new(worker);
    let protocol = tokio::select! {
        protocol = io.protocol() => protocol,
        () = poll_fn(|cx| drain.poll_over(cx)) => {
            tracing::debug!("a client sent nothing before the drain");
            return None;
        }
        _ = worker.timer().sleep(worker.limits().head_timeout) => {
            tracing::debug!("a client did not start to speak HTTP in time");
            return None;
        }
    };
    if let Some(foreign) = io.foreign() {
        worker.shared().told.tell(foreign, record.peer(), worker.timer().now());
    }
    let ended = match protocol {
        Ok(Some(HttpVersion::Http2)) => {
            let ended = serve_http2(&mut io, record, drain).await;
            if ended.is_ok() && record.has_heard() {
                record.told();
                linger(&mut io, None, worker).await;
            }
            ended
        }
        Ok(Some(HttpVersion::Http1)) => serve_http1(&mut io, record, drain).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error.into()),
    };
    record.told();
    if let Err(error) = ended {
        let (connection, peer) = (record.number(), record.peer().map(tracing::field::display));
        tracing::debug!(error, connection, peer, "connection ended");
    }
    close(io, record).await
}

/// Ends a connection as its calls' behaviors plan, or with the GOAWAY that its client has earned. Returns the
/// stream if it must be reset.
async fn close<IO>(mut io: ConnectionIo<IO>, record: &ConnectionRecord) -> Option<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let wish = record.wish()?;
    if let CloseReason::Dropped { is_reset: true } = wish {
        return Some(io.into_inner());
    }
    if wish.is_planned() || wish.goaway().is_some() {
        linger(&mut io, wish.goaway(), record.worker()).await;
    }
    None
}

/// Ends our side of a connection, perhaps with a last GOAWAY, but keeps reading for a short time. A socket that
/// is closed with unread bytes sends a reset, on which a peer may drop answers that it has already received
/// (haproxy does).
async fn linger<IO>(io: &mut ConnectionIo<IO>, goaway: Option<(u32, u32)>, worker: &Worker)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let rest = async {
        let mut unread = [0; 1024];
        if let Some((last_stream, code)) = goaway {
            io.write_goaway(last_stream, code).await;
        }
        let io = io.inner();
        let _ = io.shutdown().await;
        while io.read(&mut unread).await.is_ok_and(|bytes| bytes > 0) {}
    };
    let over = async {
        let until = worker.timer().now() + LINGER;
        // The end of the drain ends all waits, possibly in the middle of this one.
        while worker.timer().sleep_until(until).await == WakeReason::Fired {}
    };
    tokio::select! {
        () = rest => {}
        () = over => {}
    }
}

type ConnectionResult = Result<(), Box<dyn Error + Send + Sync>>;

async fn serve_http2<IO>(
    io: &mut ConnectionIo<IO>,
    record: &Arc<ConnectionRecord>,
    drain: ConnectionDrain,
) -> ConnectionResult
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let calls = ConnectionStreams::default();
    let executor = calls.executor().clone();
    let service = {
        let (record, executor) = (Arc::clone(record), executor.clone());
        service_fn(move |request| {
            let answer = route(&record, request);
            executor.routed(answer.call());
            answer
        })
    };
    let worker = record.worker();
    let connection = http2::Builder::new(executor)
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(worker.limits().max_streams)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        // We count them ourselves.
        .max_local_error_reset_streams(None)
        .serve_connection(TokioIo::new(io), service);
    let graceful =
        |connection: Pin<&mut http2::Connection<_, _, _>>| connection.graceful_shutdown();
    serve_until_over(connection, graceful, calls, record, drain).await
}

async fn serve_http1<IO>(
    io: &mut ConnectionIo<IO>,
    record: &Arc<ConnectionRecord>,
    drain: ConnectionDrain,
) -> ConnectionResult
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = {
        let record = Arc::clone(record);
        service_fn(move |request| {
            let answer = route(&record, request);
            async move {
                let Some(call) = answer.call() else { return answer.await };
                // A cut call is always answered here, because none of our HTTP/1.1 answers is a stream.
                let answered = CallTask::new(call, answer).await;
                answered.expect("a cut answer is sent at once")
            }
        })
    };
    let worker = record.worker();
    let connection = http1::Builder::new()
        .timer(HttpTimer::new(record))
        .header_read_timeout(worker.limits().head_timeout)
        .half_close(false)
        // An answer must be encoded, and counted, before the client can have it.
        .writev(false)
        .serve_connection(TokioIo::new(io), service);
    let graceful = |connection: Pin<&mut http1::Connection<_, _>>| connection.graceful_shutdown();
    serve_until_over(connection, graceful, ConnectionStreams::default(), record, drain).await
}

/// Polls a connection and its calls, a bounded amount of work at a time, until it ends, its client stalls in
/// the middle of a frame for too long, or a drain leaves it nothing to do.
async fn serve_until_over<C, E>(
    connection: C,
    graceful: impl Fn(Pin<&mut C>),
    mut calls: ConnectionStreams,
    record: &ConnectionRecord,
    mut drain: ConnectionDrain,
) -> ConnectionResult
where
    C: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let mut connection = pin!(connection);
    let mut stuck = Stuck::default();
    let (worker, turns) = (record.worker(), Turns::default());
    poll_fn(|cx| {
        turns.begin(cx);
        drain.begin_turn(cx);
        if drain.poll_over(cx).is_ready() {
            record.told();
        }
        record.begin_turn(!calls.is_behind());
        for _ in 0..TURNS {
            calls.run(|| record.has_answered_enough());
            let encoded = record.encoded_bytes();
            let polled = connection.as_mut().poll(&mut turns.poll_with());
            record.end_turn(encoded);
            // A busy runtime rarely checks its timer; whatever has become due in the meantime should go out
            // next.
            worker.timer().drain_due();
            if let Poll::Ready(ended) = polled {
                return Poll::Ready(ended.map_err(Into::into));
            }
            if drain.is_due(record.is_in_head()) || record.takes_goaway() {
                graceful(connection.as_mut());
                continue;
            }
            // What was answered before a planned end goes out first.
            if let Some(wish) = record.wish()
                && !(wish.waits() && record.is_blocked())
            {
                return Poll::Ready(Err(wish.carried_out(worker)));
            }
            if calls.sleep(cx.waker()) && !record.give_up_waiting() {
                let is_over = worker.is_drained() && record.is_told() && calls.is_empty();
                if is_over && !record.is_blocked() {
                    return Poll::Ready(Ok(()));
                }
                turns.end(cx);
                return stuck.poll(record, cx).map(|stuck| Err(stuck.to_string().into()));
            }
            if record.has_answered_enough() {
                break;
            }
        }
        turns.end(cx);
        go_on_after_others(cx);
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use http::Request;
    use longsync_timer::Clock;
    use tokio::io::duplex;

    use super::*;
    use crate::config::Config;

    #[tokio::test(start_paused = true)]
    async fn a_goaway_that_is_asked_for_lets_the_calls_of_its_connection_end() {
        let worker = Worker::new(Config::default(), Clock::Tokio);
        let record = ConnectionRecord::open(&worker, 0, None);
        let (near, far) = duplex(64 * 1024);
        let serving = async { serve(far, &record).await };
        let calling = async {
            let (mut sender, driver) = h2::client::handshake(near).await.unwrap();
            let driver = tokio::spawn(driver);
            let mut get = async |path: &str| {
                sender = sender.clone().ready().await?;
                let request = Request::get(format!("http://longsync.test{path}")).body(()).unwrap();
                let (answer, _) = sender.send_request(request, true)?;
                Ok::<_, h2::Error>(answer)
            };
            let waits = get("/long_sync?delay=2s").await.unwrap();
            get("/livez").await.unwrap().await.unwrap();
            record.wish_for_goaway();
            // The connection notices the wish the next time that anything wakes it.
            assert_eq!(get("/livez").await.unwrap().await.unwrap().status(), 200);
            assert_eq!(waits.await.unwrap().status(), 200);
            assert!(get("/livez").await.is_err(), "the connection is going away");
            driver.await.unwrap().unwrap();
        };
        tokio::join!(serving, calling);
        assert!(!record.takes_goaway() && !worker.is_drained());
    }
}
