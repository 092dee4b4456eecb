//! Calls that end early.

use longsync::v1::LongSyncResponse;
use prost::Message as _;

use super::*;
use crate::deadline::messages;
use crate::harness::{ask, settle, wait};

const FREE: &str = "5ms; queue(workers=1, limit=10)";
const WORK: &str = "5ms; queue(workers=1, limit=10, abandoned=work)";

#[tokio::test(start_paused = true)]
async fn a_canceled_call_frees_its_place_or_its_worker() -> Result<()> {
    let server = Memory::start(serving(FREE)?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    let mut serving = raw_call(&raw, 1_000, &[]).await?;
    settle().await;
    let mut standing = raw_call(&raw, 1_000, &[]).await?;
    let last = call_at(&server.client().await?, clock, 2, wait(ms(50)));
    clock.until(ms(20)).await;
    assert_eq!(counts(&server), [2, 1, 0, 0]);
    standing.reset();
    settle().await;
    assert_eq!(counts(&server), [1, 1, 0, 0]);
    clock.until(ms(40)).await;
    serving.reset();
    assert_eq!(last.await??, answered(50, 38, 90));
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

/// Only the driver is there at the planned ends of the abandoned calls.
#[tokio::test(start_paused = true)]
async fn the_work_of_a_canceled_call_goes_on_if_nobody_notices() -> Result<()> {
    let server = Memory::start(serving(WORK)?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    let client = server.client().await?;
    let mut serving = raw_call(&raw, 100, &[]).await?;
    settle().await;
    let mut standing = raw_call(&raw, 50, &[]).await?;
    let third = call_at(&client, clock, 2, wait(ms(50)));
    let fourth = call_at(&client, clock, 3, wait(ms(10)));
    clock.until(ms(20)).await;
    standing.reset();
    clock.until(ms(40)).await;
    serving.reset();
    settle().await;
    assert_eq!(counts(&server), [3, 1, 0, 0]);
    assert_eq!(third.await??, answered(50, 148, 200));
    assert_eq!(counts(&server), [0, 1, 0, 150]);
    assert_eq!(fourth.await??, answered(10, 197, 210));
    assert_eq!(counts(&server), [0, 0, 0, 150]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_while_standing_gives_the_place_back_or_not() -> Result<()> {
    for (text, started, wasted) in [(FREE, 200, 0), (WORK, 230, 30)] {
        let server = Memory::start(serving(text)?).await;
        let (raw, clock) = (server.raw().await?, Paused::start());
        let client = server.client().await?;
        let first = call_at(&client, clock, 0, wait(ms(200)));
        let last = call_at(&client, clock, 20, wait(ms(10)));
        clock.until(ms(10)).await;
        let status = raw_call(&raw, 30, &[("grpc-timeout", "50m")]).await?.ended().await?.status;
        let figures = [Some(30), Some(50), Some(50)];
        assert_eq!(seen_status(&status, clock)?, (Code::DeadlineExceeded, figures, 60), "{text}");
        assert_eq!(first.await??, answered(200, 0, 200));
        assert_eq!(last.await??, answered(10, started - 20, started + 10), "{text}");
        assert_eq!(counts(&server), [0, 0, 0, wasted], "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_service_frees_the_worker_or_not() -> Result<()> {
    for (text, started, wasted) in [(FREE, 50, 0), (WORK, 200, 200)] {
        let server = Memory::start(serving(text)?).await;
        let (raw, clock) = (server.raw().await?, Paused::start());
        let last = call_at(&server.client().await?, clock, 10, wait(ms(10)));
        let status = raw_call(&raw, 200, &[("grpc-timeout", "50m")]).await?.ended().await?.status;
        let figures = [Some(200), Some(0), Some(50)];
        assert_eq!(seen_status(&status, clock)?, (Code::DeadlineExceeded, figures, 50), "{text}");
        assert_eq!(last.await??, answered(10, started - 10, started + 10), "{text}");
        assert_eq!(counts(&server), [0, 0, 0, wasted], "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_stood_may_still_end_at_its_deadline() -> Result<()> {
    let server = Memory::start(serving(FREE)?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    let first = call_at(&server.client().await?, clock, 0, wait(ms(100)));
    clock.until(ms(10)).await;
    let status = raw_call(&raw, 200, &[("grpc-timeout", "150m")]).await?.ended().await?.status;
    let figures = [Some(200), Some(90), Some(150)];
    assert_eq!(seen_status(&status, clock)?, (Code::DeadlineExceeded, figures, 160));
    // A service that ends at the deadline has ended in time.
    let call = raw_call(&raw, 30, &[("grpc-timeout", "30m")]).await?;
    assert_eq!(call.ended().await?.status.code(), Code::Ok);
    first.await??;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_drain_ends_the_calls_that_stand() -> Result<()> {
    let server = Memory::start(serving(FREE)?).await;
    let (client, clock) = (server.client().await?, Paused::start());
    let in_service = call_at(&client, clock, 0, wait(ms(1_000)));
    let standing = call_at(&client, clock, 10, wait(ms(50)));
    clock.until(ms(100)).await;
    server.worker.drain().await;
    let figures = [Some(1_000), Some(0), Some(200)];
    assert_eq!(in_service.await??, (Code::Unavailable, figures, 200));
    let figures = [Some(50), Some(190), Some(190)];
    assert_eq!(standing.await??, (Code::Unavailable, figures, 200));
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

/// As if the process had been suspended: the end of a service, the start that it brings, what is due after that
/// and the deadline have all passed at once.
#[tokio::test(start_paused = true)]
async fn what_is_due_before_the_deadline_is_answered_however_late_its_start_is_noticed()
-> Result<()> {
    let exchange = [(1, 30), (2, 20), (3, 50)].map(|(id, delay)| framed(&ask(id, ms(delay))));
    for (kind, request, code, answers) in [
        ("LongSync", framed(&wait(ms(30))), Code::Ok, 1),
        ("LongSyncExchange", exchange.concat().into(), Code::DeadlineExceeded, 2),
    ] {
        let server = Memory::start(serving(FREE)?).await;
        let (raw, clock) = (server.raw().await?, Paused::start());
        let first = call_at(&server.client().await?, clock, 0, wait(ms(100)));
        clock.until(ms(10)).await;
        let mut call = raw.open(kind, &[("grpc-timeout", "150m")]).await?;
        call.send(request, true)?;
        settle().await;
        tokio::time::advance(ms(500)).await;
        let ended = call.ended().await?;
        assert_eq!((ended.status.code(), messages(&ended.data)), (code, answers), "{kind}");
        first.await??;
        assert_eq!(counts(&server), [0, 0, 0, 0], "{kind}");
    }
    Ok(())
}

/// Its wait in the queue is over, and was due before the deadline.
#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_slow_answer_of_a_call_that_was_served() -> Result<()> {
    let server =
        Memory::start(serving("10ms; slow(100%, 100B/s); queue(workers=1, limit=5)")?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    let mut call = raw.open("LongSync", &[("grpc-timeout", "50m")]).await?;
    call.send(framed(&LongSyncRequest::default()), true)?;
    let status = call.ended().await?.status;
    assert_eq!(seen_status(&status, clock)?, (Code::DeadlineExceeded, ran_out(10, 0), 50));
    Ok(())
}

/// The queue knows the deadlines of what it holds.
#[tokio::test(start_paused = true)]
async fn a_deadline_frees_the_worker_at_that_moment_however_late_it_is_noticed() -> Result<()> {
    for (kind, request) in
        [("LongSync", framed(&wait(ms(200)))), ("LongSyncExchange", framed(&ask(1, ms(200))))]
    {
        let server = Memory::start(serving(FREE)?).await;
        let (raw, clock) = (server.raw().await?, Paused::start());
        let mut call = raw.open(kind, &[("grpc-timeout", "50m")]).await?;
        call.send(request, true)?;
        clock.until(ms(1)).await;
        let next = raw_call(&raw, 10, &[]).await?;
        settle().await;
        tokio::time::advance(ms(500)).await;
        assert_eq!(call.ended().await?.status.code(), Code::DeadlineExceeded, "{kind}");
        let answer = LongSyncResponse::decode(&next.ended().await?.data[5..])?;
        assert_eq!(figures(answer.timing.as_ref())?[1], Some(49), "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_before_it_arrives_in_the_queue_never_does() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=0)")?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    let busy = call_at(&server.client().await?, clock, 0, wait(ms(1_000)));
    clock.until(ms(1)).await;
    let headers = [("x-envoy-fault-delay-request", "100"), ("grpc-timeout", "60m")];
    let call = raw_call(&raw, 50, &headers).await?;
    settle().await;
    tokio::time::advance(ms(500)).await;
    assert_eq!(call.ended().await?.status.code(), Code::DeadlineExceeded);
    assert_eq!(counts(&server), [0, 1, 0, 0]);
    busy.await??;
    Ok(())
}

/// The driver waits for the end of the one, and is told of the earlier end of the other.
#[tokio::test(start_paused = true)]
async fn the_earlier_of_two_abandoned_ends_is_noticed_on_time() -> Result<()> {
    let text = "5ms; queue(workers=2, limit=10, abandoned=work)";
    let server = Memory::start(serving(text)?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    let (mut long, mut short) = (raw_call(&raw, 100, &[]).await?, raw_call(&raw, 50, &[]).await?);
    let next = call_at(&server.client().await?, clock, 2, wait(ms(5)));
    clock.until(ms(10)).await;
    long.reset();
    settle().await;
    short.reset();
    assert_eq!(next.await??, answered(5, 48, 55));
    Ok(())
}
