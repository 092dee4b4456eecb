//! Limits: whatever exceeds one is refused with the limit's name, and room becomes free again.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use longsync::v1::{LongSyncExchangeRequest, LongSyncRequest};
use longsync_server::{CallKind, Limits, Outcome};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tonic::Code;

use crate::harness::{
    HOUR, Memory, Paused, Raw, Result, Socket, ask, config, eventually, framed, ms, quota, settle,
    timing_of, wait, waits, with_limits,
};

fn of_payload(bytes: usize, delay: Duration) -> LongSyncRequest {
    LongSyncRequest { payload: vec![7; bytes].into(), echo_payload: true, ..wait(delay) }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_exactly_the_limit_is_answered_and_one_byte_more_is_refused() -> Result<()> {
    let message = wait(ms(10));
    let length = u32::try_from(prost::Message::encoded_len(&message))?;
    for (limit, is_fine) in [(length, true), (length - 1, false)] {
        let limits = Limits { max_message_bytes: limit, ..Limits::default() };
        let server = Memory::start(with_limits(limits)).await;
        let mut client = server.client().await?;
        let answered = client.long_sync(message.clone()).await;
        assert_eq!(answered.is_ok(), is_fine, "{answered:?}");
        if let Err(status) = answered {
            assert_eq!(quota(&status)?, "max-message-bytes");
            assert!(status.message().contains(&format!("of {length} bytes")), "{status:?}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_limit_is_refused_at_its_first_bytes_in_every_kind() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for rpc in ["LongSync", "LongSyncStream", "LongSyncCollect", "LongSyncExchange"] {
        let clock = Paused::start();
        let mut call = raw.open(rpc, &[]).await?;
        call.send(&b"\0\xff\xff\xff\xff"[..], false)?;
        assert_eq!(quota(&call.ended().await?.status)?, "max-message-bytes", "{rpc}");
        assert_eq!(clock.elapsed(), Duration::ZERO, "{rpc}");
    }
    // The connection is still usable.
    raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_with_a_message_over_the_limit_ends_as_a_whole() -> Result<()> {
    let limits = Limits { max_message_bytes: 1_000, ..Limits::default() };
    let mut client = Memory::start(with_limits(limits)).await.client().await?;
    let payload = Bytes::from(vec![7; 1_000]);
    let requests = vec![ask(1, ms(10)), LongSyncExchangeRequest { payload, ..ask(2, ms(10)) }];
    let mut answers = match client.long_sync_exchange(tokio_stream::iter(requests)).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => {
            assert_eq!(quota(&status)?, "max-message-bytes");
            return Ok(());
        }
    };
    let status = loop {
        match answers.message().await {
            Ok(Some(answer)) => assert_eq!(answer.id, 1),
            Ok(None) => panic!("it ended with OK"),
            Err(status) => break status,
        }
    };
    assert_eq!(quota(&status)?, "max-message-bytes");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_compressed_message_is_refused_before_it_is_opened() -> Result<()> {
    let raw = Memory::start(config()).await.raw().await?;
    let mut call = raw.open("LongSync", &[("grpc-encoding", "gzip")]).await?;
    call.send(&b"\x01\0\0\0\x04\x1f\x8b\x08\0"[..], true)?;
    let status = call.ended().await?.status;
    assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    timing_of(&status)?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_call_in_flight_too_many_is_refused_until_another_ends() -> Result<()> {
    let limits = Limits { max_in_flight: 3, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    // On separate connections, because the limit is the server's.
    let (raw, mut client, mut web) =
        (server.raw().await?, server.client().await?, server.web1().await?);
    let clock = Paused::start();
    let mut calls = JoinSet::new();
    calls.spawn(raw.unary(&wait(ms(500)), &[]).await?.ended());
    calls.spawn(raw.unary(&wait(ms(1_000)), &[]).await?.ended());
    let mut stream = client.long_sync_stream(waits(ms(100), 10)).await?.into_inner();
    settle().await;

    let refused = client.long_sync(wait(ms(1))).await.expect_err("three are in flight");
    assert_eq!(quota(&refused)?, "max-in-flight");
    let http = web.get("/long_sync?delay=1ms").await?;
    assert_eq!(http.status(), 503);
    assert!(http.body().contains("limit of 3") && http.body().contains("--max-in-flight"));
    assert!(clock.elapsed() < ms(100));

    // The first call has ended; the stream has not, although its head was sent long ago.
    clock.until(ms(501)).await;
    client.long_sync(wait(ms(1))).await?;
    calls.spawn(raw.unary(&wait(ms(10)), &[]).await?.ended());
    settle().await;
    let refused = client.long_sync(wait(ms(1))).await.expect_err("three are in flight");
    assert_eq!(refused.code(), Code::ResourceExhausted);

    while stream.message().await?.is_some() {}
    for ended in calls.join_all().await {
        assert_eq!(ended?.status.code(), Code::Ok);
    }
    let counted = server.snapshot();
    assert_eq!(counted.calls_ended(CallKind::LongSync, Outcome::Refused), 2);
    assert_eq!(counted.calls_ended(CallKind::Http, Outcome::Refused), 1);
    assert_eq!(counted.calls_in_flight(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn kept_requests_count_against_the_shared_bytes_and_are_given_back() -> Result<()> {
    let limits = Limits { max_buffered_bytes: 100_000, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let (mut first, mut second) = (server.client().await?, server.client().await?);
    let waiting = tokio::spawn(async move { first.long_sync(of_payload(60_000, ms(500))).await });
    settle().await;
    let refused = second.long_sync(of_payload(60_000, ms(1))).await.expect_err("over the limit");
    assert_eq!(quota(&refused)?, "max-buffered-bytes");
    // Bytes that are not kept while a call waits are not counted while it waits.
    second.long_sync(of_payload(30_000, ms(1))).await?;
    waiting.await??;
    second.long_sync(of_payload(60_000, ms(1))).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn unread_answers_count_against_the_shared_bytes() -> Result<()> {
    let limits = Limits { max_buffered_bytes: 2_500_000, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1);
    let stalled = Raw::with(&builder, server.open().0).await?;
    let request = LongSyncRequest { response_bytes: 1_000_000, ..wait(ms(1)) };
    let mut calls = Vec::new();
    for _ in 0..2 {
        calls.push(stalled.unary(&request, &[]).await?);
    }
    settle().await;
    settle().await;
    assert_eq!(
        server.snapshot().calls_in_flight(),
        2,
        "they do not count as answered before they are sent"
    );
    let refused = server.raw().await?.unary(&request, &[]).await?.ended().await?;
    assert_eq!(quota(&refused.status)?, "max-buffered-bytes");
    for call in &mut calls {
        call.reset();
    }
    settle().await;
    let fine = server.raw().await?.unary(&request, &[]).await?.ended().await?;
    assert_eq!(fine.status.code(), Code::Ok);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_name_of_a_call_and_a_small_echo_keep_nothing_else_in_memory() -> Result<()> {
    let limits = Limits { max_buffered_bytes: 3_000_000, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let raw = server.raw().await?;
    // An unknown field of a million bytes, next to a payload of one byte.
    let small = LongSyncRequest { payload: b"p"[..].into(), echo_payload: true, ..wait(HOUR) };
    let unknown = [&[0xfa, 0x01, 0xc0, 0x84, 0x3d][..], &vec![7; 1_000_000]].concat();
    let message = [prost::Message::encode_to_vec(&small), unknown].concat();
    let length = u32::try_from(message.len())?;
    let body = Bytes::from([&[0][..], &length.to_be_bytes(), &message].concat());
    for waiting in 1..=10 {
        let mut call = raw.open("LongSync", &[]).await?;
        call.send(body.clone(), true)?;
        let answer = tokio::spawn(call.ended());
        settle().await;
        assert!(!answer.is_finished(), "it waits");
        let metrics = server.web1().await?.get("/metrics").await?;
        let line = format!("\nlongsync_buffered_bytes {waiting}\n");
        assert!(metrics.body().contains(&line), "{line} is not in {}", metrics.body());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_cut_calls_are_given_back() -> Result<()> {
    let limits = Limits { max_buffered_bytes: 100_000, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let raw = server.raw().await?;
    for _ in 0..20 {
        // Half a message that is then reset, a message that is refused, and one whose deadline passes.
        let mut reset = raw.open("LongSync", &[]).await?;
        reset.send(framed(&of_payload(20_000, HOUR)).slice(..15_000), false)?;
        let refused = raw.unary(&of_payload(20_000, HOUR * 2), &[]).await?;
        let late = raw.unary(&of_payload(20_000, HOUR), &[("grpc-timeout", "5m")]).await?;
        assert_eq!(refused.ended().await?.status.code(), Code::InvalidArgument);
        assert_eq!(late.ended().await?.status.code(), Code::DeadlineExceeded);
        reset.reset();
        settle().await;
    }
    let mut web = server.web1().await?;
    let metrics = web.get("/metrics").await?;
    assert!(metrics.body().contains("\nlongsync_buffered_bytes 0\n"), "{}", metrics.body());
    Ok(())
}

#[tokio::test]
async fn the_limit_on_streams_is_advertised() -> Result<()> {
    let limits = Limits { max_streams: 7, ..Limits::default() };
    let server = Socket::start(with_limits(limits))?;
    let raw = server.raw().await?;
    // The first answer arrives after the server's settings.
    raw.unary(&wait(ms(0)), &[]).await?.ended().await?;
    assert_eq!(raw.max_streams(), 7);
    Ok(())
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_a_slot_becomes_free_later() -> Result<()> {
    let max_connections = NonZeroUsize::new(2);
    let server = Socket::start(with_limits(Limits { max_connections, ..Limits::default() }))?;
    let (first, second) = (server.raw().await?, server.raw().await?);
    first.unary(&wait(ms(0)), &[]).await?.ended().await?;
    second.unary(&wait(ms(0)), &[]).await?.ended().await?;

    let mut third = server.open().await?;
    let read = tokio::time::timeout(Duration::from_secs(10), third.read(&mut [0; 16])).await?;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    // The earlier connections are not affected.
    first.unary(&wait(ms(0)), &[]).await?.ended().await?;

    second.driver.abort();
    drop(second);
    let again = async {
        loop {
            if let Ok(raw) = server.raw().await
                && let Ok(call) = raw.unary(&wait(ms(0)), &[]).await
                && let Ok(ended) = call.ended().await
            {
                break ended;
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), again).await?;
    assert_eq!(ended.status.code(), Code::Ok);
    Ok(())
}

#[tokio::test]
async fn streams_over_the_limit_are_refused_and_the_others_are_served() -> Result<()> {
    let limits = Limits { max_streams: 10, ..Limits::default() };
    let server = Socket::start(with_limits(limits))?;
    let raw = server.raw().await?;
    raw.unary(&wait(ms(0)), &[]).await?.ended().await?;
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        calls.spawn(raw.unary(&wait(ms(300)), &[]).await?.ended());
    }
    eventually(|| server.snapshot().calls_in_flight() == 10).await;
    // A client that respects the limit waits for a slot.
    calls.spawn(async move { raw.unary(&wait(ms(1)), &[]).await?.ended().await });
    for ended in calls.join_all().await {
        assert_eq!(ended?.status.code(), Code::Ok);
    }
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSync, Outcome::Answered), 12);
    Ok(())
}
