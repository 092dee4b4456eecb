//! What the metrics, the counters and the log say of a queue.

use super::*;

async fn line(server: &Memory, name: &str) -> Result<Option<String>> {
    let metrics = server.web1().await?.get("/metrics").await?;
    let mut lines = metrics.body().lines();
    Ok(lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned))
}

#[tokio::test(start_paused = true)]
async fn the_metrics_tell_what_stands_and_what_was_refused() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=1)")?).await;
    let (client, clock) = (server.client().await?, Paused::start());
    let calls = [(0, 100), (10, 50), (20, 5)]
        .map(|(at, delay)| call_at(&client, clock, at, crate::harness::wait(ms(delay))));
    clock.until(ms(50)).await;
    for (name, value) in [
        ("longsync_queue_standing", "1"),
        ("longsync_queue_busy", "1"),
        ("longsync_queue_shed_total", "1"),
        ("longsync_wasted_seconds_total", "0.0"),
        ("longsync_queued_seconds_count", "1"),
        ("longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"shed\"}", "1"),
    ] {
        assert_eq!(line(&server, name).await?.as_deref(), Some(value), "{name}");
    }
    for call in calls {
        call.await??;
    }
    for (name, value) in [
        ("longsync_queue_standing", "0"),
        ("longsync_queue_busy", "0"),
        ("longsync_queued_seconds_count", "2"),
        ("longsync_queued_seconds_sum", "0.09"),
        ("longsync_queued_seconds_bucket{le=\"0.05\"}", "1"),
        ("longsync_queued_seconds_bucket{le=\"0.1\"}", "2"),
    ] {
        assert_eq!(line(&server, name).await?.as_deref(), Some(value), "{name}");
    }
    let stats = server.web1().await?.get("/stats.json").await?;
    let queue = "\"queue\":{\"standing\":0,\"busy\":0,\"shed\":1,\"wasted_ns\":0,\
        \"queued\":{\"count\":2,\"sum_ns\":90000000,";
    assert!(stats.body().contains(queue), "{}", stats.body());
    let snapshot = server.snapshot();
    assert_eq!(snapshot.queued().map(|queued| (queued.count(), queued.sum())), Some((2, ms(90))));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_queue_has_no_such_figures() -> Result<()> {
    let server = Memory::start(serving("5ms")?).await;
    let metrics = server.web1().await?.get("/metrics").await?;
    assert!(!metrics.body().contains("longsync_queue"), "{}", metrics.body());
    assert!(!metrics.body().contains("longsync_wasted"), "{}", metrics.body());
    let stats = server.web1().await?.get("/stats.json").await?;
    assert!(!stats.body().contains("queue"), "{}", stats.body());
    assert_eq!(server.snapshot().queue(), None);
    Ok(())
}
