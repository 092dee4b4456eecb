//! Faults of a collect: one per call, which is that of its first message.

use longsync::v1::LongSyncCollectRequest;
use longsync_server::{CallKind, Outcome};
use tonic::{Code, Status};

use super::{applied, clause, ended, millis, server};
use crate::harness::{Memory, Paused, Result, bad_field, config, delay, framed, ms, timing_of};

fn message(behavior: &str, delay_ms: Option<u64>) -> LongSyncCollectRequest {
    LongSyncCollectRequest {
        behavior: behavior.to_owned(),
        delay: delay_ms.and_then(|it| delay(ms(it))),
        ..LongSyncCollectRequest::default()
    }
}

/// How a collect of these messages ends, and when.
async fn collected(server: &Memory, messages: &[LongSyncCollectRequest]) -> Result<(Status, u128)> {
    let mut call = server.raw().await?.open("LongSyncCollect", &[]).await?;
    let clock = Paused::start();
    for message in messages {
        call.send(framed(message), false)?;
    }
    call.send("", true)?;
    Ok((call.ended().await?.status, millis(clock.elapsed())))
}

#[tokio::test(start_paused = true)]
async fn the_fault_of_the_first_message_comes_when_the_answer_was_due() -> Result<()> {
    let server = Memory::start(config()).await;
    let first = message("10ms; fail(100%, ABORTED)", None);
    let messages = [first, message("uniform(20ms, 21ms)", None), message("", Some(30))];
    let (status, at) = collected(&server, &messages).await?;
    assert_eq!(status.code(), Code::Aborted);
    assert!((60..=61).contains(&at), "{at}");
    let timing = timing_of(&status)?;
    assert_eq!(timing.fault, "fail(100%, ABORTED)");
    let waited = timing.waited.unwrap_or_default();
    assert!((60_000_000..=61_000_000).contains(&waited.nanos), "{waited:?}");
    assert_eq!(applied(&server), [("(caller)".to_owned(), 1)]);
    assert_eq!(ended(&server, CallKind::LongSyncCollect, Outcome::Failed), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn before_the_wait_it_comes_with_the_first_message() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut call = server.raw().await?.open("LongSyncCollect", &[]).await?;
    let clock = Paused::start();
    clock.until(ms(50)).await;
    // The client goes on sending, but the call has ended.
    call.send(framed(&message("10ms; fail(100%, ABORTED, when=before)", None)), false)?;
    let status = call.ended().await?.status;
    assert_eq!((status.code(), millis(clock.elapsed())), (Code::Aborted, 50));
    assert_eq!(timing_of(&status)?.planned, None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_a_later_message_is_refused_and_a_delay_is_not() -> Result<()> {
    for text in [
        "10ms; fail(100%, ABORTED)",
        "reset(1%)",
        "hang(0%)",
        "slow(1%, 1KiB/s)",
        "fail_first(1, ABORTED)",
    ] {
        let server = Memory::start(config()).await;
        let second = LongSyncCollectRequest { id: 7, ..message(text, None) };
        let (status, at) = collected(&server, &[message("10ms", None), second]).await?;
        assert_eq!(at, 10, "{text}");
        assert_eq!(bad_field(&status)?, "behavior", "{text}");
        let said = status.message();
        assert!(said.starts_with("behavior: request 7: "), "{said}");
        assert!(said.contains("is a fault of the call"), "{said}");
        assert_eq!(applied(&server), [], "{text}");
        assert_eq!(ended(&server, CallKind::LongSyncCollect, Outcome::Refused), 1, "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_later_message_does_not_lift_the_servers_fault() -> Result<()> {
    let text = "10ms; fail(100%, ABORTED)";
    let server = server(text).await?;
    let (status, at) = collected(&server, &[message("", None), message("", Some(20))]).await?;
    assert_eq!((status.code(), at), (Code::Aborted, 30));
    // But the first one's own delay does: it replaces delay and faults.
    let (status, at) = collected(&server, &[message("", Some(5)), message("", None)]).await?;
    assert_eq!((status.code(), at), (Code::Ok, 15));
    assert_eq!(applied(&server), [(clause(text)?, 1)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_collect_without_messages_has_the_servers_fault() -> Result<()> {
    for moment in ["", ", when=before"] {
        let server = server(&format!("10ms; fail(100%, ABORTED{moment})")).await?;
        assert_eq!(collected(&server, &[]).await?.0.code(), Code::Aborted);
    }
    Ok(())
}
