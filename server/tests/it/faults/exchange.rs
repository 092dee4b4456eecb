//! Faults of an exchange: `fail`, `hang` and `fail_first` hit messages, all others the call.

use std::num::NonZeroUsize;

use anyhow::Context as _;
use longsync::v1::{LongSyncExchangeRequest, LongSyncExchangeResponse};
use longsync_server::{CallKind, Limits, Options, Outcome};
use prost::Message as _;
use tonic::Code;

use super::{applied, behaving, clause, drawn, ended, millis, server, within_an_hour};
use crate::harness::{
    DATA, Frames, HEADERS, Memory, Paused, RST_STREAM, Raw, Result, ask, checked, config, delay,
    frame, framed, ms, open, open_stream, request, settle, timed,
};

fn message(id: u64) -> LongSyncExchangeRequest {
    LongSyncExchangeRequest { id, ..LongSyncExchangeRequest::default() }
}

fn named(id: u64, call_id: &str) -> LongSyncExchangeRequest {
    LongSyncExchangeRequest { call_id: call_id.to_owned(), ..message(id) }
}

fn bringing(id: u64, behavior: &str) -> LongSyncExchangeRequest {
    LongSyncExchangeRequest { behavior: behavior.to_owned(), ..message(id) }
}

/// The answers to these messages, each with its time.
async fn answers_of(
    server: &Memory,
    messages: Vec<LongSyncExchangeRequest>,
) -> Result<Vec<(u128, LongSyncExchangeResponse)>> {
    let mut client = server.client().await?;
    let clock = Paused::start();
    let answers = client.long_sync_exchange(tokio_stream::iter(messages)).await?.into_inner();
    let came = within_an_hour(timed(clock, answers)).await.context("it does not end")??;
    Ok(came.into_iter().map(|(at, answer)| (millis(at), answer)).collect())
}

