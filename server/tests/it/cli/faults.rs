//! Planned faults in the log, which is where a call without an answer leaves its trace.

use std::time::Duration;

use longsync::v1::LongSyncRequest;
use rustix::process::Signal;

use super::{Running, command, signal};
use crate::harness::Result;

fn named(call_id: &str, behavior: &str) -> LongSyncRequest {
    LongSyncRequest {
        call_id: call_id.to_owned(),
        behavior: behavior.to_owned(),
        ..LongSyncRequest::default()
    }
}

#[tokio::test]
async fn the_log_line_of_a_call_has_the_fault_that_ended_it() -> Result<()> {
    let args = ["--listen", "127.0.0.1:0", "--log", "debug", "--behavior", "1ms; drop(100%, rst)"];
    let server = Running::start(&mut command(&args))?;
    let raw = server.raw().await?;
    for (id, behavior) in [
        ("answered", "1ms; fail(0%, ABORTED)"),
        ("failed", "1ms; fail(100%, ABORTED, \"a\\nb\")"),
        ("reset", "1ms; reset(100%, CANCEL)"),
        ("slow", "1ms; slow(100%, 10KiB/s)"),
        ("dropped", ""),
    ] {
        let _ = raw.unary(&named(id, behavior), &[]).await?.ended().await;
    }
    let raw = server.raw().await?;
    let hung = raw.unary(&named("hung", "1ms; hang(100%)"), &[]).await?;
    let mut web = server.web().await?;
    let all_applied = async {
        let row = "longsync_faults_total{clause=\"(caller)\"} 4\n";
        while !web.get("/metrics").await?.body().contains(row) {}
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(10), all_applied).await??;
    // The drain may take as long as the default allows, but nothing is left to wait for.
    signal(&server, Signal::TERM)?;
    let status = hung.ended().await?.status;
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
    let (status, said) = server.ended().await?;
    assert_eq!(status.code(), Some(0), "{said}");
    let line_of = |id: &str| {
        let of_call = format!("call_id=\"{id}\"");
        said.lines().find(|line| line.contains("call ended") && line.contains(&of_call))
    };
    let Some(slow) = line_of("slow") else { anyhow::bail!("no line of slow in {said}") };
    assert!(
        slow.contains("outcome=answered ") && slow.contains("fault=slow(100%, 10KiB/s)"),
        "{slow}"
    );
    for (id, fault) in [
        ("failed", Some("fault=fail(100%, ABORTED, \"a\\nb\")")),
        ("reset", Some("fault=reset(100%, CANCEL)")),
        ("dropped", Some("fault=drop(100%, rst)")),
        ("hung", Some("fault=hang(100%)")),
        ("answered", None),
    ] {
        let Some(line) = line_of(id) else { anyhow::bail!("no line of {id} in {said}") };
        assert!(line.contains(&format!("outcome={id} ")), "{line}");
        assert_eq!(line.contains("fault="), fault.is_some(), "{line}");
        assert!(line.contains(fault.unwrap_or_default()), "{line}");
        assert!(!line.contains("queued="), "{line}");
    }
    Ok(())
}
