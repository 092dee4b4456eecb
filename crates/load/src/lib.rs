//! Makes calls in any number, and measures each: the engine of load runs and of the benchmarks.
//!
//! When to send, when to stop, how to send and what to record are four things: [`Schedule`],
//! [`Stop`], the request and the connections of the [`LoadPlan`], and [`Recorder`]. [`run`] puts
//! them together on worker threads, each with its own connections, and merges what they recorded.
//!
//! Calls do not go through tonic's generated client: they are unary, all alike, and many, so each
//! worker speaks HTTP/2 itself and reads of an answer only what is recorded.
//!
//! ```no_run
//! use std::num::NonZeroU64;
//! use std::time::Duration;
//!
//! use longsync_client::load::{self, LoadPlan, Percentile, Progress, Rate, Schedule, Stop};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let rate = Rate::per_second(NonZeroU64::new(1_000).ok_or("no rate")?);
//! let schedule = Schedule::Poisson { rate, seed: 1 };
//! let stop = Stop::after(Duration::from_secs(30));
//! let plan = LoadPlan::new("http://127.0.0.1:9000".parse()?, schedule, stop);
//! let load = load::run(&plan, &CancellationToken::new(), &Progress::default()).await?;
//! println!("{:?}", load.recorder.response_time().percentile(Percentile::P99));
//! # Ok(())
//! # }
//! ```

mod answer;
mod deadlines;
mod distribution;
mod lane;
mod moment;
mod progress;
mod reading;
mod recorder;
mod request;
mod run;
mod schedule;
mod stop;
mod wire;
mod worker;

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longsync::v1::LongSyncRequest;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;

pub use self::distribution::{Distribution, Percentile, Reading};
pub use self::moment::Moment;
pub use self::progress::Progress;
pub use self::recorder::{Call, Recorder, Times, Unsent, UnsentCounts, Waits};
use self::schedule::Share;
pub use self::schedule::{Rate, Schedule};
pub use self::stop::Stop;
use self::worker::{Assignment, Finished};
use crate::answer::ANSWER_BYTES;
use crate::dial::ConnectError;
use crate::target::Target;

/// What a run does.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// Whom to call.
    pub target: Target,
    /// When calls are due.
    pub schedule: Schedule,
    /// When no further call is made.
    pub stop: Stop,
    /// What each call asks for.
    pub request: LongSyncRequest,
    /// Whether each call has a call id of its own: the request's, followed by its number from 0.
    pub has_call_ids: bool,
    /// What goes into each request's headers.
    pub metadata: MetadataMap,
    /// How long each call may take.
    pub deadline: Option<Duration>,
    /// How many threads send, each with its share of calls and connections.
    pub workers: NonZeroUsize,
    /// How many connections are open, over all workers.
    pub connections: NonZeroUsize,
    /// How many calls may be in flight at once, over all workers; those that are due beyond it are
    /// counted and not sent. A closed loop has its own number.
    pub max_in_flight: NonZeroUsize,
    /// Calls that are due in this time from the start are made, and not recorded.
    pub warm_up: Duration,
    /// How long calls that are open when the last was sent may take to end.
    pub grace: Duration,
    /// For how long before each due time the workers poll instead of sleeping: what is due is then
    /// sent to the microsecond, and each worker takes a core.
    pub spin: Duration,
    /// How many bytes an answer may have; [`None`]: 4 MiB beside the payload that was asked for.
    pub max_answer_bytes: Option<usize>,
}

impl LoadPlan {
    /// One worker with one connection, a grace of 10 s, no warm-up, no deadline, no spinning, at most
    /// a million calls in flight; a request that leaves everything to the server.
    pub fn new(target: Target, schedule: Schedule, stop: Stop) -> Self {
        const MILLION: NonZeroUsize = NonZeroUsize::new(1_000_000).expect("it is not zero");
        Self {
            target,
            schedule,
            stop,
            request: LongSyncRequest::default(),
            has_call_ids: false,
            metadata: MetadataMap::new(),
            deadline: None,
            workers: NonZeroUsize::MIN,
            connections: NonZeroUsize::MIN,
            max_in_flight: MILLION,
            warm_up: Duration::ZERO,
            grace: Duration::from_secs(10),
            spin: Duration::ZERO,
            max_answer_bytes: None,
        }
    }

