//! Calls whose first attempts fail.

use longsync::v1::{LongSyncExchangeRequest, LongSyncRequest};
use longsync_server::{CallKind, Outcome};
use tonic::Code;

use super::{applied, call, clause, ended, header, server};
use crate::harness::{KINDS, Memory, Raw, Result, framed, timing_of};

const TEXT: &str = "0s; fail_first(2, UNAVAILABLE)";

fn named(call_id: &str) -> LongSyncRequest {
    LongSyncRequest { call_id: call_id.to_owned(), ..LongSyncRequest::default() }
}

async fn code_with(raw: &Raw, rpc: &str, call_id: &str, headers: &[(&str, &str)]) -> Result<Code> {
    let mut call = raw.open(rpc, headers).await?;
    call.send(framed(&named(call_id)), true)?;
    Ok(call.ended().await?.status.code())
}

#[tokio::test(start_paused = true)]
async fn the_first_attempts_of_each_name_fail_whatever_comes_between() -> Result<()> {
    for (kind, rpc) in &KINDS[..3] {
        let server = server(TEXT).await?;
        let (one, other) = (server.raw().await?, server.raw().await?);
        for expected in [Code::Unavailable, Code::Unavailable, Code::Ok, Code::Ok] {
            for (raw, call_id) in [(&one, "a"), (&other, "b"), (&one, "c")] {
                let code = code_with(raw, rpc, call_id, &[]).await?;
                assert_eq!(code, expected, "{kind}: {call_id}");
            }
        }
        assert_eq!(applied(&server), [(clause(TEXT)?, 6)], "{kind}");
        assert_eq!(ended(&server, *kind, Outcome::Failed), 6, "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_has_the_fault_in_its_timing() -> Result<()> {
    let text = "0s; fail_first(1, ABORTED, \"not yet\", retry_info=1s, pushback=20ms)";
    let server = server(text).await?;
    let failed = call(&server.raw().await?, "LongSync", &named("a")).await?.ended().await?.status;
    assert_eq!((failed.code(), failed.message()), (Code::Aborted, "not yet"));
    let timing = timing_of(&failed)?;
    assert_eq!((timing.fault, timing.attempt), (clause(text)?, 1));
    let pushback = failed.metadata().get("grpc-retry-pushback-ms");
    assert_eq!(pushback.and_then(|it| it.to_str().ok()), Some("20"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_a_header_states_counts_instead_of_what_was_seen() -> Result<()> {
    let server = server(TEXT).await?;
    let raw = server.raw().await?;
    for (headers, expected) in [
        (&[("grpc-previous-rpc-attempts", "2")][..], Code::Ok),
        (&[("grpc-previous-rpc-attempts", "1")], Code::Unavailable),
        (&[("grpc-previous-rpc-attempts", "1")], Code::Unavailable),
        (&[("grpc-previous-rpc-attempts", "0")], Code::Unavailable),
        (&[("x-envoy-attempt-count", "3")], Code::Ok),
        (&[("x-envoy-attempt-count", "2")], Code::Unavailable),
        // What headers state was not seen.
        (&[], Code::Unavailable),
        (&[], Code::Unavailable),
        (&[], Code::Ok),
    ] {
        assert_eq!(code_with(&raw, "LongSync", "a", headers).await?, expected, "{headers:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn calls_without_a_name_are_one_call_on_all_connections_and_protocols() -> Result<()> {
    let server = server(TEXT).await?;
    assert_eq!(server.web1().await?.get("/long_sync").await?.status(), 503);
    let raw = server.raw().await?;
    assert_eq!(code_with(&raw, "LongSyncStream", "", &[]).await?, Code::Unavailable);
    assert_eq!(code_with(&raw, "LongSync", "", &[]).await?, Code::Ok);
    assert_eq!(server.web2().await?.get("/long_sync").await?.status(), 200);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_the_header_and_the_query_name_the_same_call() -> Result<()> {
    let server = server(TEXT).await?;
    let mut web = server.web1().await?;
    let failed = web.get("/long_sync?call_id=a").await?;
    assert_eq!(failed.status(), 503);
    let timing = header(&failed, "server-timing").unwrap_or_default();
    assert!(timing.ends_with(r#"fault;desc="fail_first(2, UNAVAILABLE)""#), "{timing}");
    let headers = [("x-longsync-call-id", "a")];
    assert_eq!(web.send("GET", "/long_sync", &headers).await?.status(), 503);
    assert_eq!(web.send("GET", "/long_sync", &headers).await?.status(), 200);
    // A stream that has its name in a header is the same call, too.
    let raw = server.raw().await?;
    assert_eq!(code_with(&raw, "LongSyncStream", "", &headers).await?, Code::Ok);
    assert_eq!(code_with(&raw, "LongSyncStream", "", &[]).await?, Code::Unavailable);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_text_of_a_clause_counts_apart() -> Result<()> {
    let server = server(TEXT).await?;
    let raw = server.raw().await?;
    let code = async |behavior: &str| {
        let request = LongSyncRequest { behavior: behavior.to_owned(), ..named("a") };
        anyhow::Ok(call(&raw, "LongSync", &request).await?.ended().await?.status.code())
    };
    assert_eq!(code("1ms; fail_first(1, ABORTED)").await?, Code::Aborted);
    assert_eq!(code("1ms; fail_first(1, ABORTED)").await?, Code::Ok);
    // The delay is not part of the clause, and neither is how it is written.
    assert_eq!(code("2ms; fail_first( 1 , 10 )").await?, Code::Ok);
    assert_eq!(code("1ms; fail_first(1, ABORTED, \"x\")").await?, Code::Aborted);
    assert_eq!(code("").await?, Code::Unavailable);
    // The server's own clause in a caller's words is the same.
    assert_eq!(code("5ms; fail_first(2, UNAVAILABLE)").await?, Code::Unavailable);
    assert_eq!(code("").await?, Code::Ok);
    Ok(())
}

/// Whether the answers to messages with these names are failures.
async fn failed(server: &Memory, names: &[&str]) -> Result<Vec<bool>> {
    let messages: Vec<_> = names
        .iter()
        .map(|name| LongSyncExchangeRequest {
            call_id: (*name).to_owned(),
            ..LongSyncExchangeRequest::default()
        })
        .collect();
    let mut client = server.client().await?;
    let mut answers = client.long_sync_exchange(tokio_stream::iter(messages)).await?.into_inner();
    let mut failed = Vec::new();
    while let Some(answer) = answers.message().await? {
        failed.push(answer.failure.is_some());
    }
    Ok(failed)
}

/// It lies outside of the shares, and comes before them.
#[tokio::test(start_paused = true)]
async fn after_the_first_attempts_other_faults_have_their_shares() -> Result<()> {
    for text in [
        "0s; fail_first(1, UNAVAILABLE); fail(100%, ABORTED)",
        "0s; fail(100%, ABORTED); fail_first(1, UNAVAILABLE)",
    ] {
        let server = server(text).await?;
        let raw = server.raw().await?;
        for expected in [Code::Unavailable, Code::Aborted, Code::Aborted] {
            assert_eq!(code_with(&raw, "LongSync", "a", &[]).await?, expected, "{text}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn messages_of_an_exchange_are_attempts_of_the_calls_that_they_name() -> Result<()> {
    let server = server(TEXT).await?;
    let came = failed(&server, &["a", "b", "a", "a", "b", "b", "a"]).await?;
    assert_eq!(came, [true, true, true, false, true, false, false]);
    // One without a name has that of the first.
    assert_eq!(failed(&server, &["c", "", ""]).await?, [true, true, false]);
    assert_eq!(failed(&server, &["", "", ""]).await?, [true, true, false]);
    assert_eq!(ended(&server, CallKind::LongSyncExchange, Outcome::Answered), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_collect_is_one_attempt_however_many_messages_it_has() -> Result<()> {
    let server = server(TEXT).await?;
    let raw = server.raw().await?;
    for expected in [Code::Unavailable, Code::Unavailable, Code::Ok] {
        let mut call = raw.open("LongSyncCollect", &[]).await?;
        for index in 0..3 {
            call.send(framed(&named("a")), index == 2)?;
        }
        assert_eq!(call.ended().await?.status.code(), expected);
    }
    Ok(())
}

/// The value of a metric without labels.
async fn metric(server: &Memory, name: &str) -> Result<u64> {
    let metrics = server.web1().await?.get("/metrics").await?;
    let line = metrics.body().lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    Ok(line.ok_or_else(|| anyhow::anyhow!("no {name}"))?.parse()?)
}

#[tokio::test(start_paused = true)]
async fn of_200_000_names_the_last_100_000_are_remembered() -> Result<()> {
    const NAMES: u64 = 200_000;
    let server = server("0s; fail_first(1, UNAVAILABLE)").await?;
    let mut client = server.client().await?;
    let messages = tokio_stream::iter((0..NAMES).map(|number| LongSyncExchangeRequest {
        call_id: number.to_string(),
        ..LongSyncExchangeRequest::default()
    }));
    let mut answers = client.long_sync_exchange(messages).await?.into_inner();
    let mut failures = 0;
    while let Some(answer) = answers.message().await? {
        failures += u64::from(answer.failure.is_some());
    }
    assert_eq!(failures, NAMES);
    assert_eq!(metric(&server, "longsync_fail_first_calls").await?, 100_000);
    assert_eq!(metric(&server, "longsync_fail_first_forgotten_total").await?, 100_000);
    // The latest are remembered, and seen again; the first have been forgotten.
    assert_eq!(failed(&server, &["199999", "100000"]).await?, [false, false]);
    assert_eq!(failed(&server, &["0", "99999", "0"]).await?, [true, true, false]);
    assert_eq!(metric(&server, "longsync_fail_first_calls").await?, 100_000);
    assert_eq!(metric(&server, "longsync_fail_first_forgotten_total").await?, 100_002);
    Ok(())
}
