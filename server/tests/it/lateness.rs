//! Lateness comes only from the timer and the worker: no peer can raise it, and the server's own lateness is
//! reported.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::RecvStream;
use h2::client::Builder;
use longsync::v1::{LongSyncExchangeRequest, LongSyncResponse, LongSyncStreamResponse};
use prost::Message as _;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};
use tokio::time::Sleep;
use tonic::Code;

use crate::harness::{
    Memory, Paused, Raw, Result, ask, config, framed, ms, seen, settle, wait, waits,
};

/// The number of waits that ran out, and the sum of their lateness.
fn lateness(server: &Memory) -> (u64, Duration) {
    let snapshot = server.snapshot();
    (snapshot.lateness().count(), snapshot.lateness().sum())
}

/// The messages of a body, each of which follows its prefix.
fn messages<M: prost::Message + Default>(mut body: &[u8]) -> Result<Vec<M>> {
    let mut read = Vec::new();
    while let [_, a, b, c, d, rest @ ..] = body {
        let (message, after) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        read.push(M::decode(message)?);
        body = after;
    }
    Ok(read)
}

/// Reads a body to its end, reopening its window after each chunk.
async fn read(body: &mut RecvStream) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        data.extend_from_slice(&chunk);
    }
    Ok(data)
}

/// A client that accepts at most `window` bytes of a stream before it reopens the window.
async fn with_window(server: &Memory, window: u32) -> Result<Raw> {
    let mut builder = Builder::new();
    builder.initial_window_size(window);
    Raw::with(&builder, server.open().0).await
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_pauses_makes_no_answer_of_a_stream_late() -> Result<()> {
    for window in [1, 1_000] {
        let server = Memory::start(config()).await;
        let raw = with_window(&server, window).await?;
        let clock = Paused::start();
        let mut call = raw.open("LongSyncStream", &[]).await?;
        call.send(framed(&waits(ms(10), 400)), true)?;
        let mut body = call.response.await?.into_body();
        clock.until(ms(5_000)).await;
        // Now the client reads, reopening the window each time.
        let data = read(&mut body).await?;
        let answers = messages::<LongSyncStreamResponse>(&data)?;
        assert_eq!(answers.len(), 400);
        for answer in &answers {
            let (planned, waited) = seen(answer.timing.as_ref())?;
            assert_eq!((planned, waited), (ms(10), ms(10)), "answer {}", answer.index);
        }
        assert_eq!(lateness(&server), (400, Duration::ZERO), "a window of {window}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn while_a_reader_pauses_the_next_wait_has_not_begun() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = with_window(&server, 1_000).await?;
    let clock = Paused::start();
    let mut call = raw.open("LongSyncStream", &[]).await?;
    call.send(framed(&waits(ms(100), 100)), true)?;
    let mut body = call.response.await?.into_body();
    clock.until(ms(60_000)).await;
    let data = read(&mut body).await?;
    let answers = messages::<LongSyncStreamResponse>(&data)?;
    assert_eq!(answers.len(), 100);
    // As many as a window of a thousand bytes takes, and two that were ready; the waits for the others began
    // after the pause.
    let before = 1_000_u64.div_ceil(data.len() as u64 / 100) + 2;
    let after = clock.elapsed().saturating_sub(ms(60_000));
    assert!(after >= ms((100 - before) * 100) && after <= ms(10_000), "{after:?}, {before}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_pauses_makes_no_answer_of_an_exchange_late() -> Result<()> {
    for window in [1, 1_000] {
        let server = Memory::start(config()).await;
        let raw = with_window(&server, window).await?;
        let clock = Paused::start();
        let mut call = raw.open("LongSyncExchange", &[]).await?;
        for id in 0..200 {
            call.send(framed(&ask(id, ms(10 * (id + 1)))), id == 199)?;
        }
        let mut body = call.response.await?.into_body();
        clock.until(ms(30_000)).await;
        while let Some(chunk) = body.data().await {
            body.flow_control().release_capacity(chunk?.len())?;
        }
        assert_eq!(lateness(&server), (200, Duration::ZERO), "a window of {window}");
    }
    Ok(())
}

/// A byte stream that is not read between 10 ms and 10 s after its start.
struct Pausing {
    io: DuplexStream,
    pause: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
}

impl Pausing {
    fn over(io: DuplexStream) -> Self {
        let [pause, end] = [10, 10_000].map(|at| Box::pin(tokio::time::sleep(ms(at))));
        Self { io, pause, end }
    }
}

impl AsyncRead for Pausing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pause.is_elapsed() || self.pause.as_mut().poll(cx).is_ready() {
            let is_over = self.end.is_elapsed() || self.end.as_mut().poll(cx).is_ready();
            if !is_over {
                return Poll::Pending;
            }
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Pausing {
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
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_not_read_makes_nothing_late() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut builder = Builder::new();
    builder.initial_window_size(1 << 30).initial_connection_window_size(1 << 30);
    let raw = Raw::with(&builder, Pausing::over(server.open().0)).await?;
    let mut call = raw.open("LongSyncStream", &[]).await?;
    let request =
        longsync::v1::LongSyncStreamRequest { response_bytes: 100_000, ..waits(ms(10), 200) };
    call.send(framed(&request), true)?;
    let ended = call.ended().await?;
    assert_eq!(ended.status.code(), Code::Ok);
    assert_eq!(lateness(&server), (200, Duration::ZERO));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_1_a_wait_begins_after_the_previous_answers() -> Result<()> {
    let server = Memory::start(config()).await;
    let (mut io, _serving) = server.open();
    let clock = Paused::start();
    io.write_all(
        b"GET /long_sync?delay=500ms HTTP/1.1\r\nhost: a\r\n\r\n\
          GET /long_sync?delay=1ms HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    )
    .await?;
    let mut read = String::new();
    io.read_to_string(&mut read).await?;
    assert_eq!(clock.elapsed(), ms(501));
    assert_eq!(read.matches("waited;dur=500.000").count(), 1, "{read}");
    assert_eq!(read.matches("waited;dur=1.000").count(), 1, "{read}");
    assert_eq!(lateness(&server), (2, Duration::ZERO));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_for_200_ms_shows_200_ms() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let unary = raw.unary(&wait(ms(50)), &[]).await?;
    let mut stream = raw.open("LongSyncStream", &[]).await?;
    stream.send(framed(&waits(ms(50), 1)), true)?;
    let mut collect = raw.open("LongSyncCollect", &[]).await?;
    collect.send(framed(&wait(ms(50))), true)?;
    let mut exchange = raw.open("LongSyncExchange", &[]).await?;
    exchange.send(framed(&LongSyncExchangeRequest { ..ask(1, ms(50)) }), true)?;
    let mut web = server.web1().await?;
    let http = tokio::spawn(async move { web.get("/long_sync?delay=50ms").await });
    settle().await;
    // Everything that the worker does happens before this, or 249 ms later.
    tokio::time::advance(ms(249)).await;
    let ended = unary.ended().await?;
    let answer = LongSyncResponse::decode(&ended.data[5..])?;
    assert_eq!(seen(answer.timing.as_ref())?, (ms(50), ms(250)));
    for call in [stream, collect, exchange] {
        assert_eq!(call.ended().await?.status.code(), Code::Ok);
    }
    http.await??;
    assert_eq!(lateness(&server), (5, ms(5 * 200)));
    Ok(())
}