/// The identifier of each answer, and the code and message of its failure.
fn failures(came: &[(u128, LongSyncExchangeResponse)]) -> Vec<(u64, Option<(i32, &str)>)> {
    let failure = |answer: &'_ LongSyncExchangeResponse| answer.failure.clone().map(|it| it.code);
    came.iter()
        .map(|(_, answer)| {
            let message = answer.failure.as_ref().map_or("", |failure| &failure.message);
            (answer.id, failure(answer).map(|code| (code, message)))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_message_has_a_draw_of_its_own_and_fails_in_its_answer() -> Result<()> {
    let text = "10ms; fail(50%, ABORTED, \"no luck\", retry_info=1s, pushback=never)";
    let server = server(text).await?;
    let came = answers_of(&server, (0..40).map(|id| named(id, "one")).collect()).await?;
    let mut failed = 0;
    let expected = (0..40).map(|index| {
        let is_hit = drawn(text, "one", index)?.is_some();
        failed += u64::from(is_hit);
        Ok((index, is_hit.then_some((i32::from(Code::Aborted), "no luck"))))
    });
    assert_eq!(failures(&came), expected.collect::<Result<Vec<_>>>()?);
    for (at, answer) in &came {
        let timing = answer.timing.clone().unwrap_or_default();
        assert_eq!((*at, &timing.planned, &timing.waited), (10, &delay(ms(10)), &delay(ms(10))));
        let fault = if answer.failure.is_some() { clause(text)? } else { String::new() };
        assert_eq!(timing.fault, fault);
        assert!(answer.failure.is_none() || answer.message.is_empty());
    }
    assert!((5..35).contains(&failed), "{failed} of 40 tell nothing");
    assert_eq!(applied(&server), [(clause(text)?, failed)]);
    assert_eq!(ended(&server, CallKind::LongSyncExchange, Outcome::Answered), 1);
    assert_eq!(ended(&server, CallKind::LongSyncExchange, Outcome::Failed), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_wait_comes_at_once() -> Result<()> {
    let text = "5s; fail(100%, 503, when=before)";
    let server = server(text).await?;
    let came = answers_of(&server, vec![message(1), ask(2, ms(20)), message(3)]).await?;
    let times: Vec<_> = came.iter().map(|(at, answer)| (answer.id, *at)).collect();
    assert_eq!(times, [(1, 0), (3, 0), (2, 20)]);
    let failed = &came[0].1;
    assert_eq!(failed.failure.as_ref().map(|it| it.code), Some(i32::from(Code::Unavailable)));
    let timing = failed.timing.clone().unwrap_or_default();
    assert_eq!((timing.planned, timing.queued, timing.waited), (None, None, delay(ms(0))));
    assert_eq!((timing.fault, timing.behavior), (clause(text)?, text.to_owned()));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_that_hangs_is_never_answered_and_does_not_keep_the_stream_open() -> Result<()> {
    let text = "10ms; hang(50%)";
    let server = server(text).await?;
    let came = answers_of(&server, (0..40).map(|id| named(id, "one")).collect()).await?;
    let mut expected = Vec::new();
    for index in 0..40 {
        if drawn(text, "one", index)?.is_none() {
            expected.push((index, None));
        }
    }
    assert_eq!(failures(&came), expected);
    let hung = 40 - expected.len() as u64;
    assert!((5..35).contains(&hung), "{hung} of 40 tell nothing");
    assert_eq!(applied(&server), [(clause(text)?, hung)]);
    assert_eq!(ended(&server, CallKind::LongSyncExchange, Outcome::Answered), 1);
    assert_eq!(server.snapshot().calls_in_flight(), 0);
    Ok(())
}

/// A server on which at most four messages may be unanswered.
async fn of_four(behavior: &str) -> Result<Memory> {
    let max_unanswered = NonZeroUsize::new(4).context("four are more than none")?;
    let limits = Limits { max_unanswered, ..Limits::default() };
    Ok(Memory::start(checked(Options { limits, ..behaving(behavior)? })).await)
}

#[tokio::test(start_paused = true)]
async fn messages_that_hang_count_as_unanswered() -> Result<()> {
    for moment in ["", ", when=before"] {
        let text = format!("0s; hang(100%{moment})");
        let server = of_four(&text).await?;
        let (sender, requests) = open_stream();
        for id in 0..3 {
            sender.send(message(id))?;
        }
        let mut client = server.client().await?;
        let mut answers = client.long_sync_exchange(requests).await?.into_inner();
        // Three hang, and a fourth is answered.
        for id in 3..6 {
            sender.send(ask(id, ms(10)))?;
            assert_eq!(answers.message().await?.map(|answer| answer.id), Some(id), "{text}");
        }
        sender.send(message(6))?;
        sender.send(ask(7, ms(10)))?;
        // Four hang, and no further one is taken.
        assert!(within_an_hour(answers.message()).await.is_none(), "{text}");
        assert_eq!(applied(&server), [(clause(&text)?, 4)], "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_though_as_many_messages_hang_as_may_be_unanswered() -> Result<()> {
    let server = of_four("0s; hang(100%)").await?;
    assert_eq!(answers_of(&server, (0..4).map(message).collect()).await?, []);
    // The client may end the stream later.
    let (sender, requests) = open_stream();
    for id in 0..4 {
        sender.send(message(id))?;
    }
    let mut answers = server.client().await?.long_sync_exchange(requests).await?.into_inner();
    settle().await;
    drop(sender);
    let ended_it = within_an_hour(answers.message()).await.context("it does not end")?;
    assert!(ended_it?.is_none());
    assert_eq!(ended(&server, CallKind::LongSyncExchange, Outcome::Answered), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_those_that_hang_are_left_unread() -> Result<()> {
    let server = of_four("0s; hang(100%)").await?;
    let mut builder = h2::client::Builder::new();
    builder.max_send_buffer_size(16 << 20);
    let raw = Raw::with(&builder, server.open().0).await?;
    let mut call = raw.open("LongSyncExchange", &[]).await?;
    // More than a window of 4 MiB + 64 KiB takes.
    for id in 0..16 {
        let large = LongSyncExchangeRequest { payload: vec![7; 500_000].into(), ..message(id) };
        call.send(framed(&large), id == 15)?;
    }
    assert!(within_an_hour(call.ended()).await.is_none());
    settle().await;
    // Its client has left.
    assert_eq!(server.snapshot().calls_in_flight(), 0);
    assert_eq!(ended(&server, CallKind::LongSyncExchange, Outcome::Cancelled), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_that_hang_or_fail_hold_no_bytes_for_their_answers() -> Result<()> {
    for text in [
        "1ms; hang(100%)",
        "1ms; hang(100%, when=before)",
        "1ms; fail(100%, ABORTED)",
        "1ms; fail(100%, ABORTED, when=before)",
    ] {
        let server = server(text).await?;
        let mut call = server.raw().await?.open("LongSyncExchange", &[]).await?;
        for id in 0..5 {
            let payload = vec![7; 10_000].into();
            let message = LongSyncExchangeRequest { payload, echo_payload: true, ..message(id) };
            call.send(framed(&message), false)?;
        }
        settle().await;
        settle().await;
        let metrics = server.web1().await?.get("/metrics").await?;
        let line = metrics.body().lines().find(|it| it.starts_with("longsync_buffered_bytes "));
        assert_eq!(line, Some("longsync_buffered_bytes 0"), "{text}");
        assert_eq!(server.snapshot().calls_in_flight(), 1, "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn in_the_servers_behavior_at_of_a_messages_fault_is_zero() -> Result<()> {
    let server = server("10ms; fail(100%, ABORTED, at=5)").await?;
    let came = answers_of(&server, vec![message(1), message(2)]).await?;
    let aborted = Some((i32::from(Code::Aborted), "planned by longsync"));
    assert_eq!(failures(&came), [(1, aborted), (2, aborted)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn faults_that_have_no_place_in_a_message_are_refused_and_the_stream_continues() -> Result<()>
{
    let server = Memory::start(config()).await;
    let came = answers_of(
        &server,
        vec![
            bringing(1, "1ms; fail(100%, ABORTED, at=1)"),
            bringing(2, "1ms; reset(1%)"),
            bringing(3, "1ms; fail(50%, ABORTED); slow(50%, 1KiB/s)"),
            bringing(4, "1ms; late_trailers(1%, 1s)"),
            bringing(5, "1ms; hang(1%, at=2)"),
            bringing(6, "1ms; fail(100%, ABORTED)"),
            bringing(7, "1ms; fail_first(1, UNAVAILABLE)"),
        ],
    )
    .await?;
    let refused: Vec<_> = came[..5].iter().map(|(at, answer)| (*at, answer.id)).collect();
    assert_eq!(refused, [1, 2, 3, 4, 5].map(|id| (0, id)));
    for ((_, answer), clause) in came.iter().zip([
        "fail(100%, ABORTED, at=1) has at=",
        "reset(1%) is a fault of the call",
        "slow(50%, 1KiB/s) is a fault of the call",
        "late_trailers(1%, 1s) is a fault of the call",
        "hang(1%, at=2) has at=",
    ]) {
        let failure = answer.failure.clone().unwrap_or_default();
        assert_eq!(failure.code, i32::from(Code::InvalidArgument), "{failure:?}");
        assert!(failure.message.starts_with(&format!("behavior: {clause}")), "{failure:?}");
    }
    let planned: Vec<_> = came[5..].iter().map(|(_, answer)| answer.failure.clone()).collect();
    let codes: Vec<_> = planned.into_iter().flatten().map(|failure| failure.code).collect();
    assert_eq!(codes, [Code::Aborted, Code::Unavailable].map(i32::from));
    assert_eq!(applied(&server), [("(caller)".to_owned(), 2)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_first_message_may_bring_a_fault_of_the_call() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let mut call = raw.open("LongSyncExchange", &[]).await?;
    call.send(framed(&bringing(1, "20ms; reset(100%, CANCEL)")), false)?;
    call.send(framed(&ask(2, ms(10))), false)?;
    let clock = Paused::start();
    let why = call.ended().await.expect_err("it is reset");
    let why: h2::Error = why.downcast()?;
    assert_eq!((why.reason(), millis(clock.elapsed())), (Some(h2::Reason::CANCEL), 10));
    settle().await;
    assert_eq!(ended(&server, CallKind::LongSyncExchange, Outcome::Reset), 1);
    Ok(())
}

/// The fault of the call takes the place of whichever answer is due then.
#[tokio::test(start_paused = true)]
async fn at_counts_the_answers_of_an_exchange_in_the_order_in_which_they_go_out() -> Result<()> {
    for (options, answers, end) in [
        ("", &[][..], 10),
        (", at=1", &[10], 20),
        (", at=2", &[10, 20], 30),
        (", at=9", &[10, 20, 30], 30),
        (", when=before", &[], 0),
        (", when=before, at=2", &[10, 20], 20),
    ] {
        let server = server(&format!("10ms; reset(100%{options})")).await?;
        let mut client = Frames::over(server.open().0).await?;
        let clock = Paused::start();
        client.write(&open(1, "LongSyncExchange", &[])).await?;
        client.send(DATA, 0, 1, &framed(&message(3))).await?;
        for (id, at) in [(1, 30), (2, 20)] {
            client.send(DATA, u8::from(id == 2), 1, &framed(&ask(id, ms(at)))).await?;
        }
        let came = client.stream(1, clock).await?;
        let data: Vec<_> =
            came.iter().filter(|(_, it)| it.kind == DATA).map(|(at, _)| millis(*at)).collect();
        let last = came.last().map(|(at, frame)| (frame.kind, millis(*at)));
        assert_eq!((&data[..], last), (answers, Some((RST_STREAM, end))), "{options}");
    }
    Ok(())
}

/// A client may wait for headers before it sends, but if the call can be reset before its first answer,
/// they come with that or not at all.
#[tokio::test(start_paused = true)]
async fn headers_of_an_exchange_come_before_its_reset_only_if_answers_did() -> Result<()> {
    for (text, expected) in [
        ("10ms; reset(100%)", &[(RST_STREAM, 10)][..]),
        ("10ms; reset(100%, when=before)", &[(RST_STREAM, 0)]),
        ("10ms; reset(100%, at=1)", &[(HEADERS, 0), (DATA, 10), (RST_STREAM, 10)]),
    ] {
        let server = server(text).await?;
        let mut client = Frames::over(server.open().0).await?;
        let clock = Paused::start();
        client.write(&request(1, "LongSyncExchange", &message(1))).await?;
        let came = client.stream(1, clock).await?;
        let seen: Vec<_> = came.iter().map(|(at, frame)| (frame.kind, millis(*at))).collect();
        assert_eq!(seen, expected, "{text}");
    }
    // Without such a fault, headers come before any message.
    let server = server("10ms; fail(100%, ABORTED)").await?;
    let mut client = Frames::over(server.open().0).await?;
    client.write(&open(1, "LongSyncExchange", &[])).await?;
    client.until(HEADERS).await?;
    client.write(&frame(DATA, 1, 1, &[])).await?;
    assert_eq!(client.stream(1, Paused::start()).await?.len(), 1);
    Ok(())
}

/// It may be waiting for headers, and most calls are not hit.
#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_soon_gets_headers() -> Result<()> {
    let server = server("10ms; reset(100%, CANCEL)").await?;
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    client.write(&open(1, "LongSyncExchange", &[])).await?;
    client.until(HEADERS).await?;
    assert_eq!(clock.elapsed(), ms(100));
    client.write(&frame(DATA, 1, 1, &framed(&message(1)))).await?;
    let came = client.stream(1, clock).await?;
    let seen: Vec<_> = came.iter().map(|(at, frame)| (frame.kind, millis(*at))).collect();
    assert_eq!(seen, [(RST_STREAM, 110)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_call_has_its_fault_although_its_first_message_is_refused() -> Result<()> {
    let server = server("20ms; reset(100%, CANCEL)").await?;
    let raw = server.raw().await?;
    let mut call = raw.open("LongSyncExchange", &[]).await?;
    let clock = Paused::start();
    call.send(framed(&bringing(1, "nonsense")), false)?;
    call.send(framed(&message(2)), false)?;
    let mut body = call.response.await?.into_body();
    let first = body.data().await.context("the first message is refused")??;
    assert!(!first.is_empty());
    let why = body.data().await.context("it is reset")?.expect_err("it is reset");
    assert_eq!((why.reason(), millis(clock.elapsed())), (Some(h2::Reason::CANCEL), 20));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_that_hangs_is_not_the_answer_whose_place_a_fault_takes() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let mut call = raw.open("LongSyncExchange", &[]).await?;
    let clock = Paused::start();
    call.send(framed(&bringing(1, "1s; reset(100%, CANCEL)")), false)?;
    call.send(framed(&bringing(2, "100ms; hang(100%)")), false)?;
    let why: h2::Error = call.ended().await.expect_err("it is reset").downcast()?;
    assert_eq!((why.reason(), millis(clock.elapsed())), (Some(h2::Reason::CANCEL), 1_000));
    assert_eq!(applied(&server), [("(caller)".to_owned(), 2)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_without_messages_has_the_fault_of_no_call() -> Result<()> {
    for text in [
        "10ms; fail(100%, ABORTED)",
        "10ms; hang(100%)",
        "10ms; fail_first(1, ABORTED)",
        "10ms; reset(100%)",
        "10ms; drop(100%, when=before)",
        "10ms; goaway(100%)",
    ] {
        let server = server(text).await?;
        assert_eq!(answers_of(&server, Vec::new()).await?, [], "{text}");
        assert_eq!(applied(&server), [], "{text}");
    }
    Ok(())
}

/// Shares are of one partition: a later message that falls into the share of the call's faults has none.
#[tokio::test(start_paused = true)]
async fn the_call_has_the_fault_of_its_first_message_and_later_ones_only_their_own() -> Result<()> {
    let text = "1ms; fail(30%, ABORTED); reset(30%, CANCEL, at=1000)";
    let server = server(text).await?;
    let raw = server.raw().await?;
    let (mut resets, mut fails) = (0, 0);
    for number in 0..20 {
        let name = format!("exchange-{number}");
        let mut call = raw.open("LongSyncExchange", &[]).await?;
        for id in 0..10 {
            call.send(framed(&named(id, &name)), id == 9)?;
        }
        let first = drawn(text, &name, 0)?;
        let mut body = call.response.await?.into_body();
        let mut data = bytes::BytesMut::new();
        let end = loop {
            match body.data().await {
                Some(Ok(chunk)) => {
                    body.flow_control().release_capacity(chunk.len())?;
                    data.extend_from_slice(&chunk);
                }
                Some(Err(error)) => break error.reason(),
                None => break None,
            }
        };
        let is_reset = first.is_some_and(|it| it.starts_with("reset"));
        assert_eq!(end, is_reset.then_some(h2::Reason::CANCEL), "{name}");
        resets += u32::from(is_reset);
        let mut rest = &data[..];
        let mut failed = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[1..5].try_into()?) as usize;
            let answer = LongSyncExchangeResponse::decode(&rest[5..5 + length])?;
            rest = &rest[5 + length..];
            failed.push((answer.id, answer.failure.is_some()));
        }
        let expected = (0..10).map(|index| {
            let is_hit = drawn(text, &name, index)?.is_some_and(|it| it.starts_with("fail"));
            fails += u32::from(is_hit);
            Ok((index, is_hit))
        });
        assert_eq!(failed, expected.collect::<Result<Vec<_>>>()?, "{name}");
    }
    assert!(resets > 2 && resets < 15 && fails > 30, "{resets} and {fails} tell nothing");
    Ok(())
}
