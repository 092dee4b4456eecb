//! Clients that cancel or disconnect: their calls stop waiting at once, and are counted with how long they
//! had waited.

use longsync_server::{CallKind, Outcome};
use tokio::task::JoinSet;

use crate::harness::{
    HOUR, KINDS, Memory, Paused, Result, Socket, ask, config, eventually, framed, ms, settle, wait,
};

#[tokio::test(start_paused = true)]
async fn a_reset_ends_the_wait_of_every_kind_and_its_length_is_counted() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for (index, (kind, rpc)) in (1..).zip(KINDS) {
        let clock = Paused::start();
        let mut call = raw.open(rpc, &[]).await?;
        call.send(
            framed(&wait(HOUR)),
            kind == CallKind::LongSync || kind == CallKind::LongSyncStream,
        )?;
        clock.until(ms(200)).await;
        call.reset();
        settle().await;
        let seen = server.snapshot();
        assert_eq!(seen.calls_ended(kind, Outcome::Cancelled), 1, "{rpc}");
        assert_eq!(seen.calls_in_flight(), 0, "{rpc}");
        assert_eq!(seen.cancelled_after().sum(), ms(200) * index, "{rpc}");
    }
    assert_eq!(server.snapshot().lateness().count(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_cancels_all_its_calls() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let mut calls = Vec::new();
    for (_, rpc) in KINDS {
        let mut call = raw.open(rpc, &[]).await?;
        call.send(framed(&wait(HOUR)), false)?;
        calls.push(call);
    }
    settle().await;
    assert_eq!(server.snapshot().calls_in_flight(), 4);
    raw.driver.abort();
    drop((calls, raw));
    settle().await;
    let seen = server.snapshot();
    assert_eq!(seen.calls_in_flight(), 0);
    for (kind, rpc) in KINDS {
        assert_eq!(seen.calls_ended(kind, Outcome::Cancelled), 1, "{rpc}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_collect_that_is_reset_is_not_mistaken_for_one_that_ended() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let mut call = raw.open("LongSyncCollect", &[]).await?;
    call.send(framed(&wait(ms(10))), false)?;
    // By then, its wait is over: when the reset arrives, the server is waiting for the next request.
    tokio::time::sleep(ms(50)).await;
    call.reset();
    settle().await;
    let seen = server.snapshot();
    assert_eq!(seen.calls_ended(CallKind::LongSyncCollect, Outcome::Answered), 0);
    assert_eq!(seen.calls_ended(CallKind::LongSyncCollect, Outcome::Cancelled), 1);
    Ok(())
}

#[tokio::test]
async fn a_thousand_cancelled_calls_are_all_counted_and_the_connection_goes_on() -> Result<()> {
    let server = Socket::start(config())?;
    let raw = server.raw().await?;
    let cancelled = || server.snapshot().calls_ended(CallKind::LongSync, Outcome::Cancelled);
    for round in 1..=3 {
        let mut calls = Vec::new();
        for _ in 0..1_000 {
            calls.push(raw.unary(&wait(HOUR), &[]).await?);
        }
        eventually(|| server.snapshot().calls_in_flight() == 1_000).await;
        for call in &mut calls {
            call.reset();
        }
        eventually(|| cancelled() == round * 1_000).await;
    }
    assert_eq!(server.snapshot().calls_in_flight(), 0);
    raw.unary(&wait(ms(0)), &[]).await?.ended().await?;
    Ok(())
}

#[tokio::test]
async fn a_client_that_closes_its_socket_is_noticed_over_http1_and_http2() -> Result<()> {
    let server = Socket::start(config())?;
    let mut gone = JoinSet::new();
    let (mut web1, mut web2) = (server.web1().await?, server.web2().await?);
    gone.spawn(async move { web1.get("/long_sync?delay=1h").await.map(drop) });
    gone.spawn(async move { web2.get("/long_sync?delay=1h").await.map(drop) });
    eventually(|| server.snapshot().calls_in_flight() == 2).await;
    drop(gone);
    eventually(|| server.snapshot().calls_ended(CallKind::Http, Outcome::Cancelled) == 2).await;
    Ok(())
}

#[tokio::test]
async fn an_exchange_whose_client_drops_it_is_cancelled() -> Result<()> {
    let server = Socket::start(config())?;
    let mut client = server.client().await?;
    let (sender, requests) = crate::harness::open_stream();
    sender.send(ask(1, HOUR))?;
    let answers = client.long_sync_exchange(requests).await?;
    eventually(|| server.snapshot().calls_in_flight() == 1).await;
    // Dropping the last handle of an unfinished stream resets it.
    drop((answers, sender));
    let cancelled =
        || server.snapshot().calls_ended(CallKind::LongSyncExchange, Outcome::Cancelled);
    eventually(|| cancelled() == 1).await;
    Ok(())
}
