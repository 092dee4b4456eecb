//! Answers of an exchange that do not wait, and calls that are refused, beside faults.

use anyhow::Context as _;
use longsync::v1::{LongSyncExchangeRequest, LongSyncRequest, LongSyncStreamRequest};
use longsync_server::{CallKind, Limits, Options, Outcome};
use tonic::Code;

use super::{behaving, clause, drawn, ended, server, within_an_hour};
use crate::harness::{
    Memory, Paused, Result, bad_field, checked, ms, open_stream, timed, timing_of,
};

fn message(id: u64, call_id: &str) -> LongSyncExchangeRequest {
    LongSyncExchangeRequest {
        id,
        call_id: call_id.to_owned(),
        ..LongSyncExchangeRequest::default()
    }
}

/// A reset takes the place of the first answer that goes out, even if that does not wait.
#[tokio::test(start_paused = true)]
async fn no_answer_goes_out_before_a_fault_of_the_call_that_takes_its_place() -> Result<()> {
    let text = "1s; reset(50%); fail(50%, ABORTED, when=before)";
    let hits = |name: &str, index, fault: &str| {
        Ok::<_, anyhow::Error>(drawn(text, name, index)?.is_some_and(|it| it.starts_with(fault)))
    };
    let mut name = None;
    for number in 0..100 {
        let candidate = format!("order-{number}");
        if hits(&candidate, 0, "reset")? && hits(&candidate, 1, "fail")? {
            name = Some(candidate);
            break;
        }
    }
    let name = name.context("a quarter of the names do")?;
    let server = server(text).await?;
    let (sender, messages) = open_stream();
    sender.send(message(0, &name))?;
    sender.send(message(1, &name))?;
    let clock = Paused::start();
    let answers = server.client().await?.long_sync_exchange(messages).await;
    answers.expect_err("the stream is reset before any answer");
    assert_eq!(clock.elapsed(), ms(0), "when the second message would be answered");
    assert_eq!(ended(&server, CallKind::LongSyncExchange, Outcome::Reset), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_that_fail_keep_nothing_in_memory() -> Result<()> {
    for text in
        ["0s; fail(100%, ABORTED)", "0s; fail(100%, ABORTED, when=before)", "0s; hang(100%)"]
    {
        let limits = Limits { max_buffered_bytes: 2 << 20, ..Limits::default() };
        let server = Memory::start(checked(Options { limits, ..behaving(text)? })).await;
        let messages = (0..100).map(|id| LongSyncExchangeRequest {
            payload: vec![7; 64 * 1024].into(),
            echo_payload: true,
            ..message(id, "")
        });
        let messages = tokio_stream::iter(messages.collect::<Vec<_>>());
        let answers = server.client().await?.long_sync_exchange(messages).await?.into_inner();
        let came = within_an_hour(timed(Paused::start(), answers)).await.context("it ends")??;
        let expected = if text.contains("hang") { 0 } else { 100 };
        assert_eq!(came.len(), expected, "{text}");
        for (_, answer) in came {
            assert_eq!(answer.failure.map(|it| it.code), Some(i32::from(Code::Aborted)), "{text}");
        }
        let metrics = server.web1().await?.get("/metrics").await?;
        assert!(metrics.body().contains("\nlongsync_buffered_bytes 0\n"), "{text}");
    }
    Ok(())
}

/// Only a call that is served as planned uses up an attempt.
#[tokio::test(start_paused = true)]
async fn calls_that_fail_first_would_not_hit_are_not_counted() -> Result<()> {
    let text = "0s; fail_first(1, UNAVAILABLE)";
    let server = server(text).await?;
    let (mut client, mut web) = (server.client().await?, server.web1().await?);
    let nothing = tokio_stream::iter(Vec::<LongSyncExchangeRequest>::new());
    let mut answers = client.long_sync_exchange(nothing).await?.into_inner();
    assert_eq!(answers.message().await?, None);
    let large = LongSyncRequest { response_bytes: u32::MAX, ..LongSyncRequest::default() };
    let refused = client.long_sync(large).await.expect_err("it is too large");
    assert_eq!(bad_field(&refused)?, "response_bytes");
    let many = LongSyncStreamRequest { count: Some(u32::MAX), ..LongSyncStreamRequest::default() };
    let refused = client.long_sync_stream(many).await.expect_err("they are too many");
    assert_eq!(bad_field(&refused)?, "count");
    assert_eq!(web.get("/long_sync?status=418").await?.status(), 418);
    let abort = [("x-envoy-fault-abort-request", "418")];
    assert_eq!(web.send("GET", "/long_sync", &abort).await?.status(), 418);

    let failed = client.long_sync(LongSyncRequest::default()).await.expect_err("it is the first");
    assert_eq!(timing_of(&failed)?.fault, clause(text)?);
    client.long_sync(LongSyncRequest::default()).await?;
    Ok(())
}
