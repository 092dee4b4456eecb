//! What is counted: each planned fault as itself, never as what it imitates.

use std::collections::BTreeMap;

use longsync::v1::{LongSyncRequest, Timing};
use longsync_server::{CallKind, Outcome};
use tonic::Code;

use super::{applied, bringing, call, drain, drawn, ended, server, within_an_hour};
use crate::harness::{Memory, Result, ms, settle, timing_of, wait};

const TEXT: &str = "1ms; fail(25%, UNAVAILABLE); reset(25%, CANCEL); hang(25%)";

fn named(call_id: &str) -> LongSyncRequest {
    LongSyncRequest { call_id: call_id.to_owned(), ..LongSyncRequest::default() }
}

#[tokio::test(start_paused = true)]
async fn outcomes_and_clauses_are_those_that_the_seed_and_the_names_draw() -> Result<()> {
    let server = server(TEXT).await?;
    let raw = server.raw().await?;
    let mut expected = BTreeMap::<String, u64>::new();
    for number in 0..60 {
        let name = format!("call-{number}");
        let fault = drawn(TEXT, &name, 0)?;
        let mut call = call(&raw, "LongSync", &named(&name)).await?;
        match fault.as_deref() {
            Some("hang(25%)") => {
                assert!(within_an_hour(&mut call.response).await.is_none(), "{name}");
                call.reset();
                settle().await;
            }
            Some("reset(25%, CANCEL)") => {
                assert_eq!(call.reset_by_server().await?, h2::Reason::CANCEL, "{name}");
            }
            Some(failed) => {
                let status = call.ended().await?.status;
                assert_eq!(status.code(), Code::Unavailable, "{name}");
                assert_eq!(timing_of(&status)?.fault, failed, "{name}");
            }
            None => assert_eq!(call.ended().await?.status.code(), Code::Ok, "{name}"),
        }
        *expected.entry(fault.unwrap_or_default()).or_default() += 1;
    }
    settle().await;
    let of = |fault: &str| expected.get(fault).copied().unwrap_or(0);
    assert!(expected.len() == 4 && expected.values().all(|count| *count > 5), "{expected:?}");
    for (outcome, fault) in [
        (Outcome::Answered, ""),
        (Outcome::Failed, "fail(25%, UNAVAILABLE)"),
        (Outcome::Reset, "reset(25%, CANCEL)"),
        (Outcome::Hung, "hang(25%)"),
    ] {
        assert_eq!(ended(&server, CallKind::LongSync, outcome), of(fault), "{outcome}");
    }
    for outcome in [
        Outcome::Drained,
        Outcome::Cancelled,
        Outcome::DeadlineExceeded,
        Outcome::Refused,
        Outcome::Dropped,
    ] {
        assert_eq!(ended(&server, CallKind::LongSync, outcome), 0, "{outcome}");
    }
    let clauses: BTreeMap<_, _> = applied(&server).into_iter().collect();
    expected.remove("");
    assert_eq!(clauses, expected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_metrics_and_the_stats_have_each_clause_and_all_of_callers_in_one() -> Result<()> {
    let text = r#"1ms; fail(100%, UNAVAILABLE, "a \"b\" \\c"); hang(0%)"#;
    let server = server(text).await?;
    let raw = server.raw().await?;
    let mut web = server.web1().await?;
    let none = web.get("/metrics").await?;
    assert!(
        none.body().contains(r#"longsync_faults_total{clause="hang(0%)"} 0"#),
        "{}",
        none.body()
    );
    for request in
        [LongSyncRequest::default(), bringing("fail(100%, ABORTED)"), bringing("fail(100%, 500)")]
    {
        call(&raw, "LongSync", &request).await?.ended().await?;
    }
    web.get("/long_sync?status=503").await?;
    web.get("/long_sync").await?;
    let metrics = web.get("/metrics").await?;
    for line in [
        r#"longsync_faults_total{clause="fail(100%, UNAVAILABLE, \"a \\\"b\\\" \\\\c\")"} 2"#,
        r#"longsync_faults_total{clause="hang(0%)"} 0"#,
        r#"longsync_faults_total{clause="(caller)"} 3"#,
        r#"longsync_calls_ended_total{rpc="LongSync",outcome="failed"} 3"#,
        r#"longsync_calls_ended_total{rpc="GET /long_sync",outcome="failed"} 2"#,
        r#"longsync_calls_ended_total{rpc="LongSync",outcome="drained"} 0"#,
    ] {
        assert!(metrics.body().contains(&format!("\n{line}\n")), "{line}: {}", metrics.body());
    }
    let stats = web.get("/stats.json").await?;
    let expected = r#""faults":{"fail(100%, UNAVAILABLE, \"a \\\"b\\\" \\\\c\")":2,"hang(0%)":0,"(caller)":3}"#;
    assert!(stats.body().contains(expected), "{}", stats.body());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_planned_unavailable_is_not_drained_and_a_drained_call_is_not_planned() -> Result<()> {
    let server = server("1s; fail(100%, UNAVAILABLE)").await?;
    let raw = server.raw().await?;
    let planned = call(&raw, "LongSync", &LongSyncRequest::default()).await?;
    let drained = raw.unary(&wait(ms(3_590_000)), &[]).await?;
    let long = raw.unary(&bringing("1h; fail(100%, UNAVAILABLE)"), &[]).await?;
    settle().await;
    // The drain takes an hour at most; both of these have begun before it.
    let draining = drain(&server);
    assert_eq!(planned.ended().await?.status.message(), "planned by longsync");
    assert_eq!(drained.ended().await?.status.code(), Code::Ok);
    draining.await?;
    let status = long.ended().await?.status;
    let timing: Timing = timing_of(&status)?;
    assert_eq!(
        (status.code(), timing.fault.as_str()),
        (Code::Unavailable, "fail(100%, UNAVAILABLE)")
    );
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::Failed), 2);
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::Drained), 0);
    Ok(())
}

/// Of faults that leave no answer, and of those that are answered, each is applied once per call.
#[tokio::test(start_paused = true)]
async fn what_callers_bring_is_never_a_row_of_its_own() -> Result<()> {
    let server = Memory::start(crate::harness::config()).await;
    let raw = server.raw().await?;
    for text in ["slow(100%, 1MiB/s)", "late_trailers(100%, 1ms)", "reset(100%)", "fail(100%, 500)"]
    {
        let _ = call(&raw, "LongSync", &bringing(text)).await?.ended().await;
    }
    assert_eq!(applied(&server), [("(caller)".to_owned(), 4)]);
    Ok(())
}
