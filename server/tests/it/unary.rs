//! `LongSync`: waits exactly as long as requested, answers once. These tests run for both of its code paths
//! in the server, between which the header in `WAY` chooses.

use std::time::{Duration, SystemTime};

use longsync::v1::LongSyncRequest;
use longsync_server::{CallKind, Outcome};
use longsync_text::duration::text;
use proptest::prelude::*;

use super::WAY;
use crate::harness::{
    HOUR, Memory, Paused, Result, Socket, bad_field, config, delay, framed, ms, seen, timing_of,
    wait, with_delay, with_headers, within,
};

#[tokio::test(start_paused = true)]
async fn a_call_waits_exactly_what_it_asked_for() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client_with(WAY).await?;
    for asked in [Duration::ZERO, ms(1), ms(250), ms(1_001), Duration::from_secs(86), HOUR] {
        let clock = Paused::start();
        let answer = client.long_sync(wait(asked)).await?.into_inner();
        assert_eq!(answer.message, "Done!");
        assert_eq!(seen(answer.timing.as_ref())?, (asked, asked));
        assert_eq!(clock.elapsed(), asked);
        assert!(answer.payload.is_empty());
    }
    let counted = server.snapshot();
    assert_eq!(counted.calls_ended(CallKind::LongSync, Outcome::Answered), 6);
    assert_eq!(counted.calls_in_flight(), 0);
    assert_eq!(counted.lateness().sum(), Duration::ZERO);
    assert_eq!(counted.lateness().count(), 6);
    Ok(())
}

#[test]
fn any_whole_millisecond_is_waited_exactly() {
    proptest!(ProptestConfig::with_cases(64), |(asked in 0_u64..=3_600_000)| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()?;
        let waited = runtime.block_on(async {
            let mut client = Memory::start(config()).await.client_with(WAY).await?;
            let answer = client.long_sync(wait(ms(asked))).await?.into_inner();
            seen(answer.timing.as_ref())
        });
        prop_assert_eq!(waited.expect("the call is answered"), (ms(asked), ms(asked)));
    });
}

#[tokio::test(start_paused = true)]
async fn a_wait_with_a_fraction_of_a_millisecond_is_never_early() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client_with(WAY).await?;
    for nanos in [1, 999, 250_000, 999_999, 1_000_001] {
        let asked = Duration::from_nanos(nanos);
        let answer = client.long_sync(wait(asked)).await?.into_inner();
        let (planned, waited) = seen(answer.timing.as_ref())?;
        assert_eq!(planned, asked);
        assert!(waited >= asked && waited < asked + ms(1), "{waited:?} of {asked:?}");
    }
    Ok(())
}

