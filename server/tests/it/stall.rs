//! Stalls: no service begins inside a window, and the wait for the window's end is `queued`.

use std::time::Duration;

use anyhow::Context as _;
use longsync::duration::from_proto;
use longsync::v1::{LongSyncCollectRequest, LongSyncRequest, LongSyncStreamRequest, Timing};
use longsync_server::{CallKind, Config, Options, Outcome};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{
    Memory, ORIGIN, Paused, Result, ask, checked, connect, framed, ms, open_stream, options, timed,
    timing_of, wait, waits, within,
};

fn stalling(behavior: &str) -> Result<Config> {
    Ok(checked(Options { behavior: behavior.parse()?, drain: ms(100), ..options() }))
}

/// `planned`, `queued` and `waited`.
fn spent(timing: Option<&Timing>) -> Result<[Duration; 3]> {
    let timing = timing.context("the answer has no timing")?;
    let [planned, queued, waited] = [&timing.planned, &timing.queued, &timing.waited]
        .map(|field| field.as_ref().map(from_proto).transpose());
    let missing = "a field is not set";
    Ok([planned?.context(missing)?, queued?.context(missing)?, waited?.context(missing)?])
}

/// Makes a unary call without its own delay at each of these times, in milliseconds. Returns how long each
/// was queued.
async fn queued_at<const N: usize>(behavior: &str, times: [u64; N]) -> Result<[u128; N]> {
    let server = Memory::start(stalling(behavior)?).await;
    let clock = Paused::start();
    let mut client = server.client().await?;
    let mut stood = [0; N];
    for (at, stood) in times.into_iter().zip(&mut stood) {
        clock.until(ms(at)).await;
        let answer = client.long_sync(LongSyncRequest::default()).await?.into_inner();
        let [planned, queued, waited] = spent(answer.timing.as_ref())?;
        assert_eq!((planned, waited), (ms(5), queued + planned));
        assert_eq!(clock.elapsed(), ms(at) + waited);
        assert_eq!(answer.timing.unwrap_or_default().behavior, behavior);
        *stood = queued.as_millis();
    }
    Ok(stood)
}

