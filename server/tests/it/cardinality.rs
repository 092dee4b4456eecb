//! How many messages a request may have (gRPC's statuscodes.md: "Request cardinality violation").

use std::time::Duration;

use bytes::Bytes;
use longsync::v1::LongSyncExchangeRequest;
use longsync_server::{CallKind, Limits, Outcome};
use tonic::Code;

use crate::harness::{
    Memory, Paused, Result, config, framed, ms, settle, timing_of, wait, with_limits,
};

/// Without a `grpc-encoding`, and with the one that is supported.
const WAYS: [&[(&str, &str)]; 2] = [&[], &[("grpc-encoding", "identity")]];

/// Sends these bytes as a request, in pieces of at most `piece`. Returns the code of the status.
async fn code(path: &str, headers: &[(&str, &str)], body: &[u8], piece: usize) -> Result<Code> {
    let server = Memory::start(config()).await;
    let mut call = server.raw().await?.open_path(path, headers).await?;
    for chunk in body.chunks(piece) {
        call.send(Bytes::copy_from_slice(chunk), false)?;
        settle().await;
    }
    call.send("", true)?;
    let status = call.ended().await?.status;
    assert_eq!(server.snapshot().calls_in_flight(), 0);
    Ok(status.code())
}

fn bodies() -> Vec<(&'static str, Vec<u8>, Code, Code)> {
    let one = framed(&wait(ms(1))).to_vec();
    let cut = |bytes: usize| [&one[..], &one[..bytes]].concat();
    vec![
        ("no message", vec![], Code::Unimplemented, Code::Ok),
        ("one message", one.clone(), Code::Ok, Code::Ok),
        ("two messages", [&one[..], &one].concat(), Code::Unimplemented, Code::Ok),
        ("a byte after the message", cut(1), Code::Unimplemented, Code::Internal),
        ("only a prefix after the message", cut(5), Code::Unimplemented, Code::Internal),
        ("a second one cut short", cut(one.len() - 1), Code::Unimplemented, Code::Internal),
        ("a single byte", vec![0], Code::Internal, Code::Internal),
        ("only a prefix", one[..5].to_vec(), Code::Internal, Code::Internal),
        ("a message cut short", one[..one.len() - 1].to_vec(), Code::Internal, Code::Internal),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_unary_request_has_exactly_one_message_and_others_end_between_messages() -> Result<()> {
    let single = ["LongSync", "LongSyncStream"];
    for rpc in ["LongSync", "LongSyncStream", "LongSyncCollect", "LongSyncExchange"] {
        let path = format!("/longsync.v1.LongSyncService/{rpc}");
        for headers in WAYS {
            for (what, body, of_one, of_any) in bodies() {
                let expected = if single.contains(&rpc) { of_one } else { of_any };
                for piece in [1, usize::MAX] {
                    let code = code(&path, headers, &body, piece).await?;
                    assert_eq!(code, expected, "{rpc} {headers:?}: {what} in pieces of {piece}");
                }
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_health_check_has_exactly_one_message_too() -> Result<()> {
    let empty = [0; 5];
    for (body, expected) in [
        (&empty[..], Code::Ok),
        (&[], Code::Unimplemented),
        (&[&empty[..], &empty].concat(), Code::Unimplemented),
        (&empty[..3], Code::Internal),
    ] {
        assert_eq!(code("/grpc.health.v1.Health/Check", &[], body, 9).await?, expected, "{body:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bytes_after_the_message_are_not_kept() -> Result<()> {
    let server = Memory::start(config()).await;
    for headers in WAYS {
        let mut call = server.raw().await?.open("LongSync", headers).await?;
        call.send(framed(&wait(ms(10_000))), false)?;
        for _ in 0..40 {
            // The client may already have been refused.
            if call.send(vec![7; 65_536], false).is_err() {
                break;
            }
            settle().await;
            let held = server.web1().await?.get("/metrics").await?;
            assert!(held.body().contains("\nlongsync_buffered_bytes 0\n"), "{}", held.body());
        }
        assert_eq!(call.ended().await?.status.code(), Code::Unimplemented, "{headers:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_late_end_of_the_request_counts_neither_as_lateness_nor_as_waited() -> Result<()> {
    let server = Memory::start(config()).await;
    for headers in WAYS {
        let clock = Paused::start();
        let mut call = server.raw().await?.open("LongSync", headers).await?;
        call.send(framed(&wait(ms(100))), false)?;
        clock.until(ms(5_000)).await;
        call.send("", true)?;
        let ended = call.ended().await?;
        assert_eq!(ended.status.code(), Code::Ok);
        assert_eq!(clock.elapsed(), ms(5_000));
        let answer: longsync::v1::LongSyncResponse = prost::Message::decode(&ended.data[5..])?;
        let timing = answer.timing.unwrap_or_default();
        assert_eq!(timing.waited, timing.planned, "{headers:?}");
    }
    let snapshot = server.snapshot();
    assert_eq!(snapshot.lateness().count(), 2);
    assert_eq!(snapshot.lateness().sum(), Duration::ZERO);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_request_of_one_message_that_takes_too_long_ends_its_call() -> Result<()> {
    let one = framed(&wait(ms(3_600_000)));
    for rpc in ["LongSync", "LongSyncStream"] {
        for headers in WAYS {
            // Nothing, the start of a message, and a message that is not followed by the end.
            for begun in [0, 3, one.len() - 1, one.len()] {
                let server = Memory::start(config()).await;
                let clock = Paused::start();
                let mut call = server.raw().await?.open(rpc, headers).await?;
                call.send(one.slice(..begun), false)?;
                let status = call.ended().await?.status;
                assert_eq!(status.code(), Code::DeadlineExceeded, "{rpc} {begun}: {status:?}");
                assert!(status.message().contains("--message-timeout"), "{status:?}");
                timing_of(&status)?;
                assert_eq!(clock.elapsed(), ms(30_000), "{rpc} {headers:?} {begun}");
                let kind =
                    if rpc == "LongSync" { CallKind::LongSync } else { CallKind::LongSyncStream };
                assert_eq!(server.snapshot().calls_ended(kind, Outcome::Refused), 1);
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_64_kib_of_a_message_add_one_second() -> Result<()> {
    let server = Memory::start(config()).await;
    let big = LongSyncExchangeRequest { payload: vec![7; 200_000].into(), ..Default::default() };
    let message = framed(&big);
    let clock = Paused::start();
    let mut call = server.raw().await?.open("LongSyncExchange", &[]).await?;
    call.send(message.slice(..3 * 65_536), false)?;
    let status = call.ended().await?.status;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(clock.elapsed(), ms(33_000));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn silence_between_messages_may_last_an_hour() -> Result<()> {
    for rpc in ["LongSyncCollect", "LongSyncExchange"] {
        let server = Memory::start(config()).await;
        let clock = Paused::start();
        let mut call = server.raw().await?.open(rpc, &[]).await?;
        call.send(framed(&wait(ms(1))), false)?;
        clock.until(ms(3_600_000)).await;
        call.send(framed(&wait(ms(1))), false)?;
        clock.until(ms(7_200_000)).await;
        call.send("", true)?;
        assert_eq!(call.ended().await?.status.code(), Code::Ok, "{rpc}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_may_take_any_time_while_the_server_does_not_want_it() -> Result<()> {
    let max_unanswered = std::num::NonZeroUsize::MIN;
    for rpc in ["LongSyncCollect", "LongSyncExchange"] {
        let limits = Limits { max_unanswered, ..Limits::default() };
        let server = Memory::start(with_limits(limits)).await;
        let clock = Paused::start();
        let mut call = server.raw().await?.open(rpc, &[]).await?;
        // A collect reads one request ahead while it waits.
        let waits = framed(&wait(ms(1_000_000)));
        let ahead = if rpc == "LongSyncCollect" { waits.clone() } else { Bytes::new() };
        let next = framed(&wait(ms(1)));
        call.send([&waits[..], &ahead, &next[..3]].concat(), false)?;
        clock.until(ms(1_000_000 + ahead.len() as u64 * 50_000)).await;
        call.send(next.slice(3..), true)?;
        assert_eq!(call.ended().await?.status.code(), Code::Ok, "{rpc}");
    }
    Ok(())
}
