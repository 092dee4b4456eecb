//! `grpc.health.v1`: what health checks are told, and when.

use std::time::Duration;

use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{
    Channel, HOUR, Memory, ORIGIN, Paused, Result, config, connect, ms, wait, with_drain,
};

const SERVICE: &str = longsync::v1::long_sync_service_server::SERVICE_NAME;

async fn health(server: &Memory) -> Result<HealthClient<Channel>> {
    Ok(HealthClient::with_origin(connect(server.open().0).await?, ORIGIN.parse()?))
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn the_server_and_its_service_are_serving_and_nobody_else_is_known() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut health = health(&server).await?;
    for service in ["", SERVICE] {
        let status = health.check(of(service)).await?.into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
    let unknown = health.check(of("nobody")).await.expect_err("nobody is not here");
    assert_eq!(unknown.code(), Code::NotFound);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_is_no_call_of_ours_and_is_not_counted() -> Result<()> {
    let server = Memory::start(config()).await;
    health(&server).await?.check(of("")).await?;
    let counted = server.snapshot();
    assert!(longsync_server::Kind::ALL.iter().all(|kind| counted.calls_started(*kind) == 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_watches_is_told_once_that_a_drain_began() -> Result<()> {
    let server = Memory::start(with_drain(ms(500))).await;
    let mut health = health(&server).await?;
    let mut client = server.client().await?;
    let waiting = tokio::spawn(async move { client.long_sync(wait(HOUR)).await });
    let mut watch = health.watch(of(SERVICE)).await?.into_inner();
    let said = |message: Option<tonic_health::pb::HealthCheckResponse>| {
        message.map(|response| response.status())
    };
    assert_eq!(said(watch.message().await?), Some(ServingStatus::Serving));
    tokio::time::sleep(ms(100)).await;

    let clock = Paused::start();
    let worker = server.worker.clone();
    let draining = tokio::spawn(async move { worker.drain().await });
    assert_eq!(said(watch.message().await?), Some(ServingStatus::NotServing));
    assert_eq!(clock.elapsed(), Duration::ZERO, "while calls still wait");

    // It says no more, and does not outlive the drain.
    let end = watch.message().await.expect_err("the drain is over");
    assert_eq!((end.code(), clock.elapsed()), (Code::Unavailable, ms(500)));
    assert_eq!(waiting.await?.expect_err("it is cut").code(), Code::Unavailable);
    draining.await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_a_service_that_is_not_here_says_so_and_goes_on() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut watch = health(&server).await?.watch(of("nobody")).await;
    // gRPC's health protocol allows a status as well as SERVICE_UNKNOWN.
    if let Ok(watch) = &mut watch {
        let said = watch.get_mut().message().await?.map(|response| response.status());
        assert_eq!(said, Some(ServingStatus::ServiceUnknown));
    } else {
        assert_eq!(watch.expect_err("it is not here").code(), Code::NotFound);
    }
    Ok(())
}
