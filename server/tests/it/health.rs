//! `grpc.health.v1`: what health checks report, and when.

use std::time::Duration;

use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::harness::{
    Channel, HOUR, Memory, ORIGIN, Paused, Result, config, connect, framed, ms, settle, wait,
    with_drain, with_headers,
};

const SERVICE: &str = longsync::v1::long_sync_service_server::SERVICE_NAME;

async fn health(server: &Memory) -> Result<HealthClient<Channel>> {
    Ok(HealthClient::with_origin(connect(server.open().0).await?, ORIGIN.parse()?))
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

fn said(message: Option<HealthCheckResponse>) -> Option<ServingStatus> {
    message.map(|response| response.status())
}

#[tokio::test(start_paused = true)]
async fn the_server_and_its_service_are_serving_and_no_other_is_known() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut health = health(&server).await?;
    for service in ["", SERVICE] {
        let status = health.check(of(service)).await?.into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
    let unknown = health.check(of("nobody")).await.expect_err("no service is called nobody");
    assert_eq!(unknown.code(), Code::NotFound);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_is_not_counted_as_a_call() -> Result<()> {
    let server = Memory::start(config()).await;
    health(&server).await?.check(of("")).await?;
    let counted = server.snapshot();
    assert!(longsync_server::CallKind::ALL.iter().all(|kind| counted.calls_started(*kind) == 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_ignores_our_headers() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut health = health(&server).await?;
    let long = "n".repeat(257);
    for headers in [
        &[("x-longsync-call-id", &*long)][..],
        &[("x-longsync-call-id", "a"), ("x-longsync-call-id", "b")],
        &[("x-longsync-behavior", "soon"), ("x-longsync-behavior", "later")],
    ] {
        let answer = health.check(with_headers(of(""), headers)?).await?.into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{headers:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_notified_once_that_a_drain_has_begun() -> Result<()> {
    let server = Memory::start(with_drain(ms(500))).await;
    let mut health = health(&server).await?;
    let mut client = server.client().await?;
    let waiting = tokio::spawn(async move { client.long_sync(wait(HOUR)).await });
    let mut watch = health.watch(of(SERVICE)).await?.into_inner();
    assert_eq!(said(watch.message().await?), Some(ServingStatus::Serving));
    tokio::time::sleep(ms(100)).await;

    let clock = Paused::start();
    let worker = server.worker.clone();
    let draining = tokio::spawn(async move { worker.drain().await });
    assert_eq!(said(watch.message().await?), Some(ServingStatus::NotServing));
    assert_eq!(clock.elapsed(), Duration::ZERO, "while calls still wait");

    // It sends nothing more, and does not outlive the drain.
    let end = watch.message().await.expect_err("the drain is over");
    assert_eq!((end.code(), clock.elapsed()), (Code::Unavailable, ms(500)));
    assert_eq!(waiting.await?.expect_err("it is cut").code(), Code::Unavailable);
    draining.await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_an_unknown_service_says_so_once_and_lasts_until_the_drain_is_over() -> Result<()>
{
    let server = Memory::start(with_drain(ms(500))).await;
    let mut watch = health(&server).await?.watch(of("nobody")).await?.into_inner();
    assert_eq!(said(watch.message().await?), Some(ServingStatus::ServiceUnknown));
    let hour = tokio::time::timeout(HOUR, watch.message()).await;
    assert!(hour.is_err(), "it continues and sends nothing more: {hour:?}");

    // The end of serving does not make the service known.
    let mut client = server.client().await?;
    let waiting = tokio::spawn(async move { client.long_sync(wait(HOUR)).await });
    settle().await;
    server.worker.drain().await;
    let end = watch.message().await.expect_err("the drain is over");
    assert_eq!(end.code(), Code::Unavailable);
    assert_eq!(waiting.await?.expect_err("it is cut").code(), Code::Unavailable);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn watches_do_not_delay_a_drain_and_end_with_the_last_call() -> Result<()> {
    let server = Memory::start(with_drain(HOUR)).await;
    let mut health = health(&server).await?;
    let mut client = server.client().await?;
    let mut watches = Vec::new();
    for service in ["", SERVICE, "nobody"] {
        let mut watch = health.watch(of(service)).await?.into_inner();
        watch.message().await?;
        watches.push(watch);
    }
    let waiting = tokio::spawn(async move { client.long_sync(wait(ms(300))).await });
    settle().await;
    let clock = Paused::start();
    server.worker.drain().await;
    assert_eq!(clock.elapsed(), ms(299), "with the last call");
    waiting.await??;
    for mut watch in watches {
        let end = loop {
            match watch.message().await {
                Ok(said) => assert!(said.is_some(), "a clean end"),
                Err(end) => break end,
            }
        };
        assert_eq!(end.code(), Code::Unavailable, "{end:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_of_an_unknown_service_says_which_are_known() -> Result<()> {
    let server = Memory::start(config()).await;
    for name in ["nobody", "longsync.v1", "/"] {
        let why = health(&server).await?.check(of(name)).await.expect_err("it is unknown");
        assert_eq!(why.code(), Code::NotFound, "{name:?}");
        assert!(why.message().contains(SERVICE), "{why:?}");
    }
    Ok(())
}

/// `List` was added to the protocol later, and is not served.
#[tokio::test(start_paused = true)]
async fn an_unknown_method_of_a_known_service_is_unimplemented() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for path in [
        "/grpc.health.v1.Health/List",
        "/grpc.health.v1.Health/",
        "/grpc.reflection.v1.ServerReflection/Info",
        "/grpc.reflection.v2.ServerReflection/ServerReflectionInfo",
    ] {
        let mut call = raw.open_path(path, &[]).await?;
        call.send(framed(&of("")), true)?;
        let status = call.ended().await?.status;
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
        assert!(status.message().contains("grpcurl"), "{status:?}");
    }
    Ok(())
}
