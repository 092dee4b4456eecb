//! Deadlines: the server's status goes out at the deadline, in every phase of a call. Also what a reset near
//! the deadline means; these tests send frames by hand, because ordinary clients decide for themselves when
//! to reset.

use std::time::Duration;

use bytes::Bytes;
use longsync::frame::Prefix;
use longsync::v1::LongSyncRequest;
use longsync_server::{CallKind, Outcome};
use tonic::Code;

use crate::harness::{
    HOUR, KINDS, Memory, Paused, Raw, Result, ask, bad_field, config, delay, framed, ms,
    open_stream, settle, timing_of, wait, waits, within,
};

/// The number of messages in a body.
pub(crate) fn messages(mut body: &[u8]) -> usize {
    let mut count = 0;
    while let Some((prefix, rest)) = body.split_first_chunk() {
        body = &rest[Prefix::read(*prefix).length as usize..];
        count += 1;
    }
    count
}

fn ended(server: &Memory, kind: CallKind, outcome: Outcome) -> u64 {
    server.snapshot().calls_ended(kind, outcome)
}

#[tokio::test(start_paused = true)]
async fn a_deadline_shorter_than_the_delay_ends_every_kind_at_the_deadline() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for (kind, rpc) in KINDS {
        let clock = Paused::start();
        let mut call = raw.open(rpc, &[("grpc-timeout", "1S")]).await?;
        call.send(framed(&wait(HOUR)), true)?;
        let status = call.ended().await?.status;
        assert_eq!(clock.elapsed(), ms(1_000), "{rpc}");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{rpc}");
        let timing = timing_of(&status)?;
        assert_eq!(timing.deadline_left, delay(ms(1_000)), "{rpc}");
        if kind != CallKind::LongSyncExchange {
            assert_eq!(timing.planned, delay(HOUR), "{rpc}");
            assert_eq!(timing.waited, delay(ms(1_000)), "{rpc}");
        }
        assert_eq!(ended(&server, kind, Outcome::DeadlineExceeded), 1, "{rpc}");
    }
    assert_eq!(server.snapshot().lateness().count(), 0, "no wait ran out");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_ends_at_the_deadline_or_before_it_is_answered() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    for delay in [ms(999), ms(1_000)] {
        let clock = Paused::start();
        client.long_sync(within(ms(1_000), wait(delay))).await?;
        assert_eq!(clock.elapsed(), delay);
    }
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::Answered), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_its_deadline_after_the_answers_that_were_due_before() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let request = within(ms(1_050), waits(ms(100), 1_000));
    let mut answers = client.long_sync_stream(request).await?.into_inner();
    for _ in 0..10 {
        assert!(answers.message().await?.is_some());
    }
    let status = answers.message().await.expect_err("the deadline has passed");
    assert_eq!((status.code(), clock.elapsed()), (Code::DeadlineExceeded, ms(1_050)));
    assert_eq!(timing_of(&status)?.waited, delay(ms(50)), "of the answer that was cut");
    Ok(())
}

