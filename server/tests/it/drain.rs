//! The drain: waiting calls may continue for a limited time, then each of them ends with a status.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use longsync_server::{CallKind, Outcome};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::harness::{
    HOUR, KINDS, Memory, ORIGIN, Paused, Raw, Result, Socket, connect, delay, eventually, framed,
    ms, read, settle, timing_of, wait, waits, with_drain,
};

/// A drain that is under way, in a separate task.
fn drain(server: &Memory) -> tokio::task::JoinHandle<()> {
    let worker = server.worker.clone();
    tokio::spawn(async move { worker.drain().await })
}

#[tokio::test(start_paused = true)]
async fn calls_that_end_within_the_drain_are_answered_and_the_last_one_ends_it() -> Result<()> {
    let server = Memory::start(with_drain(ms(5_000))).await;
    let raw = server.raw().await?;
    let clock = Paused::start();
    let mut calls = JoinSet::new();
    for millis in [500, 1_000, 2_000] {
        calls.spawn(raw.unary(&wait(ms(millis)), &[]).await?.ended());
    }
    let mut stream = raw.open("LongSyncStream", &[]).await?;
    stream.send(framed(&waits(ms(100), 15)), true)?;
    calls.spawn(stream.ended());
    clock.until(ms(100)).await;
    drain(&server).await?;
    assert_eq!(clock.elapsed(), ms(2_000));
    for ended in calls.join_all().await {
        assert_eq!(ended?.status.code(), Code::Ok);
    }
    // The client was told to open no more calls, and the connection has ended.
    raw.driver.await??;
    assert_eq!(clock.elapsed(), ms(2_000));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn calls_that_still_wait_at_the_end_of_the_drain_are_unavailable_with_timing() -> Result<()> {
    let server = Memory::start(with_drain(ms(1_000))).await;
    let raw = server.raw().await?;
    let clock = Paused::start();
    let mut calls = Vec::new();
    for (kind, rpc) in KINDS {
        let mut call = raw.open(rpc, &[]).await?;
        // Calls that may send more messages keep their side open.
        let is_last = matches!(kind, CallKind::LongSync | CallKind::LongSyncStream);
        call.send(framed(&wait(HOUR)), is_last)?;
        calls.push((kind, call));
    }
    clock.until(ms(300)).await;
    drain(&server).await?;
    assert_eq!(clock.elapsed(), ms(1_300));
    for (kind, call) in calls {
        let status = call.ended().await?.status;
        assert_eq!(status.code(), Code::Unavailable, "{kind}: {status:?}");
        assert!(status.message().contains("shutting down"), "{status:?}");
        let timing = timing_of(&status)?;
        if kind != CallKind::LongSyncExchange {
            assert_eq!((timing.planned, timing.waited), (delay(HOUR), delay(ms(1_300))), "{kind}");
        }
        assert_eq!(server.snapshot().calls_ended(kind, Outcome::Drained), 1, "{kind}");
    }
    assert_eq!(clock.elapsed(), ms(1_300));
    assert_eq!(server.snapshot().lateness().count(), 0, "no wait ran out");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_drain_without_calls_ends_at_once_and_a_drain_of_zero_cuts_calls_at_once() -> Result<()> {
    let clock = Paused::start();
    drain(&Memory::start(with_drain(HOUR)).await).await?;
    assert_eq!(clock.elapsed(), Duration::ZERO);

    let server = Memory::start(with_drain(Duration::ZERO)).await;
    let call = server.raw().await?.unary(&wait(HOUR), &[]).await?;
    settle().await;
    let clock = Paused::start();
    drain(&server).await?;
    assert_eq!(call.ended().await?.status.code(), Code::Unavailable);
    assert_eq!(clock.elapsed(), Duration::ZERO);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_within_the_drain_still_ends_its_call_at_the_deadline() -> Result<()> {
    let server = Memory::start(with_drain(ms(5_000))).await;
    let raw = server.raw().await?;
    let clock = Paused::start();
    let call = raw.unary(&wait(HOUR), &[("grpc-timeout", "2S")]).await?;
    settle().await;
    drain(&server).await?;
    assert_eq!(call.ended().await?.status.code(), Code::DeadlineExceeded);
    assert_eq!(clock.elapsed(), ms(2_000));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_arrives_after_the_drain_ends_at_once_as_unavailable() -> Result<()> {
    for (kind, rpc) in KINDS {
        let server = Memory::start(with_drain(Duration::ZERO)).await;
        let raw = server.raw().await?;
        raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
        let clock = Paused::start();
        server.worker.drain().await;
        // The client has not read GOAWAY yet.
        let mut call = raw.open(rpc, &[]).await?;
        call.send(framed(&wait(HOUR)), true)?;
        assert_eq!(call.ended().await?.status.code(), Code::Unavailable, "{kind}");
        // It ends, though some of the client's data may not have been written.
        let _ = raw.driver.await?;
        assert_eq!(clock.elapsed(), Duration::ZERO, "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_waiting_calls_are_answered_or_refused_when_the_drain_is_over() -> Result<()> {
    let server = Memory::start(with_drain(ms(1_000))).await;
    let (mut web1, mut web2, mut fine) =
        (server.web1().await?, server.web2().await?, server.web1().await?);
    let mut calls = JoinSet::new();
    calls.spawn(async move { web1.get("/long_sync?delay=1h").await });
    calls.spawn(async move { web2.get("/long_sync?delay=1h").await });
    let fine = tokio::spawn(async move { fine.get("/long_sync?delay=500ms").await });
    settle().await;
    drain(&server).await?;
    assert_eq!(fine.await??.body(), "Done!");
    for answer in calls.join_all().await {
        let answer = answer?;
        assert_eq!(answer.status(), 503);
        assert!(answer.body().contains("shutting down"), "{}", answer.body());
        assert!(answer.headers().contains_key("server-timing"));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn health_reports_the_drain_from_its_beginning() -> Result<()> {
    let server = Memory::start(with_drain(ms(1_000))).await;
    let raw = server.raw().await?;
    let waiting = raw.unary(&wait(HOUR), &[]).await?;
    let (before, _) = read(raw.get("/healthz").await?.await?.into_body()).await?;
    assert_eq!(before, b"serving\n"[..]);

    let mut draining = pin!(server.worker.drain());
    // The drain begins; whatever is sent now is sent before the client has read GOAWAY.
    poll_fn(|cx| Poll::Ready(draining.as_mut().poll(cx).is_pending())).await;
    let mut check = raw.open_path("/grpc.health.v1.Health/Check", &[]).await?;
    check.send(framed(&HealthCheckRequest::default()), true)?;
    let asked = raw.get("/healthz").await?;

    let (answer, checked, ended, ()) =
        tokio::join!(asked, check.ended(), waiting.ended(), draining);
    let answer = answer?;
    assert_eq!(answer.status(), 503);
    assert_eq!(read(answer.into_body()).await?.0, b"shutting down\n"[..]);
    let checked = HealthCheckResponse::decode(&checked?.data[5..])?;
    assert_eq!(checked.status(), ServingStatus::NotServing);
    assert_eq!(ended?.status.code(), Code::Unavailable);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_has_stalled_does_not_hold_the_drain() -> Result<()> {
    let server = Memory::start(with_drain(ms(1_000))).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(10);
    let raw = Raw::with(&builder, server.open().0).await?;
    let mut request = waits(ms(10), 5);
    request.response_bytes = 100_000;
    let mut call = raw.open("LongSyncStream", &[]).await?;
    call.send(framed(&request), true)?;
    settle().await;
    let clock = Paused::start();
    drain(&server).await?;
    assert_eq!(clock.elapsed(), ms(1_000));
    settle().await;
    assert_eq!(call.reset_by_server().await?, h2::Reason::CANCEL);
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSyncStream, Outcome::Drained), 1);
    Ok(())
}

#[tokio::test]
async fn a_server_ends_despite_calls_watches_and_sockets_that_last_forever() -> Result<()> {
    // More than tokio's coop budget allows one task at a time.
    const CALLS: u64 = 1_000;
    let server = Socket::start(with_drain(ms(200)))?;
    let (addr, stats) = (server.addr, server.stats());
    let mut calls = JoinSet::new();
    let raw = server.raw().await?;
    for _ in 0..CALLS {
        calls.spawn(raw.unary(&wait(HOUR), &[]).await?.ended());
    }
    let mut health =
        HealthClient::with_origin(connect(server.open().await?).await?, ORIGIN.parse()?);
    let mut watch = health.watch(HealthCheckRequest::default()).await?.into_inner();
    watch.message().await?;
    let silent = server.open().await?;
    let mut half = server.open().await?;
    half.write_all(b"GET /long_sync").await?;
    eventually(|| stats.snapshot().calls_in_flight() == CALLS).await;

    server.shut_down().await?;

    for ended in calls.join_all().await {
        assert_eq!(ended?.status.code(), Code::Unavailable);
    }
    watch.message().await?;
    assert_eq!(watch.message().await.expect_err("the watch ends").code(), Code::Unavailable);
    assert_eq!(stats.snapshot().calls_ended(CallKind::LongSync, Outcome::Drained), CALLS);
    assert_eq!(stats.snapshot().calls_in_flight(), 0);
    for mut socket in [silent, half] {
        assert!(matches!(socket.read(&mut [0; 8]).await, Ok(0) | Err(_)));
    }
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    Ok(())
}

#[tokio::test]
async fn while_a_server_drains_its_waiting_calls_are_answered() -> Result<()> {
    let server = Socket::start(with_drain(ms(10_000)))?;
    let stats = server.stats();
    let (mut first, mut second) = (server.client().await?, server.client().await?);
    let mut calls = JoinSet::new();
    calls.spawn(async move { first.long_sync(wait(ms(300))).await.map(drop) });
    calls.spawn(async move { second.long_sync(wait(ms(400))).await.map(drop) });
    eventually(|| stats.snapshot().calls_in_flight() == 2).await;
    let clock = Paused::start();
    server.shut_down().await?;
    for answered in calls.join_all().await {
        answered?;
    }
    assert!(clock.elapsed() < ms(5_000), "{:?}", clock.elapsed());
    Ok(())
}
