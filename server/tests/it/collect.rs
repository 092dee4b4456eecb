//! `LongSyncCollect`: waits for each request in turn, answers once.

use std::time::Duration;

use longsync::v1::LongSyncCollectRequest;
use longsync_server::{CallKind, Outcome};

use crate::harness::{
    HOUR, Memory, Paused, Result, Socket, bad_field, config, delay, ms, open_stream, seen,
    timing_of,
};

fn wait(id: u64, of: Duration) -> LongSyncCollectRequest {
    LongSyncCollectRequest { id, delay: delay(of), ..LongSyncCollectRequest::default() }
}

#[tokio::test(start_paused = true)]
async fn requests_are_waited_for_in_turn_and_summed_up() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let requests: Vec<_> = (1..=10)
        .map(|id| LongSyncCollectRequest {
            payload: vec![7; usize::try_from(id).unwrap_or_default()].into(),
            ..wait(id, ms(id * 100))
        })
        .collect();
    let answer = client.long_sync_collect(tokio_stream::iter(requests)).await?.into_inner();
    assert_eq!(clock.elapsed(), ms(5_500));
    assert_eq!(answer.message, "Done!");
    assert_eq!((answer.count, answer.payload_bytes), (10, 55));
    assert_eq!(seen(answer.timing.as_ref())?, (ms(5_500), ms(5_500)));
    assert!(answer.payload.is_empty());
    let counted = server.snapshot();
    assert_eq!(counted.calls_ended(CallKind::LongSyncCollect, Outcome::Answered), 1);
    assert_eq!(counted.lateness().count(), 10);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_collect_without_requests_is_answered_at_once() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let clock = Paused::start();
    let answer = client.long_sync_collect(tokio_stream::empty()).await?.into_inner();
    assert_eq!(clock.elapsed(), Duration::ZERO);
    assert_eq!((answer.message.as_str(), answer.count, answer.payload_bytes), ("Done!", 0, 0));
    assert_eq!(seen(answer.timing.as_ref())?, (Duration::ZERO, Duration::ZERO));
    Ok(())
}

/// Sends requests of 100 ms each at these times, and ends the stream with the last.
async fn sent_at(times: &[u64]) -> Result<(Duration, Duration, Duration)> {
    let mut client = Memory::start(config()).await.client().await?;
    let clock = Paused::start();
    let (sender, requests) = open_stream();
    let sending = async move {
        for at in times {
            clock.until(ms(*at)).await;
            sender.send(wait(*at, ms(100)))?;
        }
        anyhow::Ok(())
    };
    let (answered, sent) = tokio::join!(client.long_sync_collect(requests), sending);
    sent?;
    let (planned, waited) = seen(answered?.into_inner().timing.as_ref())?;
    Ok((planned, waited, clock.elapsed()))
}

#[tokio::test(start_paused = true)]
async fn a_wait_begins_at_its_arrival_or_the_previous_end_whichever_is_later() -> Result<()> {
    assert_eq!(sent_at(&[0, 0]).await?, (ms(200), ms(200), ms(200)));
    assert_eq!(sent_at(&[0, 50]).await?, (ms(200), ms(200), ms(200)));
    assert_eq!(sent_at(&[0, 100]).await?, (ms(200), ms(200), ms(200)));
    assert_eq!(sent_at(&[0, 150]).await?, (ms(200), ms(200), ms(250)));
    assert_eq!(sent_at(&[0, 10, 20, 500, 550]).await?, (ms(500), ms(500), ms(700)));
    assert_eq!(sent_at(&[300]).await?, (ms(100), ms(100), ms(400)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_time_is_counted_twice_as_waited() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let clock = Paused::start();
    // Each wait is half a millisecond late, or begins before the end of the previous one.
    let delay = Duration::from_micros(1_500);
    let requests = (0..100).map(move |id| wait(id, delay));
    let answer = client.long_sync_collect(tokio_stream::iter(requests)).await?.into_inner();
    let (planned, waited) = seen(answer.timing.as_ref())?;
    assert_eq!((planned, waited, clock.elapsed()), (ms(150), ms(150), ms(150)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_last_request_that_asks_for_a_payload_decides() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let echo = |id, text: &'static [u8]| LongSyncCollectRequest {
        payload: text.into(),
        echo_payload: true,
        ..wait(id, ms(1))
    };
    let zeros = LongSyncCollectRequest { response_bytes: 3, ..wait(9, ms(1)) };
    let plain = wait(10, ms(1));
    for (requests, expected) in [
        (vec![echo(1, b"first"), echo(2, b"last"), plain.clone()], &b"last"[..]),
        (vec![echo(1, b"first"), zeros.clone()], &[0, 0, 0]),
        (vec![zeros, echo(1, b"last")], b"last"),
        (vec![plain], b""),
    ] {
        let answer = client.long_sync_collect(tokio_stream::iter(requests)).await?.into_inner();
        assert_eq!(answer.payload, expected);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_ends_the_call_and_is_named() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let requests = vec![wait(1, ms(100)), wait(7, HOUR * 2), wait(8, ms(100))];
    let status = client
        .long_sync_collect(tokio_stream::iter(requests))
        .await
        .expect_err("one request is refused");
    assert_eq!(bad_field(&status)?, "delay");
    assert!(status.message().contains("request 7"), "{status:?}");
    assert_eq!(seen(Some(&timing_of(&status)?))?, (ms(100), ms(100)));
    assert_eq!(clock.elapsed(), ms(100));
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSyncCollect, Outcome::Refused), 1);
    Ok(())
}

#[tokio::test]
async fn over_a_socket_no_wait_is_early() -> Result<()> {
    let server = Socket::start(config())?;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let requests = (0..10).map(|id| wait(id, ms(10)));
    let answer = client.long_sync_collect(tokio_stream::iter(requests)).await?.into_inner();
    let (planned, waited) = seen(answer.timing.as_ref())?;
    assert_eq!(planned, ms(100));
    assert!(waited >= planned && clock.elapsed() >= waited, "{waited:?}");
    Ok(())
}
