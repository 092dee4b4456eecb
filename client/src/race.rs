//! The race: the same slow calls, made in several ways.

mod builder;
mod call_failure;
mod calls;
mod cost;
mod counters;
mod delays;
mod exchange;
mod faults;
mod forecast;
mod http;
mod json;
mod kept_text;
mod layout;
mod lesson;
mod needs;
mod outcome;
mod plan;
mod planned_delays;
mod progress;
mod progress_line;
mod projection;
mod quiet;
mod reported_wait;
mod room;
mod runner;
mod server_timing;
mod svg;
mod terminal;
mod text;
mod way;
mod words;

use std::sync::Arc;

use longsync_text::in_words;
use longsync_timer::{Clock, Timer};
use tokio_util::sync::CancellationToken;

pub use crate::race::builder::{RacePlanBuilder, RacePlanError};
pub use crate::race::delays::RaceDelays;
pub use crate::race::forecast::{Forecast, WayForecast};
pub use crate::race::json::to_json;
pub use crate::race::outcome::{
    CallEnd, FaultHits, ProcessCost, Race, RaceCall, ServerView, WayRun,
};
pub use crate::race::plan::{Protocol, RacePlan, ThreadConnections};
pub use crate::race::progress::{ProgressSnapshot, RaceProgress};
pub use crate::race::progress_line::progress_line;
pub use crate::race::reported_wait::ReportedWait;
pub use crate::race::svg::to_svg;
pub use crate::race::text::to_text;
pub use crate::race::way::Way;
pub use longsync_behavior::Behavior;

use crate::embedded::EmbeddedServer;
use crate::http1;
use crate::race::calls::Caller;
use crate::race::counters::CounterSource;
use crate::race::progress::WayProgress;
use longsync_connect::ConnectError;
use longsync_connect::ConnectionPool;
use longsync_connect::Target;

/// Why a race could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RaceError {
    /// The server could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No server could be started in this process.
    #[error("cannot start a server inside this process: {}", in_words(.0))]
    Server(#[from] std::io::Error),
}

/// Runs a race on the caller's runtime, which should have one thread, because the picture says so.
/// `interrupt` ends the race early, and the result then contains what was measured so far. Another thread can
/// read `progress` while the race runs.
///
/// # Errors
/// When the first way cannot reach the server. If a later way cannot, that is part of the result, so that
/// earlier measurements are kept.
///
/// # Cancel safety
/// Dropping the future loses the measurements; `interrupt` avoids that. Calls in flight are reset, except
/// those of threads, which go on waiting for their answers. A server inside this process stops.
pub async fn run(
    plan: &RacePlan,
    interrupt: &CancellationToken,
    progress: &RaceProgress,
) -> Result<Race, RaceError> {
    let (target, embedded) = if let Some(target) = &plan.target {
        (target.clone(), None)
    } else {
        let embedded = EmbeddedServer::start(plan.server_options())?;
        (embedded.target.clone(), Some(embedded))
    };
    let counters = match &embedded {
        Some(embedded) => CounterSource::Embedded(embedded.stats.clone()),
        None => CounterSource::Remote(target.clone()),
    };
    let mut runs = Vec::with_capacity(plan.ways.len());
    for way in &plan.ways {
        if interrupt.is_cancelled() {
            break;
        }
        let progress = progress.begin_way();
        match run_way(*way, plan, &target, &counters, interrupt, progress).await {
            Ok(run) => runs.extend(run),
            Err(error) if runs.is_empty() => return Err(error.into()),
            Err(error) => runs.push(WayRun::skipped(*way, error.to_string())),
        }
    }
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    let is_interrupted = interrupt.is_cancelled();
    Ok(Race { plan: plan.clone(), target: Some(target), is_interrupted, runs })
}

/// Runs a way, on connections of its own, if it fits. [`None`]: the race was interrupted before the way
/// began.
async fn run_way(
    way: Way,
    plan: &RacePlan,
    target: &Target,
    counters: &CounterSource,
    interrupt: &CancellationToken,
    progress: WayProgress,
) -> Result<Option<WayRun>, ConnectError> {
    let timer = Timer::with_spin(Clock::Monotonic, plan.spin);
    let reaching = reach(plan.protocol, target, &timer);
    let Some(reached) = interrupt.run_until_cancelled(reaching).await else { return Ok(None) };
    let (caller, streams) = reached?;
    if let Some(why) = needs::needs(way, plan, streams).misfit(&room::limits()) {
        return Ok(Some(WayRun::skipped(way, why)));
    }
    let before = match &plan.cancel_after {
        Some(_) => interrupt.run_until_cancelled(counters.read(&timer)).await.flatten(),
        None => None,
    };
    let mut run = runner::run(way, plan, caller, &timer, interrupt, progress).await;
    if let Some(before) = before {
        run.server = counters.since(&before, &timer).await;
    }
    Ok(Some(run))
}

/// Connects before a way's clock starts, and returns the number of streams that the server allows per
/// connection. Over gRPC the way goes on to use this connection; over HTTP/1.1 each call opens its own.
async fn reach(
    protocol: Protocol,
    target: &Target,
    timer: &Timer,
) -> Result<(Caller, usize), ConnectError> {
    match protocol {
        Protocol::Grpc => {
            let connections = Arc::new(ConnectionPool::new(target.clone(), timer.clone()));
            drop(connections.permit().await?);
            let streams = connections.max_streams().await.unwrap_or(usize::MAX).max(1);
            Ok((Caller::Grpc(connections), streams))
        }
        Protocol::Http => {
            http1::probe(target, timer).await?;
            Ok((Caller::Http { target: target.clone(), opened: Arc::default() }, 1))
        }
    }
}
