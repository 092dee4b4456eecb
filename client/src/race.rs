//! The race: the same slow calls, made in several ways.

mod json;
mod outcome;
mod picture;
mod runner;
mod text;
mod way;

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_server::{Config, Limits, Server};
use longsync_timer::{Clock, Timer};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use crate::race::json::to_json;
pub use crate::race::outcome::{End, Race, Row, WayRun};
pub use crate::race::text::to_text;
pub use crate::race::way::Way;

use crate::connections::{ConnectError, Connections};
use crate::target::Target;

/// What to race.
#[derive(Debug, Clone)]
pub struct RacePlan {
    /// How many calls each way makes.
    pub calls: NonZeroUsize,
    /// How long the server is asked to wait for each.
    pub delay: Duration,
    /// The ways, in the order in which they run.
    pub ways: Vec<Way>,
    /// Whom to call; [`None`] starts a server inside this process.
    pub target: Option<Target>,
}

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
/// `interrupt` ends it early; what was measured until then is in the result.
///
/// # Errors
/// When no server was reached.
pub async fn run(plan: &RacePlan, interrupt: &CancellationToken) -> Result<Race, RaceError> {
    let (target, embedded) = if let Some(target) = &plan.target {
        (target.clone(), None)
    } else {
        let embedded = Embedded::start(plan)?;
        (embedded.target.clone(), Some(embedded))
    };
    let mut runs = Vec::with_capacity(plan.ways.len());
    for way in &plan.ways {
        if interrupt.is_cancelled() {
            break;
        }
        // Each way has connections of its own, opened before its clock starts.
        let connections = Connections::new(target.clone(), Timer::new(Clock::Monotonic));
        drop(connections.credit().await?);
        runs.push(runner::run(*way, plan, connections, interrupt).await);
    }
    let is_embedded = embedded.is_some();
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    Ok(Race {
        calls: plan.calls.get(),
        delay: plan.delay,
        target,
        is_embedded,
        is_interrupted: interrupt.is_cancelled(),
        runs,
    })
}

/// A server inside this process, on a free port of loopback.
struct Embedded {
    target: Target,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Embedded {
    fn start(plan: &RacePlan) -> std::io::Result<Self> {
        let limits = Limits::default();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            limits: Limits { max_delay: limits.max_delay.max(plan.delay), ..limits },
            drain: Duration::ZERO,
            ..Config::default()
        };
        let server = Server::bind(config)?;
        let url = format!("http://{}", server.local_addr());
        let target = url.parse().map_err(std::io::Error::other)?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.serve(async { drop::<Result<(), _>>(stopped.await) }));
        Ok(Self { target, stop, serving })
    }

    async fn stop(self) {
        drop(self.stop);
        // The race is over, and its figures are taken: how the server ends changes nothing.
        let _ = self.serving.await;
    }
}
