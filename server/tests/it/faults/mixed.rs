//! All faults at once: whatever happens to calls, nothing of them is left, and each is counted once.

use std::time::Duration;

use longsync::v1::{LongSyncExchangeRequest, LongSyncRequest, LongSyncStreamRequest};
use longsync_server::{CallKind, Limits, Options, Outcome};
use tokio::task::JoinSet;
use tonic::Code;

use super::{applied, behaving, drain};
use crate::harness::{HOUR, KINDS, Memory, Paused, Raw, Result, checked, framed, ms, settle, wait};

const TEXT: &str = "1ms; fail(9%, ABORTED, at=1); fail(9%, 503, when=before); reset(9%, CANCEL, at=1); \
    reset(9%, when=before); hang(9%); hang(9%, when=before); slow(9%, 8KiB/s); \
    late_trailers(9%, 20ms); goaway(2%); goaway(2%, CANCEL, at=1); drop(2%); drop(2%, when=before)";

/// A generator of numbers that are the same in every run (Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Makes one call, which its client leaves after at most this long.
async fn make(raw: &Raw, number: u64, rpc: &str, patience: Duration, bytes: u32) -> Result<()> {
    let call_id = format!("call-{number}");
    let mut call = raw.open(rpc, &[]).await?;
    match rpc {
        "LongSyncExchange" => {
            for id in 0..4 {
                let message = LongSyncExchangeRequest {
                    id,
                    call_id: call_id.clone(),
                    response_bytes: bytes,
                    ..LongSyncExchangeRequest::default()
                };
                call.send(framed(&message), id == 3 && !number.is_multiple_of(3))?;
            }
        }
        "LongSyncStream" => {
            let count = Some(u32::try_from(number % 4)?);
            let message = LongSyncStreamRequest {
                count,
                call_id,
                response_bytes: bytes,
                ..LongSyncStreamRequest::default()
            };
            call.send(framed(&message), true)?;
        }
        _ => {
            let message = LongSyncRequest {
                call_id,
                payload: vec![7; bytes as usize].into(),
                echo_payload: true,
                ..LongSyncRequest::default()
            };
            call.send(framed(&message), rpc == "LongSync" || !number.is_multiple_of(3))?;
        }
    }
    // Either it ends, or its client leaves.
    let _ = tokio::time::timeout(patience, call.ended()).await;
    Ok(())
}

/// The sums of the counters: calls that began, and calls that ended.
fn sums(server: &Memory) -> (u64, u64) {
    let snapshot = server.snapshot();
    let of = |kind| Outcome::ALL.into_iter().map(move |outcome| (kind, outcome));
    let ended = CallKind::ALL.into_iter().flat_map(of);
    let ended = ended.map(|(kind, outcome)| snapshot.calls_ended(kind, outcome)).sum();
    (CallKind::ALL.into_iter().map(|kind| snapshot.calls_started(kind)).sum(), ended)
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_to_calls_nothing_of_them_is_left() -> Result<()> {
    const CALLS: u64 = 1_500;
    const MOST: u64 = 100;
    let limits = Limits { max_in_flight: MOST, ..Limits::default() };
    let server = Memory::start(checked(Options { limits, ..behaving(TEXT)? })).await;
    let mut numbers = Numbers(17);
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let (_, rpc) = KINDS[usize::try_from(numbers.below(4))?];
        let patience = ms(numbers.below(60));
        let bytes = u32::try_from([0, 10, 3_000, 40_000][usize::try_from(numbers.below(4))?])?;
        let mut web = server.web1().await?;
        // A connection of its own for every few calls, because some end it.
        let raw = server.raw().await?;
        calls.spawn(async move {
            let _ = make(&raw, number, rpc, patience, bytes).await;
            let _ = make(&raw, number + CALLS, rpc, patience, bytes).await;
            let target = format!("/long_sync?call_id=web-{number}&bytes={bytes}");
            let _ = tokio::time::timeout(patience, web.get(&target)).await;
        });
        if number % 20 == 0 {
            while calls.join_next().await.is_some() {}
        }
    }
    while calls.join_next().await.is_some() {}
    settle().await;
    settle().await;

    let (started, ended) = sums(&server);
    assert!(started > 2 * CALLS, "{started}");
    assert_eq!((ended, server.snapshot().calls_in_flight()), (started, 0));
    // Each clause was applied: none is never reached.
    let clauses = applied(&server);
    assert_eq!(clauses.len(), TEXT.split(';').count() - 1, "{clauses:?}");
    let metrics = server.web1().await?.get("/metrics").await?;
    assert!(metrics.body().contains("\nlongsync_buffered_bytes 0\n"), "{}", metrics.body());
    // All slots were given back: as many calls as are allowed are admitted, and no more.
    let raw = server.raw().await?;
    let mut waiting = JoinSet::new();
    for _ in 0..MOST {
        waiting.spawn(raw.unary(&wait(ms(100)), &[]).await?.ended());
    }
    let refused = raw.unary(&wait(ms(100)), &[]).await?.ended().await?.status;
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    for ended in waiting.join_all().await {
        assert_eq!(ended?.status.code(), Code::Ok);
    }
    // And none is in flight as far as a drain is concerned, nor counted twice.
    let last = raw.unary(&wait(ms(500)), &[]).await?;
    settle().await;
    let clock = Paused::start();
    drain(&server).await?;
    assert!(clock.elapsed() >= ms(499) && clock.elapsed() < HOUR, "{:?}", clock.elapsed());
    assert!(clock.elapsed() < ms(1_100), "{:?}", clock.elapsed());
    assert_eq!(last.ended().await?.status.code(), Code::Ok);
    Ok(())
}
