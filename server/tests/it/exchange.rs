//! `LongSyncExchange`: answers each request when its own delay is over.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::task::Poll;

use bytes::Bytes;
use longsync::v1::LongSyncExchangeRequest;
use longsync_server::{CallKind, Limits, Outcome};
use tonic::Code;

use crate::harness::{
    HOUR, Memory, Paused, Raw, RawCall, Result, Socket, ask, config, framed, ms, open_stream, seen,
    timed, with_limits,
};

fn unanswered(limit: usize) -> Limits {
    let max_unanswered = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
    Limits { max_unanswered, ..Limits::default() }
}

#[tokio::test(start_paused = true)]
async fn answers_overtake_one_another_and_are_matched_by_id() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let asked = [(1, 500), (2, 100), (3, 300), (4, 0), (5, 100)];
    let requests = asked.map(|(id, delay)| ask(id, ms(delay)));
    let answers = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let came = timed(clock, answers).await?;
    let order: Vec<_> = came.iter().map(|(at, answer)| (answer.id, *at)).collect();
    let expected = [(4, 0), (2, 100), (5, 100), (3, 300), (1, 500)];
    assert_eq!(order, expected.map(|(id, at)| (id, ms(at))));
    for (at, answer) in came {
        assert_eq!(answer.message, "Done!");
        assert_eq!(answer.failure, None);
        assert_eq!(seen(answer.timing.as_ref())?, (at, at));
    }
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSyncExchange, Outcome::Answered), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_wait_begins_when_its_request_arrives() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let clock = Paused::start();
    let (sender, requests) = open_stream();
    sender.send(ask(1, ms(1_000)))?;
    let answers = client.long_sync_exchange(requests).await?.into_inner();
    let sending = async move {
        for (at, id, delay) in [(100, 2, 100), (900, 3, 100), (2_000, 4, 50)] {
            clock.until(ms(at)).await;
            sender.send(ask(id, ms(delay)))?;
        }
        anyhow::Ok(())
    };
    let (came, sent) = tokio::join!(timed(clock, answers), sending);
    sent?;
    let order: Vec<_> = came?.iter().map(|(at, answer)| (answer.id, *at)).collect();
    let expected = [(2, 200), (1, 1_000), (3, 1_000), (4, 2_050)];
    assert_eq!(order, expected.map(|(id, at)| (id, ms(at))));
    assert_eq!(clock.elapsed(), ms(2_050));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_without_requests_ends_with_ok() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let answers = client.long_sync_exchange(tokio_stream::empty()).await?.into_inner();
    assert!(timed(Paused::start(), answers).await?.is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_a_failure_and_the_stream_continues() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let behavior = "hung(1%)".to_owned();
    let requests = vec![
        ask(1, ms(200)),
        ask(2, HOUR * 2),
        LongSyncExchangeRequest { behavior: "1s".into(), ..ask(3, ms(1)) },
        LongSyncExchangeRequest { id: 4, behavior, ..LongSyncExchangeRequest::default() },
        LongSyncExchangeRequest { echo_payload: true, response_bytes: 1, ..ask(5, ms(1)) },
        ask(6, ms(100)),
    ];
    let answers = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let came = timed(Paused::start(), answers).await?;
    let order: Vec<_> = came.iter().map(|(at, answer)| (answer.id, *at)).collect();
    let expected = [(2, 0), (3, 0), (4, 0), (5, 0), (6, 100), (1, 200)];
    assert_eq!(order, expected.map(|(id, at)| (id, ms(at))));
    let fields = ["delay: ", "delay: ", "behavior: ", "response_bytes: "];
    for ((_, answer), field) in came.iter().zip(fields) {
        let failure = answer.failure.clone().unwrap_or_default();
        assert_eq!(failure.code, i32::from(Code::InvalidArgument));
        assert!(failure.message.starts_with(field), "{failure:?}");
        assert!(answer.message.is_empty() && answer.timing.is_some());
        assert_eq!(answer.timing.as_ref().and_then(|timing| timing.planned), None);
    }
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSyncExchange, Outcome::Answered), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_answer_carries_the_payload_its_request_asked_for() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let payload = Bytes::from_static(b"hello");
    let requests = vec![
        LongSyncExchangeRequest { payload, echo_payload: true, ..ask(1, ms(10)) },
        LongSyncExchangeRequest { response_bytes: 3, ..ask(2, ms(20)) },
        ask(3, ms(30)),
    ];
    let answers = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let payloads: Vec<_> = timed(Paused::start(), answers)
        .await?
        .into_iter()
        .map(|(_, answer)| answer.payload)
        .collect();
    assert_eq!(payloads, [&b"hello"[..], &[0, 0, 0], b""]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_broken_request_ends_the_exchange_and_its_status_has_a_timing() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut call = server.raw().await?.open("LongSyncExchange", &[]).await?;
    call.send(framed(&ask(1, HOUR)), false)?;
    call.send(&b"\0\0\0\0\x03\xff\xff\xff"[..], false)?;
    let status = call.ended().await?.status;
    assert_eq!(status.code(), Code::Internal);
    crate::harness::timing_of(&status)?;
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSyncExchange, Outcome::Refused), 1);
    Ok(())
}

