//! What a full queue answers.

use longsync_server::{CallKind, Outcome};
use tonic_types::StatusExt as _;

use super::*;
use crate::harness::wait;

fn shed(at: u128) -> Seen {
    (Code::ResourceExhausted, SHED, at)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_finds_the_queue_full_is_refused_at_once() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=1)")?).await;
    let clock = Paused::start();
    let came = calls(&server, clock, [(0, 100), (10, 50), (20, 30), (160, 5)]).await?;
    assert_eq!(came, [answered(100, 0, 100), answered(50, 90, 150), shed(20), answered(5, 0, 165)]);
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSync, Outcome::Shed), 1);
    assert_eq!(counts(&server), [0, 0, 1, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_a_place_to_stand_only_free_workers_count() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=0)")?).await;
    let clock = Paused::start();
    // The last one arrives at the very moment at which the first one ends.
    let came = calls(&server, clock, [(0, 100), (10, 50), (100, 20)]).await?;
    assert_eq!(came, [answered(100, 0, 100), shed(10), answered(20, 0, 120)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_is_full_and_when_to_try_again() -> Result<()> {
    for (text, retry_info, pushback) in [
        ("5ms; queue(workers=1, limit=0)", None, None),
        ("5ms; queue(workers=1, limit=0, retry_info=2s, pushback=100ms)", Some(2), Some("100")),
        ("5ms; queue(workers=1, limit=0, pushback=never)", None, Some("-1")),
    ] {
        let server = Memory::start(serving(text)?).await;
        let clock = Paused::start();
        let mut client = server.client().await?;
        let busy = call_at(&client, clock, 0, wait(ms(100)));
        clock.until(ms(1)).await;
        let status = client.long_sync(LongSyncRequest::default()).await.expect_err("it is full");
        assert_eq!(
            status.message(),
            "the queue is full: no worker can serve this call now, and none may stand; call less often, or later"
        );
        let said = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert_eq!(said, retry_info.map(Duration::from_secs), "{text}");
        let trailer = status.metadata().get("grpc-retry-pushback-ms");
        assert_eq!(trailer.map(|value| value.to_str()).transpose()?, pushback, "{text}");
        let timing = timing_of(&status)?;
        assert_eq!((&*timing.behavior, &*timing.fault), (text, ""));
        assert!(timing.received_at.is_some());
        busy.await??;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_it_is_429_with_retry_after() -> Result<()> {
    let text = "100ms; queue(workers=1, limit=0, retry_info=1500ms, pushback=never)";
    let server = Memory::start(serving(text)?).await;
    let clock = Paused::start();
    let (mut web1, mut web2) = (server.web1().await?, server.web2().await?);
    let busy = call_at(&server.client().await?, clock, 0, LongSyncRequest::default());
    clock.until(ms(1)).await;
    for web in [&mut web1, &mut web2] {
        let answer = web.get("/long_sync").await?;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (429, &"2".parse()?)
        );
        assert_eq!(answer.headers()["server-timing"], "waited;dur=0.000");
        assert!(answer.body().starts_with("the queue is full: "), "{}", answer.body());
    }
    assert_eq!(clock.elapsed(), ms(1));
    assert_eq!(server.snapshot().calls_ended(CallKind::Http, Outcome::Shed), 2);
    busy.await??;
    Ok(())
}
