//! `LongSyncStream`: answers `count` times, each time after a separate delay.

use std::time::Duration;

use longsync::v1::LongSyncStreamRequest;
use longsync_server::{CallKind, Limits, Outcome};

use crate::harness::{
    HOUR, Memory, Paused, Result, Socket, bad_field, config, delay, ms, seen, timed, waits,
    with_limits,
};

#[tokio::test(start_paused = true)]
async fn answers_arrive_at_exact_multiples_of_the_delay() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let came =
        timed(clock, client.long_sync_stream(waits(ms(100), 50)).await?.into_inner()).await?;
    assert_eq!(came.len(), 50);
    for (index, (at, answer)) in (0..).zip(came) {
        assert_eq!(answer.index, index);
        assert_eq!(at, ms(100) * (index + 1));
        assert_eq!(answer.message, "Done!");
        assert_eq!(seen(answer.timing.as_ref())?, (ms(100), ms(100)));
    }
    assert_eq!(clock.elapsed(), ms(5_000));
    let counted = server.snapshot();
    assert_eq!(counted.calls_ended(CallKind::LongSyncStream, Outcome::Answered), 1);
    assert_eq!(counted.lateness().count(), 50);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn lateness_does_not_add_up() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let clock = Paused::start();
    // The timer's step is 1 ms: every second answer is half a step late.
    let delay = Duration::from_micros(1_500);
    let came =
        timed(clock, client.long_sync_stream(waits(delay, 1_000)).await?.into_inner()).await?;
    for (index, (at, answer)) in (0_u32..).zip(came) {
        let due = delay * (index + 1);
        assert!((due..due + ms(1)).contains(&at), "answer {index} came at {at:?}");
        let (planned, waited) = seen(answer.timing.as_ref())?;
        assert!(planned == delay && (delay..delay + ms(1)).contains(&waited), "{waited:?}");
    }
    assert_eq!(clock.elapsed(), ms(1_500));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unset_count_is_one_answer() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let request = LongSyncStreamRequest { count: None, ..waits(ms(40), 0) };
    let came = timed(Paused::start(), client.long_sync_stream(request).await?.into_inner()).await?;
    assert_eq!(came.len(), 1);
    assert_eq!(came[0].0, ms(40));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_count_of_zero_ends_at_once_with_ok() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let came = timed(clock, client.long_sync_stream(waits(HOUR, 0)).await?.into_inner()).await?;
    assert!(came.is_empty());
    assert_eq!(clock.elapsed(), Duration::ZERO);
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSyncStream, Outcome::Answered), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_largest_count_is_answered_and_one_more_is_refused() -> Result<()> {
    let limits = Limits { max_count: 5_000, ..Limits::default() };
    let mut client = Memory::start(with_limits(limits)).await.client().await?;
    let clock = Paused::start();
    let answers = client.long_sync_stream(waits(Duration::ZERO, 5_000)).await?.into_inner();
    assert_eq!(timed(clock, answers).await?.len(), 5_000);
    assert_eq!(clock.elapsed(), Duration::ZERO);
    let status = client.long_sync_stream(waits(ms(1), 5_001)).await.expect_err("it is refused");
    assert_eq!(bad_field(&status)?, "count");
    assert!(status.message().contains("5001 is over") && status.message().contains("5000"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_answer_carries_the_payload_that_was_asked_for() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let echo = LongSyncStreamRequest {
        payload: b"hello"[..].into(),
        echo_payload: true,
        ..waits(ms(10), 3)
    };
    let zeros = LongSyncStreamRequest { response_bytes: 100_000, ..waits(ms(10), 3) };
    for (request, expected) in [(echo, b"hello".to_vec()), (zeros, vec![0; 100_000])] {
        let answers = client.long_sync_stream(request).await?.into_inner();
        let came = timed(Paused::start(), answers).await?;
        assert_eq!(came.len(), 3);
        assert!(came.iter().all(|(_, answer)| answer.payload == expected));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_impossible_stream_is_refused_at_once() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let fine = || waits(ms(10), 3);
    for (request, field) in [
        (LongSyncStreamRequest { delay: delay(HOUR * 2), ..fine() }, "delay"),
        (LongSyncStreamRequest { behavior: "1s".into(), ..fine() }, "delay"),
        (LongSyncStreamRequest { behavior: "x".into(), delay: None, ..fine() }, "behavior"),
        (LongSyncStreamRequest { count: Some(u32::MAX), ..fine() }, "count"),
        (LongSyncStreamRequest { response_bytes: u32::MAX, ..fine() }, "response_bytes"),
        (
            LongSyncStreamRequest { response_bytes: 1, echo_payload: true, ..fine() },
            "response_bytes",
        ),
    ] {
        let status = client.long_sync_stream(request).await.expect_err("it is refused");
        assert_eq!(bad_field(&status)?, field);
    }
    Ok(())
}

#[tokio::test]
async fn over_a_socket_no_answer_is_early() -> Result<()> {
    let server = Socket::start(config())?;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let answers = client.long_sync_stream(waits(ms(10), 20)).await?.into_inner();
    for (index, (at, _)) in (0_u32..).zip(timed(clock, answers).await?) {
        assert!(at >= ms(10) * (index + 1), "answer {index} came at {at:?}");
    }
    Ok(())
}