#[tokio::test]
async fn over_a_socket_no_call_is_early_and_none_waits_for_another() -> Result<()> {
    let server = Socket::start(config())?;
    let client = server.client_with(WAY).await?;
    let clock = Paused::start();
    let mut calls = tokio::task::JoinSet::new();
    for millis in 0..100 {
        let mut client = client.clone();
        calls.spawn(async move { (ms(millis), client.long_sync(wait(ms(millis))).await) });
    }
    for (asked, answered) in calls.join_all().await {
        let (planned, waited) = seen(answered?.into_inner().timing.as_ref())?;
        assert_eq!(planned, asked);
        assert!(waited >= asked, "{waited:?}");
    }
    // One after another, they would take 4.95 s.
    assert!((ms(99)..ms(2_500)).contains(&clock.elapsed()), "{:?}", clock.elapsed());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_specifies_nothing_takes_the_servers_delay() -> Result<()> {
    let mut client = Memory::start(config()).await.client_with(WAY).await?;
    let answer = client.long_sync(LongSyncRequest::default()).await?.into_inner();
    assert_eq!(seen(answer.timing.as_ref())?.1, Duration::from_secs(5));
    assert_eq!(answer.timing.unwrap_or_default().behavior, "5s");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_request_overrides_the_header_and_the_header_the_default() -> Result<()> {
    let mut client = Memory::start(with_delay(ms(3_000))).await.client_with(WAY).await?;
    let by_behavior =
        LongSyncRequest { behavior: "constant(1s)".into(), ..LongSyncRequest::default() };
    let header = [(longsync::BEHAVIOR_HEADER, "2s")];
    for (request, headers, expected, behavior) in [
        (LongSyncRequest::default(), &[][..], ms(3_000), "3s"),
        (LongSyncRequest::default(), &header, ms(2_000), "2s"),
        (by_behavior.clone(), &header, ms(1_000), "1s"),
        (by_behavior, &[], ms(1_000), "1s"),
        (wait(ms(500)), &header, ms(500), "500ms"),
        (wait(Duration::ZERO), &header, Duration::ZERO, "0s"),
    ] {
        let request = with_headers(request, headers)?;
        let timing = client.long_sync(request).await?.into_inner().timing;
        assert_eq!(seen(timing.as_ref())?, (expected, expected));
        assert_eq!(timing.unwrap_or_default().behavior, behavior);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_timing_says_who_answered_when_and_how() -> Result<()> {
    let mut client = Memory::start(config()).await.client_with(WAY).await?;
    let request = with_headers(wait(ms(10)), &[("grpc-previous-rpc-attempts", "2")])?;
    let timing = client.long_sync(request).await?.into_inner().timing.unwrap_or_default();
    let received = SystemTime::try_from(timing.received_at.unwrap_or_default())?;
    let age = SystemTime::now().duration_since(received)?;
    assert!(age < Duration::from_secs(60), "{age:?}");
    assert_eq!(timing.queued, delay(Duration::ZERO));
    assert_eq!(timing.deadline_left, None);
    assert_eq!(timing.behavior, "10ms");
    assert_eq!((timing.rule.as_str(), timing.generation, timing.worker), ("", 0, 0));
    assert!(!timing.server.is_empty());
    assert_eq!(timing.attempt, 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_missing_or_not_a_number_counts_as_the_first() -> Result<()> {
    let mut client = Memory::start(config()).await.client_with(WAY).await?;
    for (previous, attempt) in [("0", 1), ("1", 2), ("-1", 1), ("two", 1), ("4294967295", u32::MAX)]
    {
        let headers = [("grpc-previous-rpc-attempts", previous)];
        let answer = client.long_sync(with_headers(wait(ms(1)), &headers)?).await?.into_inner();
        assert_eq!(answer.timing.unwrap_or_default().attempt, attempt, "{previous}");
    }
    let answer = client.long_sync(wait(ms(1))).await?.into_inner();
    assert_eq!(answer.timing.unwrap_or_default().attempt, 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_timing_says_how_much_of_the_deadline_was_left() -> Result<()> {
    let mut client = Memory::start(config()).await.client_with(WAY).await?;
    let answer = client.long_sync(within(ms(1_500), wait(ms(10)))).await?.into_inner();
    assert_eq!(answer.timing.unwrap_or_default().deadline_left, delay(ms(1_500)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_payload_comes_back_when_it_is_asked_for() -> Result<()> {
    let mut client = Memory::start(config()).await.client_with(WAY).await?;
    for (echo_payload, expected) in [(true, &b"hello"[..]), (false, b"")] {
        let payload = b"hello"[..].into();
        let request = LongSyncRequest { payload, echo_payload, ..wait(ms(10)) };
        assert_eq!(client.long_sync(request).await?.into_inner().payload, expected);
    }
    Ok(())
}

#[tokio::test]
async fn payloads_of_megabytes_pass_both_ways() -> Result<()> {
    const BYTES: usize = 4 * 1024 * 1024 - 100;
    let server = Socket::start(config())?;
    let mut client = server.client_with(WAY).await?.max_decoding_message_size(usize::MAX);
    let payload: bytes::Bytes = (0..=255).cycle().take(BYTES).collect();
    let request = LongSyncRequest { payload: payload.clone(), echo_payload: true, ..wait(ms(5)) };
    assert!(client.long_sync(request).await?.into_inner().payload == payload);
    let request = LongSyncRequest { response_bytes: 4 * 1024 * 1024, ..wait(ms(5)) };
    let answer = client.long_sync(request).await?.into_inner();
    assert_eq!(answer.payload.len(), 4 * 1024 * 1024);
    assert!(answer.payload.iter().all(|byte| *byte == 0));
    Ok(())
}

/// Requests that are refused, each with the field to blame and a part of the reason.
fn refused() -> Vec<(LongSyncRequest, &'static str, &'static str)> {
    let unset = LongSyncRequest::default;
    let raw = |seconds, nanos| LongSyncRequest {
        delay: Some(prost_types::Duration { seconds, nanos }),
        ..unset()
    };
    let behavior = |text: &str| LongSyncRequest { behavior: text.into(), ..unset() };
    vec![
        (raw(-1, 0), "delay", "-1s is negative: send zero or more"),
        (raw(0, -1), "delay", "-1ns is negative"),
        (raw(i64::MIN, i32::MIN), "delay", "negative"),
        (raw(0, 1_000_000_000), "delay", "999999999"),
        (raw(3_600, 1), "delay", "over this server's limit: ask for at most 1h"),
        (raw(i64::MAX, 999_999_999), "delay", "ask for at most 1h"),
        (behavior("3601s"), "behavior", "ask for at most 1h"),
        (behavior("soon"), "behavior", "at column 1: expected a delay: a duration such as 250ms"),
        (behavior("constant(1s) max 2s"), "behavior", "no max"),
        (
            behavior("1s; hung(1%)"),
            "behavior",
            "at column 5: expected nothing more, a fault, a queue or a stall",
        ),
        (behavior("1s; stall(for=1s)"), "behavior", "only the server's own"),
        (behavior("  hung(1%)"), "behavior", "at column 3"),
        (behavior(" "), "behavior", "an empty text is not a behavior"),
        (LongSyncRequest { behavior: "1s".into(), ..wait(ms(1)) }, "delay", "send only one"),
        (LongSyncRequest { call_id: "x".repeat(257), ..wait(ms(1)) }, "call_id", "at most 256"),
        (behavior(&"x".repeat(1_000)), "behavior", "xxx...` is not understood at column 1"),
        (behavior(&"x".repeat(100_000)), "behavior", "at most 4096 bytes"),
        (behavior(&"mix(100%: ".repeat(400_000)), "behavior", "at most 4096 bytes"),
        (behavior(&"mix(100%: ".repeat(400)), "behavior", "nested at most 4 deep"),
        (
            LongSyncRequest { echo_payload: true, response_bytes: 1, ..wait(ms(1)) },
            "response_bytes",
            "send one of them",
        ),
        (
            LongSyncRequest { response_bytes: 4 * 1024 * 1024 + 1, ..wait(ms(1)) },
            "response_bytes",
            "at most 4194304",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_refusal_comes_at_once_and_names_the_field_and_what_would_be_right() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client_with(WAY).await?;
    let clock = Paused::start();
    let cases = refused();
    let count = cases.len() as u64;
    for (request, field, why) in cases {
        let status = client.long_sync(request.clone()).await.expect_err("it is refused");
        assert_eq!(bad_field(&status)?, field, "{request:?}");
        assert!(status.message().contains(why), "{status:?}");
        let timing = timing_of(&status)?;
        assert_eq!((timing.planned, timing.waited), (None, delay(Duration::ZERO)));
        assert_eq!(timing.attempt, 1);
    }
    assert_eq!(clock.elapsed(), Duration::ZERO);
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSync, Outcome::Refused), count);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_invalid_header_is_blamed_by_its_name() -> Result<()> {
    let mut client = Memory::start(config()).await.client_with(WAY).await?;
    for value in ["soon", "2h", "", "1s;hung(1%)"] {
        let request =
            with_headers(LongSyncRequest::default(), &[(longsync::BEHAVIOR_HEADER, value)])?;
        let status = client.long_sync(request).await.expect_err("it is refused");
        assert_eq!(bad_field(&status)?, longsync::BEHAVIOR_HEADER, "{value}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_not_ascii_is_refused() -> Result<()> {
    let raw = Memory::start(config()).await.raw().await?;
    let headers = [WAY, &[(longsync::BEHAVIOR_HEADER, "1s\u{b5}")]].concat();
    let status = raw.unary(&LongSyncRequest::default(), &headers).await?.ended().await?.status;
    assert_eq!(bad_field(&status)?, longsync::BEHAVIOR_HEADER);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_the_message_are_internal_and_have_a_timing() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let bodies: [&[u8]; 5] = [
        b"\0\0\0\0\x03\xff\xff\xff",
        b"\0\0\0\0\x02\x0a\x7f",
        // A message that is marked as compressed.
        b"\x01\0\0\0\0",
        // Half of a message, and half of a prefix.
        b"\0\0\0\0\x09abc",
        b"\0\0",
    ];
    for body in bodies {
        let mut call = raw.open("LongSync", WAY).await?;
        call.send(body, true)?;
        let ended = call.ended().await?;
        assert_eq!(ended.status.code(), tonic::Code::Internal, "{body:?}: {ended:?}");
        timing_of(&ended.status)?;
    }
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSync, Outcome::Refused), 5);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_wait_begins_when_the_message_is_complete() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let clock = Paused::start();
    let mut call = raw.open("LongSync", WAY).await?;
    let message = framed(&wait(ms(500)));
    clock.until(ms(100)).await;
    call.send(message.slice(..7), false)?;
    clock.until(ms(300)).await;
    call.send(message.slice(7..), false)?;
    clock.until(ms(400)).await;
    call.send("", true)?;
    let ended = call.ended().await?;
    assert_eq!(ended.status.code(), tonic::Code::Ok, "{}", text(clock.elapsed()));
    assert_eq!(clock.elapsed(), ms(800));
    Ok(())
}
