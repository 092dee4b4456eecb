//! Calls that cross the server's GOAWAY on the wire are served (RFC 9113, section 6.8), on open connections
//! and on those in the backlog. Before GOAWAY, the server may be a lame duck.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use longsync_server::{CallKind, Options, Outcome, Server, Worker, serve_connection};
use longsync_timer::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::{JoinHandle, JoinSet};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{
    Frames, GOAWAY, HOUR, Memory, ORIGIN, PING, Paused, Raw, Result, Socket, checked, config,
    connect, eventually, framed, ms, options, settle, wait, waits, with_drain,
};

const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;

/// A server whose drain has just begun, and a client that was connected before.
struct Draining {
    server: Memory,
    client: Frames,
    clock: Paused,
    drain: JoinHandle<()>,
}

impl Draining {
    async fn begin() -> Result<Self> {
        let server = Memory::start(config()).await;
        let client = Frames::over(server.open().0).await?;
        settle().await;
        let clock = Paused::start();
        let worker = server.worker.clone();
        let drain = tokio::spawn(async move { worker.drain().await });
        Ok(Self { server, client, clock, drain })
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_server_serves_calls_that_arrive_before_its_ping_is_answered() -> Result<()> {
    let Draining { server, mut client, clock, drain } = Draining::begin().await?;
    let goaway = client.until(GOAWAY).await?;
    assert_eq!(goaway[..4], (u32::MAX >> 1).to_be_bytes());
    let ping = client.until(PING).await?;
    // Half a round trip later, calls that crossed it arrive.
    clock.until(ms(200)).await;
    for index in 0..10 {
        client.call(index * 2 + 1, ms(300)).await?;
    }
    client.send(PING, ACK, 0, &ping).await?;
    let goaway = client.until(GOAWAY).await?;
    assert_eq!(goaway[..4], 19_u32.to_be_bytes());
    assert_eq!(client.ended_streams().await?, 10);
    drain.await?;
    assert_eq!(clock.elapsed(), ms(500));
    let snapshot = server.snapshot();
    assert_eq!(snapshot.calls_ended(CallKind::LongSync, Outcome::Answered), 10);
    assert_eq!(snapshot.calls_in_flight(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_the_ping_has_a_second() -> Result<()> {
    let Draining { server: _server, mut client, clock, drain } = Draining::begin().await?;
    clock.until(ms(999)).await;
    client.call(1, ms(300)).await?;
    assert_eq!(client.ended_streams().await?, 1);
    drain.await?;
    assert_eq!(clock.elapsed(), ms(1_299));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_sent_nothing_yet_has_a_second_too() -> Result<()> {
    let server = Memory::start(config()).await;
    let (silent, speaks) = (server.open().0, server.open().0);
    settle().await;
    let clock = Paused::start();
    let worker = server.worker.clone();
    let draining = tokio::spawn(async move { worker.drain().await });
    clock.until(ms(500)).await;
    let mut client = Frames::over(speaks).await?;
    client.call(1, ms(100)).await?;
    let ping = client.until(PING).await?;
    client.send(PING, ACK, 0, &ping).await?;
    assert_eq!(client.ended_streams().await?, 1);
    draining.await?;
    assert_eq!(clock.elapsed(), ms(1_000));
    drop(silent);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_read_for_a_short_time_after_the_drain_has_ended() -> Result<()> {
    let server = Memory::start(config()).await;
    let (io, serving) = server.open();
    let mut client = Frames::over(io).await?;
    let clock = Paused::start();
    client.call(1, ms(300)).await?;
    settle().await;
    let worker = server.worker.clone();
    let draining = tokio::spawn(async move { worker.drain().await });
    let ping = client.until(PING).await?;
    client.send(PING, ACK, 0, &ping).await?;
    assert_eq!(client.ended_streams().await?, 1);
    draining.await?;
    assert_eq!(clock.elapsed(), ms(300));
    // What a client sends about an answer that it has just read.
    clock.until(ms(399)).await;
    client.send(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).await?;
    serving.await?;
    assert_eq!(clock.elapsed(), ms(400));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_delay_the_drain_and_a_connection_without_calls_does_not() -> Result<()> {
    let server = Memory::start(with_drain(HOUR)).await;
    let (busy, _idle) = (server.raw().await?, server.raw().await?);
    let unary = busy.unary(&wait(ms(3_000)), &[]).await?;
    let mut stream = busy.open("LongSyncStream", &[]).await?;
    stream.send(framed(&waits(ms(1_000), 4)), true)?;
    settle().await;
    let clock = Paused::start();
    server.worker.drain().await;
    assert_eq!(clock.elapsed(), ms(3_999));
    for call in [unary, stream] {
        assert_eq!(call.ended().await?.status.code(), Code::Ok);
    }
    Ok(())
}

#[tokio::test]
async fn connections_in_the_backlog_when_the_server_is_asked_to_stop_are_served() -> Result<()> {
    let server = Server::bind(config())?;
    let (addr, stats) = (server.local_addr(), server.stats());
    let mut calls = JoinSet::new();
    let mut sent = Vec::new();
    for _ in 0..20 {
        // The server has not accepted these connections; only the system has.
        let raw = Raw::over(tokio::net::TcpStream::connect(addr).await?).await?;
        calls.spawn(raw.unary(&wait(ms(50)), &[]).await?.ended());
        sent.push(raw);
    }
    server.serve(std::future::ready(())).await?;
    for ended in calls.join_all().await {
        assert_eq!(ended?.status.code(), Code::Ok);
    }
    assert_eq!(stats.snapshot().calls_ended(CallKind::LongSync, Outcome::Answered), 20);
    Ok(())
}

/// The socket has received a request that the runtime does not know of yet.
#[tokio::test]
async fn a_request_that_only_the_system_knows_of_when_the_drain_begins_is_answered() -> Result<()> {
    const REQUEST: &[u8] = b"GET /long_sync?delay=1ms HTTP/1.1\r\nhost: longsync.test\r\n\r\n";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut client = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
    let (socket, peer) = listener.accept().await?;
    let worker = Worker::new(config(), Clock::Monotonic);
    let serves = worker.clone();
    let serving = tokio::spawn(async move { serve_connection(socket, peer, &serves).await });
    client.write_all(REQUEST).await?;
    let mut answer = [0; 1024];
    let bytes = client.read(&mut answer).await?;
    assert!(answer[..bytes].ends_with(b"Done!"));
    settle().await;
    client.write_all(REQUEST).await?;
    worker.drain().await;
    serving.await?;
    let bytes = client.read(&mut answer).await?;
    assert!(answer[..bytes].ends_with(b"Done!"), "{}", answer[..bytes].escape_ascii());
    Ok(())
}

#[tokio::test]
async fn an_idle_server_ends_at_once_or_a_second_later_if_a_client_is_silent() -> Result<()> {
    let clock = Paused::start();
    Socket::start(with_drain(HOUR))?.shut_down().await?;
    assert!(clock.elapsed() < ms(900), "{:?}", clock.elapsed());

    let server = Socket::start(with_drain(HOUR))?;
    let (_silent, mut half) = (server.open().await?, server.open().await?);
    half.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    half.read_exact(&mut [0; 9]).await?;
    let clock = Paused::start();
    server.shut_down().await?;
    assert!(clock.elapsed() >= ms(1_000) && clock.elapsed() < ms(2_500), "{:?}", clock.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_lame_duck_reports_not_serving_and_still_serves() -> Result<()> {
    let server = Socket::start(checked(Options {
        lame_duck: ms(1_500),
        drain: Duration::ZERO,
        ..options()
    }))?;
    let addr = server.addr;
    let (raw, stats) = (server.raw().await?, server.stats());
    let mut health =
        HealthClient::with_origin(connect(server.open().await?).await?, ORIGIN.parse()?);
    let mut watch = health.watch(HealthCheckRequest::default()).await?.into_inner();
    let said = watch.message().await?.expect("a first status");
    assert_eq!(said.status(), ServingStatus::Serving);
    let clock = Paused::start();
    let mut ended = pin!(server.shut_down());
    poll_fn(|cx| Poll::Ready(ended.as_mut().poll(cx).is_pending())).await;

    let said = watch.message().await?.expect("another status");
    assert_eq!(said.status(), ServingStatus::NotServing);
    let checked = health.check(HealthCheckRequest::default()).await?.into_inner();
    assert_eq!(checked.status(), ServingStatus::NotServing);
    // This holds for connections that were open, and for new ones.
    raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    let mut web = crate::harness::Web::http1(tokio::net::TcpStream::connect(addr).await?).await?;
    assert_eq!(web.get("/long_sync?delay=1ms").await?.status(), 200);
    for (path, status) in [("/healthz", 503), ("/readyz", 503), ("/livez", 200)] {
        assert_eq!(web.get(path).await?.status(), status, "{path}");
    }
    assert!(clock.elapsed() < ms(1_500), "the machine is too slow for this test");
    // Calls may wait beyond the lame duck, and end with the drain.
    let cut = raw.unary(&wait(HOUR), &[]).await?;
    eventually(|| stats.snapshot().calls_in_flight() == 1).await;
    ended.await?;
    assert!(clock.elapsed() >= ms(1_500), "{:?}", clock.elapsed());
    assert_eq!(cut.ended().await?.status.code(), Code::Unavailable);
    Ok(())
}
