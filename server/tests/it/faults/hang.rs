//! Calls that are never answered: how they end all the same.

use anyhow::Context as _;
use longsync::v1::LongSyncRequest;
use longsync_server::{CallKind, Outcome};
use tonic::Code;

use super::{applied, bringing, call, clause, drain, ended, millis, server, within_an_hour};
use crate::harness::{
    Frames, HEADERS, HOUR, KINDS, Memory, Paused, RST_STREAM, Result, config, frame, framed, ms,
    open, request, settle, timing_of, wait,
};

/// In an exchange, it is messages that hang.
const HANGING: [(CallKind, &str); 3] = [KINDS[0], KINDS[1], KINDS[2]];

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_outlives_its_deadline_and_ends_with_its_client() -> Result<()> {
    for text in ["hang(100%)", "100ms; hang(100%)", "5s; hang(100%, when=before)"] {
        let server = server(text).await?;
        let raw = server.raw().await?;
        for (kind, rpc) in HANGING {
            let mut call = raw.open(rpc, &[("grpc-timeout", "1S")]).await?;
            call.send(framed(&LongSyncRequest::default()), true)?;
            assert!(within_an_hour(&mut call.response).await.is_none(), "{text}: {kind}");
            assert_eq!(server.snapshot().calls_in_flight(), 1, "{text}: {kind}");
            call.reset();
            settle().await;
            assert_eq!(ended(&server, kind, Outcome::Hung), 1, "{text}: {kind}");
            assert_eq!(server.snapshot().calls_in_flight(), 0, "{text}: {kind}");
        }
        assert_eq!(applied(&server), [(clause(text)?, 3)]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_before_the_planned_end_is_not_the_servers_to_enforce() -> Result<()> {
    let text = "5s; hang(100%)";
    for (kind, rpc) in HANGING {
        let server = server(text).await?;
        let raw = server.raw().await?;
        // Its client leaves at its own deadline, before the call hangs.
        let mut left = raw.open(rpc, &[("grpc-timeout", "1S")]).await?;
        left.send(framed(&LongSyncRequest::default()), true)?;
        assert!(tokio::time::timeout(ms(4_000), &mut left.response).await.is_err(), "{kind}");
        left.reset();
        settle().await;
        assert_eq!(ended(&server, kind, Outcome::DeadlineExceeded), 1, "{kind}");
        // This one stays.
        let mut stays = raw.open(rpc, &[("grpc-timeout", "1S")]).await?;
        stays.send(framed(&LongSyncRequest::default()), true)?;
        assert!(within_an_hour(&mut stays.response).await.is_none(), "{kind}");
        stays.reset();
        settle().await;
        assert_eq!(ended(&server, kind, Outcome::Hung), 1, "{kind}");
        assert_eq!(applied(&server), [(clause(text)?, 1)], "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_before_the_planned_end_has_cancelled() -> Result<()> {
    for text in ["5s; hang(100%)", "5s; reset(100%)", "5s; fail(100%, ABORTED)", "5s; drop(100%)"] {
        let server = server(text).await?;
        let raw = server.raw().await?;
        for (kind, rpc) in KINDS {
            let mut call = raw.open(rpc, &[]).await?;
            call.send(framed(&LongSyncRequest::default()), false)?;
            settle().await;
            call.reset();
            settle().await;
            assert_eq!(ended(&server, kind, Outcome::Cancelled), 1, "{text}: {kind}");
        }
        assert_eq!(applied(&server), [], "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_call_that_hangs_is_on_the_wire() -> Result<()> {
    let server = server("hang(100%)").await?;
    let mut client = Frames::over(server.open().0).await?;
    for (stream, (_, rpc)) in [1, 3, 5].into_iter().zip(HANGING) {
        client.write(&request(stream, rpc, &LongSyncRequest::default())).await?;
    }
    // An exchange whose message hangs has headers, because more messages may follow, and nothing else.
    let message = framed(&LongSyncRequest::default());
    client.write(&open(7, "LongSyncExchange", &[])).await?;
    client.write(&frame(0, 0, 7, &message)).await?;
    client.call(9, ms(2_000)).await?;
    client.stream(9, Paused::start()).await?.len();
    let (mut seen, mut more) = (Vec::new(), client);
    while let Some(Ok(Some(frame))) = within_an_hour(more.next()).await {
        seen.push((frame.stream, frame.kind));
    }
    let ours = |kind| seen.iter().filter(|(stream, it)| *stream % 2 == 1 && *it == kind).count();
    assert_eq!((ours(HEADERS), ours(RST_STREAM)), (0, 0), "{seen:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_a_call_that_hangs_ends_with_its_client() -> Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server("10ms; hang(100%)").await?;
    let mut io = server.open().0;
    io.write_all(b"GET /long_sync HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    assert!(within_an_hour(io.read_u8()).await.is_none());
    drop(io);
    settle().await;
    assert_eq!(ended(&server, CallKind::Http, Outcome::Hung), 1);
    let raw = server.raw().await?;
    let mut answer = raw.get("/long_sync").await?;
    assert!(within_an_hour(&mut answer).await.is_none());
    drop(answer);
    settle().await;
    assert_eq!(ended(&server, CallKind::Http, Outcome::Hung), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_calls_that_hang_and_ends_them_with_unavailable() -> Result<()> {
    let text = "10ms; hang(100%)";
    let server = server(text).await?;
    let raw = server.raw().await?;
    let mut calls = Vec::new();
    for (kind, rpc) in HANGING {
        calls.push((kind, call(&raw, rpc, &LongSyncRequest::default()).await?));
    }
    let answer = server.raw().await?.get("/long_sync").await?;
    let (mut web, clock) = (server.web1().await?, Paused::start());
    let web = tokio::spawn(async move { web.get("/long_sync").await });
    clock.until(ms(100)).await;
    // The drain may take an hour, and this call takes two seconds.
    let waits = raw.unary(&wait(ms(2_000)), &[]).await?;
    settle().await;
    drain(&server).await?;
    assert_eq!(millis(clock.elapsed()), 2_100);
    assert_eq!(waits.ended().await?.status.code(), Code::Ok);
    for (kind, call) in calls {
        let status = call.ended().await?.status;
        assert_eq!(status.code(), Code::Unavailable, "{kind}: {status:?}");
        assert!(status.message().contains("shutting down"), "{status:?}");
        assert_eq!(timing_of(&status)?.fault, clause(text)?, "{kind}");
        assert_eq!(ended(&server, kind, Outcome::Hung), 1, "{kind}");
    }
    assert_eq!((answer.await?.status().as_u16(), web.await??.status().as_u16()), (503, 503));
    assert_eq!(ended(&server, CallKind::Http, Outcome::Hung), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_at_once_if_all_calls_hang() -> Result<()> {
    let server = server("hang(100%)").await?;
    let raw = server.raw().await?;
    let mut calls = Vec::new();
    for _ in 0..100 {
        calls.push(call(&raw, "LongSync", &LongSyncRequest::default()).await?);
    }
    settle().await;
    let clock = Paused::start();
    drain(&server).await?;
    assert_eq!(clock.elapsed(), ms(0));
    for call in calls {
        assert_eq!(call.ended().await?.status.code(), Code::Unavailable);
    }
    Ok(())
}

/// A call that will hang later is one in flight until it does.
#[tokio::test(start_paused = true)]
async fn a_drain_waits_until_a_call_hangs_and_not_for_its_end() -> Result<()> {
    let server = server("3s; hang(100%)").await?;
    let raw = server.raw().await?;
    let call = call(&raw, "LongSync", &LongSyncRequest::default()).await?;
    settle().await;
    let clock = Paused::start();
    drain(&server).await?;
    assert!(clock.elapsed() < HOUR, "{:?}", clock.elapsed());
    assert_eq!(clock.elapsed().as_secs(), 2);
    assert_eq!(call.ended().await?.status.code(), Code::Unavailable);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_holds_no_bytes_for_its_answer() -> Result<()> {
    for rpc in ["LongSync", "LongSyncStream", "LongSyncCollect"] {
        for (behavior, expected) in
            [("1h", 100_000), ("hang(100%)", 0), ("hang(100%, when=before)", 0)]
        {
            let server = Memory::start(config()).await;
            let request = LongSyncRequest {
                payload: vec![7; 100_000].into(),
                echo_payload: true,
                ..bringing(behavior)
            };
            let _call = call(&server.raw().await?, rpc, &request).await?;
            settle().await;
            assert_eq!(server.snapshot().calls_in_flight(), 1, "{behavior}");
            let metrics = server.web1().await?.get("/metrics").await?;
            let line =
                metrics.body().lines().find_map(|it| it.strip_prefix("longsync_buffered_bytes "));
            let held: u64 = line.context("the metrics have it")?.parse()?;
            assert_eq!(held, expected, "{behavior} of {rpc}");
        }
    }
    Ok(())
}