#[tokio::test(start_paused = true)]
async fn a_call_inside_the_window_is_queued_until_its_end() -> Result<()> {
    let text = "5ms; stall(at=1s, for=1s)";
    assert_eq!(queued_at(text, [0, 999, 1_250, 3_250]).await?, [0, 0, 750, 0]);
    assert_eq!(queued_at(text, [1_000, 2_005]).await?, [1_000, 0]);
    assert_eq!(queued_at(text, [2_000]).await?, [0]);
    let stood = queued_at("5ms; stall(for=1s)", [0, 1_005, 10_000]).await?;
    assert_eq!(stood, [1_000, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_window_repeats_as_often_as_specified() -> Result<()> {
    let text = "5ms; stall(at=1s, for=1s, every=10s)";
    let times = [0, 1_500, 9_000, 11_000, 12_500, 21_999, 51_100];
    assert_eq!(queued_at(text, times).await?, [0, 500, 0, 1_000, 0, 1, 900]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_window_may_start_from_the_first_call() -> Result<()> {
    let text = "5ms; stall(at=1s, for=1s, from=first_call)";
    assert_eq!(queued_at(text, [5_000, 6_400, 7_005]).await?, [0, 600, 0]);
    let text = "5ms; stall(for=1s, from=first_call)";
    assert_eq!(queued_at(text, [5_000, 6_005]).await?, [1_000, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn health_and_metrics_neither_stall_nor_count_as_the_first_call() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(for=1s, from=first_call)")?).await;
    let mut web = server.web1().await?;
    let mut health = HealthClient::with_origin(connect(server.open().0).await?, ORIGIN.parse()?);
    let clock = Paused::start();
    for _ in 0..2 {
        let before = clock.elapsed();
        for target in ["/healthz", "/readyz", "/livez", "/metrics", "/"] {
            assert_eq!(web.get(target).await?.status(), 200, "{target}");
        }
        health.check(HealthCheckRequest::default()).await?;
        // The thread that renders metrics may let the paused clock advance by its smallest step.
        assert!(clock.elapsed() <= before + ms(1), "{:?}", clock.elapsed());
        // The second time, it is inside the window.
        let mut client = server.client().await?;
        tokio::spawn(async move { client.long_sync(LongSyncRequest::default()).await });
        clock.until(ms(500)).await;
    }
    let called = clock.elapsed();
    web.get("/long_sync").await?;
    assert!(clock.elapsed() > called + ms(400), "the window began with the first call");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn http_reports_how_long_a_call_was_queued() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(at=1s, for=1s)")?).await;
    let clock = Paused::start();
    let mut web = server.web1().await?;
    for (at, target, timing) in [
        (0, "/long_sync", "planned;dur=5.000, waited;dur=5.000, queued;dur=0.000"),
        (1_250, "/long_sync", "planned;dur=5.000, waited;dur=755.000, queued;dur=750.000"),
        (2_100, "/long_sync", "planned;dur=5.000, waited;dur=5.000, queued;dur=0.000"),
    ] {
        clock.until(ms(at)).await;
        let answer = web.get(target).await?;
        assert_eq!(
            answer.headers().get("server-timing").context("the answer has no timing")?,
            timing
        );
    }
    Ok(())
}

/// A caller's behavior replaces the server's delay, but not its stall.
#[tokio::test(start_paused = true)]
async fn a_call_is_queued_whatever_its_own_delay_is() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(for=1s)")?).await;
    let (client, clock) = (server.client().await?, Paused::start());
    let by_behavior = LongSyncRequest { behavior: "100ms".into(), ..LongSyncRequest::default() };
    let (mut one, mut other) = (client.clone(), client);
    let answers = tokio::join!(one.long_sync(wait(ms(100))), other.long_sync(by_behavior));
    for answer in [answers.0, answers.1] {
        let timing = answer?.into_inner().timing;
        assert_eq!(spent(timing.as_ref())?, [100, 1_000, 1_100].map(ms));
        assert_eq!(timing.unwrap_or_default().behavior, "100ms");
    }
    assert_eq!(clock.elapsed(), ms(1_100));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_queued_only_before_its_first_answer() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(for=1s, every=2s)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let answers = client.long_sync_stream(waits(ms(100), 30)).await?.into_inner();
    for (index, (at, answer)) in (0_u32..).zip(timed(clock, answers).await?) {
        let queued = if index == 0 { ms(1_000) } else { ms(0) };
        assert_eq!(spent(answer.timing.as_ref())?, [ms(100), queued, ms(100) + queued]);
        assert_eq!(at, ms(1_000) + ms(100) * (index + 1));
    }
    let none = LongSyncStreamRequest { count: Some(0), ..LongSyncStreamRequest::default() };
    clock.until(ms(4_500)).await;
    assert!(timed(clock, client.long_sync_stream(none).await?.into_inner()).await?.is_empty());
    assert_eq!(clock.elapsed(), ms(4_500), "without an answer, there is nothing to queue for");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_collect_is_queued_only_before_its_first_request() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(for=1s, every=2s)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let requests = vec![LongSyncCollectRequest::default(); 300];
    let answer = client.long_sync_collect(tokio_stream::iter(requests)).await?.into_inner();
    assert_eq!(spent(answer.timing.as_ref())?, [1_500, 1_000, 2_500].map(ms));
    assert_eq!(clock.elapsed(), ms(2_500));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_message_of_an_exchange_is_queued() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(at=1s, for=1s)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let (sender, requests) = open_stream();
    sender.send(ask(0, ms(1_400)))?;
    let answers = client.long_sync_exchange(requests).await?.into_inner();
    let sending = async move {
        for (id, at) in [(1, 1_200), (2, 1_999), (3, 2_000)] {
            clock.until(ms(at)).await;
            sender.send(ask(id, ms(10)))?;
        }
        anyhow::Ok(())
    };
    let (came, sent) = tokio::join!(timed(clock, answers), sending);
    sent?;
    let mut stood = Vec::new();
    for (at, answer) in came? {
        let [planned, queued, waited] = spent(answer.timing.as_ref())?;
        assert_eq!(waited, queued + planned);
        stood.push((answer.id, queued.as_millis(), at.as_millis()));
    }
    let expected = [(0, 0, 1_400), (1, 800, 2_010), (2, 1, 2_010), (3, 0, 2_010)];
    assert_eq!(stood, expected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_while_queued_ends_the_call_with_the_delay_that_it_had_drawn() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(for=1s, every=3s)")?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    for (turn, kind) in
        (0_u32..).zip([CallKind::LongSync, CallKind::LongSyncStream, CallKind::LongSyncCollect])
    {
        clock.until(ms(3_000) * turn).await;
        let mut call = raw.open(kind.name(), &[("grpc-timeout", "300m")]).await?;
        call.send(framed(&LongSyncRequest::default()), true)?;
        let status = call.ended().await?.status;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind}");
        assert_eq!(spent(Some(&timing_of(&status)?))?, [5, 300, 300].map(ms), "{kind}");
        assert_eq!(clock.elapsed(), ms(3_000) * turn + ms(300), "{kind}");
        assert_eq!(server.snapshot().calls_ended(kind, Outcome::DeadlineExceeded), 1, "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_service_keeps_how_long_the_call_was_queued() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(for=1s, every=3s)")?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    for (turn, kind) in
        (0_u32..).zip([CallKind::LongSync, CallKind::LongSyncStream, CallKind::LongSyncCollect])
    {
        clock.until(ms(3_000) * turn).await;
        let mut call = raw.open(kind.name(), &[("grpc-timeout", "1200m")]).await?;
        call.send(framed(&wait(ms(700))), true)?;
        let status = call.ended().await?.status;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind}");
        assert_eq!(spent(Some(&timing_of(&status)?))?, [700, 1_000, 1_200].map(ms), "{kind}");
    }
    // A call that is queued and still served in time is answered.
    clock.until(ms(9_000)).await;
    let mut client = server.client().await?;
    let answer = client.long_sync(within(ms(1_200), wait(ms(150)))).await?.into_inner();
    assert_eq!(spent(answer.timing.as_ref())?, [150, 1_000, 1_150].map(ms));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_drain_ends_queued_calls() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(for=1s)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let worker = std::sync::Arc::clone(&server.worker);
    let draining = async move {
        clock.until(ms(200)).await;
        worker.drain().await;
    };
    let (answered, ()) = tokio::join!(client.long_sync(LongSyncRequest::default()), draining);
    let status = answered.expect_err("the drain is over");
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(spent(Some(&timing_of(&status)?))?, [5, 300, 300].map(ms));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_envoys_headers_abort_is_not_queued() -> Result<()> {
    let server = Memory::start(stalling("5ms; stall(for=1s)")?).await;
    let headers = &[("x-envoy-fault-abort-grpc-request", "14")];
    let (mut client, clock) = (server.client_with(headers).await?, Paused::start());
    let aborted = client.long_sync_exchange(tokio_stream::iter([ask(1, ms(10))])).await;
    assert_eq!(aborted.expect_err("it is aborted").code(), Code::Unavailable);
    assert_eq!(clock.elapsed(), ms(0));
    Ok(())
}