/// Sends as many messages as the windows let through without the clock advancing.
async fn send_what_goes(call: &mut RawCall, message: &Bytes, at_most: usize) -> usize {
    let mut sent = 0;
    while sent < at_most {
        call.stream.reserve_capacity(message.len());
        let has_room = poll_fn(|cx| {
            while call.stream.capacity() < message.len() {
                match call.stream.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(_) | Poll::Pending if call.stream.capacity() < message.len() => {
                        return Poll::Pending;
                    }
                    _ => {}
                }
            }
            Poll::Ready(())
        });
        // In paused time, this times out only when nothing else can be done.
        if tokio::time::timeout(ms(1), has_room).await.is_err() {
            break;
        }
        if call.send(message.clone(), false).is_err() {
            break;
        }
        sent += 1;
    }
    sent
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_of_unanswered_requests_flow_control_holds_the_client_back() -> Result<()> {
    let server = Memory::start(with_limits(unanswered(4))).await;
    // A client that can buffer a message of that size.
    let mut builder = h2::client::Builder::new();
    builder.max_send_buffer_size(1024 * 1024);
    let raw = Raw::with(&builder, server.open().0).await?;
    let mut call = raw.open("LongSyncExchange", &[]).await?;
    let payload = Bytes::from(vec![7; 530 * 1024]);
    let message = framed(&LongSyncExchangeRequest { payload, ..ask(1, ms(10_000)) });
    let clock = Paused::start();
    let sent = send_what_goes(&mut call, &message, 1_000).await;
    // Four that wait, and those that fit into a stream window of 4 MiB + 64 KiB.
    assert!((8..=4 + 8 + 1).contains(&sent), "{sent} messages of 530 KiB were let through");
    assert!(clock.elapsed() < ms(10_000));
    // The four are answered, which makes room for as many more.
    clock.until(ms(10_001)).await;
    let more = send_what_goes(&mut call, &message, 1_000).await;
    assert!((3..=5).contains(&more), "{more} more were let through");
    call.send("", true)?;
    let ended = call.ended().await?;
    assert_eq!(ended.status.code(), Code::Ok);
    // In groups of four, each 10 s after the previous one.
    let rounds = (sent + more).div_ceil(4);
    let expected = ms(10_000) * u32::try_from(rounds)?;
    assert_eq!(clock.elapsed().as_secs(), expected.as_secs());
    assert_eq!(server.snapshot().lateness().count(), (sent + more) as u64);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_keeps_sending_is_held_back_and_gets_every_answer() -> Result<()> {
    const COUNT: u64 = 200;
    let server = Memory::start(with_limits(unanswered(4))).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let payload = Bytes::from(vec![7; 8 * 1024]);
    let requests = (0..COUNT)
        .map(move |id| LongSyncExchangeRequest { payload: payload.clone(), ..ask(id, ms(100)) });
    let answers = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let came = timed(clock, answers).await?;
    let ids: Vec<_> = came.iter().map(|(_, answer)| answer.id).collect();
    assert_eq!(ids, (0..COUNT).collect::<Vec<_>>());
    // Four are answered at a time.
    assert_eq!(clock.elapsed(), ms(100) * 50);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn many_small_messages_at_the_limit_are_not_a_flood() -> Result<()> {
    const COUNT: u32 = 2_000;
    let server = Memory::start(with_limits(unanswered(4))).await;
    let raw = server.raw().await?;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut call = raw.open("LongSyncExchange", &[]).await?;
        for id in 0..COUNT {
            call.send(framed(&ask(id.into(), ms(1))), id + 1 == COUNT)?;
        }
        // All are read concurrently: unread answers of one would fill the connection's window for all.
        calls.spawn(call.ended());
    }
    while let Some(ended) = calls.join_next().await {
        assert_eq!(ended??.status.code(), Code::Ok);
    }
    assert_eq!(server.snapshot().lateness().count(), u64::from(20 * COUNT));
    Ok(())
}

#[tokio::test]
async fn over_a_socket_a_thousand_requests_take_as_long_as_the_longest() -> Result<()> {
    let server = Socket::start(config())?;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let requests = (0..1_000).map(|id| ask(id, ms(id % 100)));
    let answers = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let came = timed(clock, answers).await?;
    assert_eq!(came.len(), 1_000);
    for (at, answer) in came {
        let (planned, waited) = seen(answer.timing.as_ref())?;
        assert_eq!(planned, ms(answer.id % 100));
        assert!(waited >= planned && at >= planned, "{waited:?} at {at:?}");
    }
    assert!(clock.elapsed() < ms(5_000), "{:?}", clock.elapsed());
    Ok(())
}
