//! The memory that clients can make the server hold: it is counted from when it is held until it is sent, and
//! no connection can hold so much that nothing is left for others.

use h2::client::Builder;
use longsync::v1::{LongSyncExchangeRequest, LongSyncExchangeResponse, LongSyncRequest};
use longsync_server::{CallKind, Config, Limits, Options, Outcome};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Code;

use crate::harness::{
    HOUR, Memory, PREFACE, Raw, Result, ask, config, frame, framed, ms, quota, settle, unary, wait,
    waits, with_limits,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

async fn with_budget(max_buffered_bytes: u64) -> Memory {
    Memory::start(with_limits(Limits { max_buffered_bytes, ..Limits::default() })).await
}

async fn with_window(server: &Memory, window: u32) -> Result<Raw> {
    let mut builder = Builder::new();
    builder.initial_window_size(window).max_send_buffer_size(8 << 20);
    Raw::with(&builder, server.open().0).await
}

/// The bytes that the server holds, according to its metrics.
async fn held(server: &Memory) -> Result<u64> {
    let metrics = server.web1().await?.get("/metrics").await?;
    let line =
        metrics.body().lines().find_map(|line| line.strip_prefix("longsync_buffered_bytes "));
    Ok(line.expect("the metrics have it").parse()?)
}

fn of_answer(bytes: u32) -> LongSyncRequest {
    LongSyncRequest { response_bytes: bytes, ..wait(ms(1)) }
}

#[tokio::test(start_paused = true)]
async fn answers_of_any_size_are_held_until_they_are_encoded() -> Result<()> {
    let server = Memory::start(config()).await;
    for bytes in [0, 100, 16_000, 100_000] {
        let raw = with_window(&server, 1).await?;
        let call = raw.unary(&of_answer(bytes), &[]).await?;
        settle().await;
        settle().await;
        let waiting = held(&server).await?;
        // One byte has been sent.
        assert!(waiting >= u64::from(bytes) && waiting < u64::from(bytes) + 500, "{waiting}");
        assert_eq!(server.snapshot().calls_in_flight(), 1, "{bytes}");
        let ended = call.ended().await?;
        assert_eq!(ended.status.code(), Code::Ok);
        assert_eq!(held(&server).await?, 0);
    }
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSync, Outcome::Answered), 4);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bytes_that_a_reset_discards_do_not_count_as_answered() -> Result<()> {
    for bytes in [0, 100_000] {
        let server = Memory::start(config()).await;
        let raw = with_window(&server, 1).await?;
        let mut call = raw.unary(&of_answer(bytes), &[]).await?;
        settle().await;
        settle().await;
        call.reset();
        settle().await;
        let lost = with_window(&server, 1).await?;
        let _unread = lost.unary(&of_answer(bytes), &[]).await?;
        settle().await;
        settle().await;
        lost.driver.abort();
        settle().await;
        let snapshot = server.snapshot();
        assert_eq!(snapshot.calls_ended(CallKind::LongSync, Outcome::Cancelled), 2, "{bytes}");
        assert_eq!(snapshot.calls_in_flight(), 0);
        assert_eq!(held(&server).await?, 0);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_counted_before_its_client_has_it() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for (index, bytes) in [0, 1_000, 1_000_000].into_iter().enumerate() {
        let ended = raw.unary(&of_answer(bytes), &[]).await?.ended().await?;
        assert_eq!(ended.status.code(), Code::Ok);
        let answered = server.snapshot().calls_ended(CallKind::LongSync, Outcome::Answered);
        assert_eq!(answered, index as u64 + 1);
    }
    let (mut web1, mut web2) = (server.web1().await?, server.web2().await?);
    for (index, web) in [&mut web1, &mut web2].into_iter().enumerate() {
        assert_eq!(web.get("/long_sync?delay=1ms").await?.body(), "Done!");
        let answered = server.snapshot().calls_ended(CallKind::Http, Outcome::Answered);
        assert_eq!(answered, index as u64 + 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unread_socket_delays_answers_and_a_closed_window_has_them_refused() -> Result<()> {
    const ANSWER: u32 = 200_000;
    let server = with_budget(4 * MIB).await;
    // All windows are open, and none of the bytes are read.
    let (mut socket, _serving) = server.open();
    let mut requests = PREFACE.to_vec();
    requests.extend(frame(4, 0, 0, &[&[0, 4][..], &(1_u32 << 30).to_be_bytes()].concat()));
    requests.extend(frame(8, 0, 0, &(1_u32 << 30).to_be_bytes()));
    for index in 0..100 {
        requests.extend(unary(index * 2 + 1, &of_answer(ANSWER)));
    }
    socket.write_all(&requests).await?;
    for _ in 0..20 {
        settle().await;
    }
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSync, Outcome::Refused), 0);
    let waiting = held(&server).await?;
    assert!(waiting <= 4 * MIB / 2 + u64::from(ANSWER), "{waiting}");
    // It is read after all, and every call gets an answer.
    let mut bytes = vec![0; 1 << 20];
    while server.snapshot().calls_ended(CallKind::LongSync, Outcome::Answered) < 100 {
        assert!(socket.read(&mut bytes).await? > 0);
    }
    assert_eq!(held(&server).await?, 0);

    let stalled = with_window(&server, 1).await?;
    let mut calls = Vec::new();
    for _ in 0..100 {
        calls.push(stalled.unary(&of_answer(ANSWER), &[]).await?);
    }
    for _ in 0..20 {
        settle().await;
    }
    let refused = server.snapshot().calls_ended(CallKind::LongSync, Outcome::Refused);
    assert!((80..=95).contains(&refused), "{refused}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_connection_holds_at_most_half_and_64_leave_room_for_a_small_call() -> Result<()> {
    for connections in [1, 2, 64] {
        let server = with_budget(16 * MIB).await;
        let message = framed(&LongSyncRequest {
            payload: vec![7; 4 << 20].into(),
            echo_payload: true,
            ..LongSyncRequest::default()
        });
        let message = message.slice(..message.len() - 10_000);
        let mut open = Vec::new();
        for _ in 0..connections {
            let raw = with_window(&server, 65_535).await?;
            for _ in 0..(64 / connections).max(4) {
                let mut call = raw.open("LongSync", &[]).await?;
                call.send(message.clone(), false)?;
                open.push(call);
            }
            open.push(raw.open("LongSync", &[]).await?);
            settle().await;
        }
        for _ in 0..20 {
            settle().await;
        }
        let taken = held(&server).await?;
        if connections == 1 {
            assert!(taken <= 8 * MIB, "{taken}");
        }
        assert!(taken <= 15 * MIB + 64 * KIB, "{taken}");
        let small =
            LongSyncRequest { payload: vec![7; 1_000].into(), echo_payload: true, ..wait(ms(1)) };
        let ended = server.raw().await?.unary(&small, &[]).await?.ended().await?;
        assert_eq!(ended.status.code(), Code::Ok, "beside {connections}");
        drop(open);
    }
    Ok(())
}

/// A behavior whose text is not short: it takes more memory than a waiting call.
fn long_behavior() -> String {
    format!("attempts({})", vec!["59m"; 64].join(", "))
}

#[tokio::test(start_paused = true)]
async fn a_behavior_with_a_long_text_is_held_while_its_call_waits() -> Result<()> {
    let server = Memory::start(config()).await;
    let text = long_behavior();
    let bytes = 8 * text.len() as u64;
    let raw = server.raw().await?;
    let of_behavior = |behavior: &str| LongSyncRequest {
        behavior: behavior.into(),
        ..LongSyncRequest::default()
    };
    for (request, headers, expected) in [
        (of_behavior("59m"), &[][..], 0),
        (of_behavior(&text), &[], bytes),
        (LongSyncRequest::default(), &[("x-longsync-behavior", &*text)], bytes),
        (of_behavior("59m"), &[("x-longsync-behavior", &*text)], bytes),
    ] {
        let call = raw.unary(&request, headers).await?;
        settle().await;
        assert_eq!(held(&server).await?, expected, "{headers:?}");
        drop(call);
        settle().await;
        assert_eq!(held(&server).await?, 0);
    }
    // All messages of a call share its header.
    let mut sharing = raw.open("LongSyncExchange", &[("x-longsync-behavior", &*text)]).await?;
    for id in 1..=3 {
        sharing
            .send(framed(&LongSyncExchangeRequest { delay: None, ..ask(id, ms(0)) }), id == 3)?;
    }
    settle().await;
    assert_eq!(held(&server).await?, bytes);
    drop(sharing);
    settle().await;
    let mut exchange = raw.open("LongSyncExchange", &[]).await?;
    for id in 1..=3 {
        let message = LongSyncExchangeRequest { behavior: text.clone(), ..ask(id, ms(0)) };
        let message = LongSyncExchangeRequest { delay: None, ..message };
        exchange.send(framed(&message), id == 3)?;
    }
    settle().await;
    assert_eq!(held(&server).await?, 3 * bytes);
    assert_eq!(exchange.ended().await?.status.code(), Code::Ok);
    assert_eq!(held(&server).await?, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn behaviors_without_room_are_refused_and_the_servers_own_needs_none() -> Result<()> {
    let text = long_behavior();
    let limits = Limits { max_buffered_bytes: 64, ..Limits::default() };
    let options = Options { behavior: text.parse()?, limits, ..Options::default() };
    let server = Memory::start(Config::new(options)?).await;
    let raw = server.raw().await?;
    let own = raw.unary(&LongSyncRequest::default(), &[]).await?;
    settle().await;
    assert_eq!(held(&server).await?, 0);
    let request = LongSyncRequest { behavior: text.clone(), ..LongSyncRequest::default() };
    for call in [
        raw.unary(&request, &[]).await?,
        raw.unary(&LongSyncRequest::default(), &[("x-longsync-behavior", &*text)]).await?,
    ] {
        assert_eq!(quota(&call.ended().await?.status)?, "max-buffered-bytes");
    }
    drop(own);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_waiting_message_of_an_exchange_takes_a_slot_as_a_call_does() -> Result<()> {
    let server = Memory::start(with_limits(Limits { max_in_flight: 3, ..Limits::default() })).await;
    let raw = server.raw().await?;
    let mut exchange = raw.open("LongSyncExchange", &[]).await?;
    for id in 1..=5 {
        exchange.send(framed(&ask(id, ms(1_000))), false)?;
    }
    settle().await;
    // The first message uses the exchange's own slot.
    let refused = raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    assert_eq!(quota(&refused.status)?, "max-in-flight");
    exchange.send("", true)?;
    let ended = exchange.ended().await?;
    assert_eq!(ended.status.code(), Code::Ok);
    let mut rest = &ended.data[..];
    let mut failed = Vec::new();
    while let [_, a, b, c, d, after @ ..] = rest {
        let (message, after) = after.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        let answer = LongSyncExchangeResponse::decode(message)?;
        if let Some(failure) = answer.failure {
            assert_eq!(failure.code, i32::from(Code::ResourceExhausted));
            assert!(failure.message.contains("--max-in-flight"), "{}", failure.message);
            failed.push(answer.id);
        }
        rest = after;
    }
    assert_eq!(failed, [4, 5]);
    // All slots are free again, including those of a cancelled exchange.
    for _ in 0..5 {
        let mut cancelled = raw.open("LongSyncExchange", &[]).await?;
        for id in 1..=3 {
            cancelled.send(framed(&ask(id, HOUR)), false)?;
        }
        settle().await;
        cancelled.reset();
        settle().await;
    }
    let calls = [raw.unary(&wait(ms(9)), &[]).await?, raw.unary(&wait(ms(9)), &[]).await?];
    let mut stream = raw.open("LongSyncStream", &[]).await?;
    stream.send(framed(&waits(ms(9), 1)), true)?;
    for call in calls.into_iter().chain([stream]) {
        assert_eq!(call.ended().await?.status.code(), Code::Ok);
    }
    Ok(())
}
