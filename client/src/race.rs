//! The race: the same slow calls, made in several ways.

mod calls;
mod cost;
mod counters;
mod delays;
mod embedded;
mod json;
mod layout;
mod outcome;
mod plan;
mod progress;
mod projection;
mod room;
mod runner;
mod svg;
mod terminal;
mod text;
mod way;
mod words;

use std::sync::Arc;

use longsync_timer::{Clock, Timer};
use tokio_util::sync::CancellationToken;

pub use crate::race::delays::Delays;
pub use crate::race::json::to_json;
pub use crate::race::outcome::{Cost, End, Race, Row, ServerView, WayRun};
pub use crate::race::plan::{Protocol, RacePlan, ThreadConnections};
pub use crate::race::progress::{Progress, Reading};
pub use crate::race::svg::to_svg;
pub use crate::race::text::to_text;
pub use crate::race::way::Way;

use crate::connections::Connections;
use crate::dial::ConnectError;
use crate::race::calls::Caller;
use crate::race::counters::Counters;
use crate::race::embedded::Embedded;
use crate::race::progress::WayProgress;
use crate::target::Target;

/// Why a race could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RaceError {
    /// Its server was not reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No server could be started for it.
    #[error("cannot start a server inside this process: {0}")]
    Server(#[from] std::io::Error),
}

/// Runs a race on the caller's runtime, which should have one thread: that is what the picture says.
/// `interrupt` ends it early; what was measured until then is in the result. `progress` can be read
/// from another thread meanwhile.
///
/// # Errors
/// When no server was reached.
///
/// # Panics
/// When the plan has an exchange over HTTP/1.1.
pub async fn run(
    plan: &RacePlan,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<Race, RaceError> {
    let (target, embedded) = if let Some(target) = &plan.target {
        (target.clone(), None)
    } else {
        let embedded = Embedded::start(plan.delays.longest())?;
        (embedded.target.clone(), Some(embedded))
    };
    let counters = match &embedded {
        Some(embedded) => Counters::Embedded(embedded.stats.clone()),
        None => Counters::Remote(target.clone()),
    };
    let mut runs = Vec::with_capacity(plan.ways.len());
    for way in &plan.ways {
        if interrupt.is_cancelled() {
            break;
        }
        let progress = progress.begin_way();
        runs.extend(run_way(*way, plan, &target, &counters, interrupt, progress).await?);
    }
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    let is_interrupted = interrupt.is_cancelled();
    Ok(Race { plan: plan.clone(), target, is_interrupted, runs })
}

/// Runs a way that fits, on connections of its own. [`None`]: the race was ended before it began.
async fn run_way(
    way: Way,
    plan: &RacePlan,
    target: &Target,
    counters: &Counters,
    interrupt: &CancellationToken,
    progress: WayProgress,
) -> Result<Option<WayRun>, ConnectError> {
    // Opened before the way's clock starts; over HTTP/1.1 only to see that somebody is there.
    let timer = Timer::new(Clock::Monotonic);
    let connections = Arc::new(Connections::new(target.clone(), timer.clone()));
    let Some(reached) = interrupt.run_until_cancelled(connections.credit()).await else {
        return Ok(None);
    };
    drop(reached?);
    let streams = connections.max_streams().await.unwrap_or(usize::MAX).max(1);
    if let Some(why) = runner::needs(way, plan, streams).misfit(&room::limits()) {
        return Ok(Some(WayRun::skipped(way, why)));
    }
    let caller = match plan.protocol {
        Protocol::Grpc => Caller::Grpc(Arc::clone(&connections)),
        Protocol::Http => Caller::Http { target: target.clone(), opened: Arc::default() },
    };
    let before = match plan.cancel_after {
        Some(_) => interrupt.run_until_cancelled(counters.read(&timer)).await.flatten(),
        None => None,
    };
    let mut run = runner::run(way, plan, caller, &connections, interrupt, progress).await;
    if let Some(before) = before {
        run.server = counters.since(&before, &timer).await;
    }
    Ok(Some(run))
}
