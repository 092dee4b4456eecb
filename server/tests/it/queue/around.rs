//! What comes before the queue, beside it and on top of it: faults, Envoy's headers, stalls, streams.

use longsync::v1::{LongSyncCollectRequest, LongSyncStreamRequest};

use super::*;
use crate::harness::{timed, wait, waits, with_headers};

#[tokio::test(start_paused = true)]
async fn a_fault_before_the_wait_takes_neither_a_place_nor_a_worker() -> Result<()> {
    let text = "10ms; fail(100%, UNAVAILABLE, when=before); queue(workers=1, limit=0)";
    let server = Memory::start(serving(text)?).await;
    let (client, clock) = (server.client().await?, Paused::start());
    let calls = [0, 0, 0].map(|at| call_at(&client, clock, at, LongSyncRequest::default()));
    for call in calls {
        assert_eq!(call.await??, (Code::Unavailable, SHED, 0));
    }
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fault_after_the_wait_has_stood_and_held_a_worker() -> Result<()> {
    let text = "10ms; fail(100%, UNAVAILABLE); queue(workers=1, limit=1)";
    let server = Memory::start(serving(text)?).await;
    let (client, clock) = (server.client().await?, Paused::start());
    let calls = [0, 4, 5].map(|at| call_at(&client, clock, at, LongSyncRequest::default()));
    let expected = [
        (Code::Unavailable, ran_out(10, 0), 10),
        (Code::Unavailable, ran_out(10, 6), 20),
        (Code::ResourceExhausted, SHED, 5),
    ];
    for (call, expected) in calls.into_iter().zip(expected) {
        assert_eq!(call.await??, expected);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_holds_its_worker_until_its_client_leaves() -> Result<()> {
    let server = Memory::start(serving("10ms; hang(100%); queue(workers=1, limit=5)")?).await;
    let (raw, client, clock) = (server.raw().await?, server.client().await?, Paused::start());
    let mut hangs = raw.open("LongSync", &[("grpc-timeout", "100m")]).await?;
    hangs.send(framed(&LongSyncRequest::default()), true)?;
    let next = call_at(&client, clock, 5, wait(ms(20)));
    clock.until(ms(500)).await;
    assert_eq!(counts(&server), [1, 1, 0, 0]);
    hangs.reset();
    assert_eq!(next.await??, answered(20, 495, 520));
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn envoys_delay_comes_before_the_queue_and_is_planned() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let (client, clock) = (server.client().await?, Paused::start());
    let delayed = with_headers(wait(ms(50)), &[("x-envoy-fault-delay-request", "100")])?;
    let calls = [
        call_at(&client, clock, 0, wait(ms(300))),
        call_at(&client, clock, 0, delayed),
        // It arrives in the queue earlier.
        call_at(&client, clock, 50, wait(ms(10))),
    ];
    let expected = [answered(300, 0, 300), answered(150, 210, 360), answered(10, 250, 310)];
    for (call, expected) in calls.into_iter().zip(expected) {
        assert_eq!(call.await??, expected);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_call_in_envoys_delay_and_behind_it() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let (raw, client, clock) = (server.raw().await?, server.client().await?, Paused::start());
    let busy = call_at(&client, clock, 0, wait(ms(300)));
    clock.until(ms(10)).await;
    for (timeout, figures) in
        [("60m", [Some(150), Some(0), Some(60)]), ("130m", [Some(150), Some(30), Some(130)])]
    {
        let headers = [("x-envoy-fault-delay-request", "100"), ("grpc-timeout", timeout)];
        let status = raw_call(&raw, 50, &headers).await?.ended().await?.status;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{timeout}");
        assert_eq!(super::figures(Some(&timing_of(&status)?))?, figures, "{timeout}");
    }
    assert_eq!(busy.await??, answered(300, 0, 300));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_envoys_headers_abort_is_never_queued() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=0)")?).await;
    let (client, clock) = (server.client().await?, Paused::start());
    let busy = call_at(&client, clock, 0, wait(ms(100)));
    let headers =
        [("x-envoy-fault-abort-grpc-request", "14"), ("x-envoy-fault-delay-request", "20")];
    let aborted = call_at(&client, clock, 10, with_headers(wait(ms(50)), &headers)?);
    let figures = [Some(20), None, Some(20)];
    assert_eq!(aborted.await??, (Code::Unavailable, figures, 30));
    assert_eq!(busy.await??, answered(100, 0, 100));
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_service_begins_during_a_stall_and_the_limit_holds() -> Result<()> {
    let text = "5ms; queue(workers=1, limit=2); stall(at=100ms, for=100ms)";
    let server = Memory::start(serving(text)?).await;
    let clock = Paused::start();
    let came = calls(&server, clock, [(0, 150), (110, 20), (120, 5), (130, 5), (230, 5)]).await?;
    let expected = [
        answered(150, 0, 150),
        answered(20, 90, 220),
        answered(5, 100, 225),
        (Code::ResourceExhausted, SHED, 130),
        answered(5, 0, 235),
    ];
    assert_eq!(came, expected);
    Ok(())
}

/// No call is in service that could notice the end of the window.
#[tokio::test(start_paused = true)]
async fn service_begins_when_a_stall_ends_although_workers_were_free() -> Result<()> {
    let text = "5ms; queue(workers=1, limit=5); stall(for=100ms)";
    let server = Memory::start(serving(text)?).await;
    let clock = Paused::start();
    let came = calls(&server, clock, [(10, 5), (20, 10)]).await?;
    assert_eq!(came, [answered(5, 90, 105), answered(10, 85, 115)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stall_from_the_first_call_counts_from_the_first_arrival() -> Result<()> {
    let text = "5ms; queue(workers=1, limit=5); stall(at=50ms, for=50ms, from=first_call)";
    let server = Memory::start(serving(text)?).await;
    let clock = Paused::start();
    let came = calls(&server, clock, [(1_000, 60), (1_010, 5)]).await?;
    assert_eq!(came, [answered(60, 0, 1_060), answered(5, 90, 1_105)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stall_counts_from_the_first_call_even_if_envoys_delay_holds_it() -> Result<()> {
    let text = "20ms; queue(workers=1, limit=5); stall(for=300ms, from=first_call)";
    let server = Memory::start(serving(text)?).await;
    let mut client = server.client_with(&[("x-envoy-fault-delay-request", "200")]).await?;
    let clock = Paused::start();
    let answer = client.long_sync(LongSyncRequest::default()).await?.into_inner();
    let figures = figures(answer.timing.as_ref())?;
    assert_eq!((figures, exact_ms(clock.elapsed())), (ran_out(220, 100), 320));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn streams_and_collects_neither_stand_nor_take_workers() -> Result<()> {
    let server = Memory::start(serving("10ms; queue(workers=1, limit=0)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let busy = call_at(&client, clock, 0, wait(ms(100)));
    clock.until(ms(1)).await;
    let answers = client.long_sync_stream(waits(ms(10), 2)).await?.into_inner();
    for (at, (came, answer)) in [11, 21].into_iter().zip(timed(clock, answers).await?) {
        assert_eq!((figures(answer.timing.as_ref())?, came), (ran_out(10, 0), ms(at)));
    }
    let requests = vec![LongSyncCollectRequest::default(); 2];
    let answer = client.long_sync_collect(tokio_stream::iter(requests)).await?.into_inner();
    assert_eq!(figures(answer.timing.as_ref())?, ran_out(20, 0));
    let unasked = client.long_sync_stream(LongSyncStreamRequest::default()).await?.into_inner();
    assert_eq!(timed(clock, unasked).await?.len(), 1);
    assert_eq!(counts(&server), [0, 1, 0, 0]);
    assert_eq!(busy.await??, answered(100, 0, 100));
    Ok(())
}
