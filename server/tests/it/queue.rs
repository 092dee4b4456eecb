//! The simulated queue: calls stand until a worker is free, and `Timing` says for how long.

mod around;
mod calls;
mod ends;
mod exchanges;
mod figures;
mod full;

use std::time::Duration;

use anyhow::Context as _;
use longsync::duration::from_proto;
use longsync::v1::{LongSyncRequest, Timing};
use longsync_server::{Config, Options, QueueCounts};
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use crate::harness::{
    Client, Memory, Paused, RawCall, Result, checked, framed, ms, options, timing_of,
};

fn serving(behavior: &str) -> Result<Config> {
    Ok(checked(Options { behavior: behavior.parse()?, drain: ms(100), ..options() }))
}

/// `planned`, `queued` and `waited` in milliseconds, each if it is set.
type Figures = [Option<u128>; 3];

fn figures(timing: Option<&Timing>) -> Result<Figures> {
    let timing = timing.context("there is no timing")?;
    let [planned, queued, waited] = [&timing.planned, &timing.queued, &timing.waited]
        .map(|field| field.as_ref().map(from_proto).transpose());
    Ok([planned?, queued?, waited?].map(|figure| figure.map(exact_ms)))
}

fn exact_ms(duration: Duration) -> u128 {
    assert_eq!(duration.as_nanos() % 1_000_000, 0, "{duration:?}");
    duration.as_millis()
}

/// The figures of a wait that ran out exactly when it was due.
fn ran_out(planned: u128, queued: u128) -> Figures {
    [Some(planned), Some(queued), Some(planned + queued)]
}

/// The figures of a call or message that was refused at once.
const SHED: Figures = [None, None, Some(0)];

/// How a call ended, with which figures, and when, in milliseconds since the clock's start.
type Seen = (Code, Figures, u128);

fn answered(planned: u128, queued: u128, at: u128) -> Seen {
    (Code::Ok, ran_out(planned, queued), at)
}

fn seen_status(status: &Status, clock: Paused) -> Result<Seen> {
    let figures = figures(Some(&timing_of(status)?))?;
    Ok((status.code(), figures, exact_ms(clock.elapsed())))
}

/// Makes a call in a task of its own, at this time in milliseconds.
fn call_at<T>(client: &Client, clock: Paused, at: u64, request: T) -> JoinHandle<Result<Seen>>
where
    T: tonic::IntoRequest<LongSyncRequest> + Send + 'static,
{
    let mut client = client.clone();
    tokio::spawn(async move {
        clock.until(ms(at)).await;
        match client.long_sync(request).await {
            Ok(answer) => {
                let figures = figures(answer.into_inner().timing.as_ref())?;
                Ok((Code::Ok, figures, exact_ms(clock.elapsed())))
            }
            Err(status) => seen_status(&status, clock),
        }
    })
}

/// Makes calls with these delays in milliseconds, in this order, at these times.
async fn calls<const N: usize>(
    server: &Memory,
    clock: Paused,
    asked: [(u64, u64); N],
) -> Result<[Seen; N]> {
    let client = server.client().await?;
    let calls =
        asked.map(|(at, delay)| call_at(&client, clock, at, crate::harness::wait(ms(delay))));
    let mut came = Vec::new();
    for call in calls {
        came.push(call.await??);
    }
    Ok(came.try_into().expect("one for each"))
}

/// What the queue holds and has counted: standing, busy, shed, and wasted milliseconds.
fn counts(server: &Memory) -> [u64; 4] {
    let QueueCounts { standing, busy, shed, wasted, .. } =
        server.snapshot().queue().expect("the server has a queue");
    [standing, busy, shed, u64::try_from(exact_ms(wasted)).expect("not for so long")]
}

/// A call of which its client holds the stream: it can cancel it, and reads the server's own status.
async fn raw_call(
    raw: &crate::harness::Raw,
    delay: u64,
    headers: &[(&str, &str)],
) -> Result<RawCall> {
    let mut call = raw.open("LongSync", headers).await?;
    call.send(framed(&crate::harness::wait(ms(delay))), true)?;
    Ok(call)
}