/// As if the process had been suspended: several due times and the deadline have passed at once.
#[tokio::test(start_paused = true)]
async fn answers_due_after_the_deadline_are_not_sent_however_late_that_is_noticed() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let timeout = [("grpc-timeout", "100m")];
    let stream = framed(&waits(ms(40), 5));
    let collect: Bytes = framed(&wait(ms(40))).repeat(5).into();
    let exchange: Bytes = [framed(&ask(1, ms(40))), framed(&ask(2, ms(250)))].concat().into();
    for (kind, request, answers) in [
        (CallKind::LongSyncStream, stream, 2),
        (CallKind::LongSyncCollect, collect, 0),
        (CallKind::LongSyncExchange, exchange, 1),
    ] {
        let mut call = raw.open(kind.name(), &timeout).await?;
        call.send(request, true)?;
        settle().await;
        tokio::time::advance(ms(300)).await;
        let ended = call.ended().await?;
        assert_eq!(ended.status.code(), Code::DeadlineExceeded, "{kind}");
        assert_eq!(messages(&ended.data), answers, "{kind}");
        assert_eq!(server.snapshot().calls_ended(kind, Outcome::DeadlineExceeded), 1, "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_with_nothing_to_wait_for_ends_at_its_deadline() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let (sender, requests) = open_stream();
    sender.send(ask(1, ms(10)))?;
    let mut answers = client.long_sync_exchange(within(ms(500), requests)).await?.into_inner();
    assert!(answers.message().await?.is_some());
    let status = answers.message().await.expect_err("the deadline has passed");
    assert_eq!((status.code(), clock.elapsed()), (Code::DeadlineExceeded, ms(500)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_half_sent_request_ends_at_its_deadline() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for (kind, rpc) in KINDS {
        let clock = Paused::start();
        let mut call = raw.open(rpc, &[("grpc-timeout", "300m")]).await?;
        call.send(framed(&wait(HOUR)).slice(..7), false)?;
        // The stream's other half is kept, because dropping it would reset the stream.
        let mut answer = call.response.await?.into_body();
        while answer.data().await.is_some() {}
        drop(answer);
        assert_eq!(clock.elapsed(), ms(300), "{rpc}");
        assert_eq!(ended(&server, kind, Outcome::DeadlineExceeded), 1, "{rpc}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_on_arrival_is_exceeded_at_once() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let clock = Paused::start();
    let status = raw.unary(&wait(HOUR), &[("grpc-timeout", "0n")]).await?.ended().await?.status;
    assert_eq!((status.code(), clock.elapsed()), (Code::DeadlineExceeded, Duration::ZERO));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_has_stalled_is_reset_at_the_deadline() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(10);
    let raw = Raw::with(&builder, server.open().0).await?;
    let clock = Paused::start();
    let mut request = waits(ms(10), 5);
    request.response_bytes = 100_000;
    let mut call = raw.open("LongSyncStream", &[("grpc-timeout", "1S")]).await?;
    call.send(framed(&request), true)?;
    let answer = call.response.await?;
    // The body is never read, so its window stays closed: the stream can only end with a reset.
    let mut body = answer.into_body();
    assert_eq!(body.data().await.expect("a first piece fits into the window")?.len(), 10);
    let end = body.data().await.expect("the stream ends");
    assert!(end.is_err_and(|error| error.is_reset()));
    assert_eq!(clock.elapsed(), ms(1_000));
    assert_eq!(ended(&server, CallKind::LongSyncStream, Outcome::DeadlineExceeded), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_is_reset_at_the_deadline_too() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1);
    let raw = Raw::with(&builder, server.open().0).await?;
    let clock = Paused::start();
    let request = LongSyncRequest { response_bytes: 4 * 1024 * 1024, ..wait(ms(10)) };
    let call = raw.unary(&request, &[("grpc-timeout", "1S")]).await?;
    let mut body = call.response.await?.into_body();
    assert_eq!(body.data().await.expect("a first byte fits into the window")?.len(), 1);
    let end = body.data().await.expect("the stream ends");
    assert!(end.is_err_and(|error| error.is_reset()));
    assert_eq!(clock.elapsed(), ms(1_000));
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::DeadlineExceeded), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invalid_timeout_is_refused_at_once() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for (index, timeout) in ["5x", "123456789m", "-1S", "S", "1.5S"].into_iter().enumerate() {
        let clock = Paused::start();
        let call = raw.unary(&wait(HOUR), &[("grpc-timeout", timeout)]).await?;
        let status = call.ended().await?.status;
        assert_eq!(bad_field(&status)?, "grpc-timeout", "{timeout}");
        assert!(status.message().contains(timeout), "{status:?}");
        assert_eq!(clock.elapsed(), Duration::ZERO);
        let refused = ended(&server, CallKind::LongSync, Outcome::Refused);
        assert_eq!(refused, index as u64 + 1);
    }
    Ok(())
}

/// Resets a one-hour call this long after it was sent. Returns how it was counted: as exceeded, as cancelled.
async fn reset_after(timeout: &str, after: Duration) -> Result<(u64, u64)> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let clock = Paused::start();
    let mut call = raw.unary(&wait(HOUR), &[("grpc-timeout", timeout)]).await?;
    clock.until(after).await;
    call.reset();
    // The reset arrives before the next wait on the paused clock ends.
    clock.until(after + Duration::from_micros(1)).await;
    let counted = |outcome| ended(&server, CallKind::LongSync, outcome);
    assert_eq!(server.snapshot().calls_in_flight(), 0);
    Ok((counted(Outcome::DeadlineExceeded), counted(Outcome::Cancelled)))
}

#[tokio::test(start_paused = true)]
async fn a_reset_in_the_last_20_ms_counts_as_the_deadline() -> Result<()> {
    assert_eq!(reset_after("1000m", ms(979)).await?, (0, 1));
    assert_eq!(reset_after("1000m", ms(981)).await?, (1, 0));
    assert_eq!(reset_after("1010m", ms(1_003)).await?, (1, 0), "as grpcio resets a call of 1 s");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_last_1_1_percent_of_a_long_timeout_count_as_the_deadline() -> Result<()> {
    assert_eq!(reset_after("10S", ms(9_889)).await?, (0, 1));
    assert_eq!(reset_after("10S", ms(9_891)).await?, (1, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reset_after_the_servers_status_changes_nothing() -> Result<()> {
    assert_eq!(reset_after("1000m", ms(1_002)).await?, (1, 0));
    Ok(())
}