    /// How many bytes an answer may have.
    fn most_answer_bytes(&self) -> usize {
        let request = &self.request;
        let echoed = if request.echo_payload { request.payload.len() } else { 0 };
        let asked = echoed.max(request.response_bytes as usize);
        self.max_answer_bytes.unwrap_or_else(|| ANSWER_BYTES.saturating_add(asked))
    }

    /// Why it cannot be carried out, whatever the server.
    fn contradiction(&self) -> Option<LoadError> {
        let (workers, connections) = (self.workers, self.connections);
        if connections < workers {
            return Some(LoadError::TooFewConnections { connections, workers });
        }
        let is_endless = match self.schedule {
            Schedule::AtOnce => !self.stop.is_counted(),
            _ => !self.stop.is_bounded(),
        };
        is_endless.then_some(LoadError::Endless)
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Load {
    /// What is known of its calls.
    pub recorder: Recorder,
    /// From the start until the last call ended.
    pub took: Duration,
    /// Whether the interrupt ended it.
    pub is_interrupted: bool,
    /// Whether a closed loop ended before its stop: no connection could be had for the grace.
    pub has_given_up: bool,
}

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The server was not reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Some worker would have none.
    #[error(
        "{connections} connections are too few for {workers} workers: each needs one of its own"
    )]
    TooFewConnections {
        /// As many were planned.
        connections: NonZeroUsize,
        /// As many were planned.
        workers: NonZeroUsize,
    },
    /// Nothing ends the run.
    #[error(
        "nothing ends this run: say after how many calls, or, unless all are due at once, after what time"
    )]
    Endless,
    /// The server allows fewer calls at once than the closed loop is to keep in flight.
    #[error(
        "{in_flight} calls in flight need as many streams, and the server allows {streams} on \
         {connections} connections: open more connections"
    )]
    TooFewStreams {
        /// As many were planned.
        in_flight: NonZeroUsize,
        /// As many are allowed on all connections.
        streams: usize,
        /// As many are open.
        connections: NonZeroUsize,
    },
    /// A worker thread could not be started.
    #[error("cannot start a worker thread: {0}")]
    Thread(#[from] io::Error),
    /// A worker thread has panicked, and said why on stderr.
    #[error("a worker thread has failed")]
    Worker,
}

/// Makes the calls of a plan. `interrupt` ends the run early: it is not waited for calls then.
///
/// # Errors
/// When the plan cannot be carried out, or the server is not reached. Calls that fail, and
/// connections that are lost later, are results.
///
/// # Cancel safety
/// Dropping the future ends the run.
pub async fn run(
    plan: &LoadPlan,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<Load, LoadError> {
    if let Some(why) = plan.contradiction() {
        return Err(why);
    }
    let interrupt = interrupt.child_token();
    let _ends_with_this = interrupt.clone().drop_guard();
    let shared = Arc::new(plan.clone());
    let mut workers = Vec::new();
    for index in 0..plan.workers.get() {
        let (connected, has_connected) = oneshot::channel();
        let (start, has_started) = oneshot::channel();
        let (finished, has_finished) = oneshot::channel();
        let assignment = Assignment {
            plan: Arc::clone(&shared),
            share: Share::of(index, plan.workers),
            tally: progress.tally(),
            connected,
            start: has_started,
            interrupt: interrupt.clone(),
            finished,
        };
        assignment.spawn(index)?;
        workers.push((has_connected, start, has_finished));
    }
    let mut streams = 0_usize;
    let mut connected = Vec::new();
    for (has_connected, start, has_finished) in workers {
        streams = streams.saturating_add(has_connected.await.map_err(|_| LoadError::Worker)??);
        connected.push((start, has_finished));
    }
    if let Schedule::Closed { in_flight } = plan.schedule
        && streams < in_flight.get()
    {
        return Err(LoadError::TooFewStreams { in_flight, streams, connections: plan.connections });
    }
    let now = Instant::now();
    let mut running = Vec::new();
    for (start, has_finished) in connected {
        start.send(now).map_err(|_| LoadError::Worker)?;
        running.push(has_finished);
    }
    let mut recorder = Recorder::default();
    let mut last_done = Moment::START;
    let mut has_given_up = false;
    for has_finished in running {
        let finished: Finished = has_finished.await.map_err(|_| LoadError::Worker)?;
        recorder.merge(&finished.recorder);
        last_done = last_done.max(finished.last_done);
        has_given_up |= finished.has_given_up;
    }
    let took = Duration::from_nanos(last_done.as_nanos());
    Ok(Load { recorder, took, is_interrupted: interrupt.is_cancelled(), has_given_up })
}
