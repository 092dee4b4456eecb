//! A run: its workers, and what they recorded together.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use longsync_connect::{ConnectError, Tcp, Transport};
use longsync_stats::{Moment, Recorder};
use longsync_timer::Clock;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

use crate::common::Common;
use crate::method::Method;
use crate::plan::LoadPlan;
use crate::progress::{Progress, Tally};
use crate::schedule::{Schedule, Share};
use crate::worker::{Finished, Prepared};

/// The result of a run.
#[derive(Debug)]
#[non_exhaustive]
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
#[non_exhaustive]
pub enum LoadError {
    /// The server was not reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server allows fewer calls at once than the closed loop is to keep in flight.
    #[error(
        "{in_flight} calls in flight need as many streams, and the server allows {streams} on \
         {connections} connections: open more connections"
    )]
    TooFewStreams {
        /// How many were planned.
        in_flight: NonZeroUsize,
        /// How many are allowed on all connections.
        streams: usize,
        /// How many are open.
        connections: usize,
    },
    /// The plan has more workers than the caller's thread can be.
    #[error("{workers} workers do not fit on the caller's thread: plan this run with one")]
    OneWorker {
        /// How many were planned.
        workers: usize,
    },
    /// A worker thread could not be started.
    #[error("cannot start a worker thread: {0}")]
    Thread(#[source] io::Error),
    /// A worker thread has panicked, and said why on stderr.
    #[error("a worker thread has failed")]
    Worker,
}

/// Makes the calls of a plan over TCP, by the monotonic clock, on worker threads of their own. `interrupt`
/// ends the run early: calls are not waited for then. The caller's runtime only waits, and needs no drivers.
///
/// # Errors
/// When the plan cannot be carried out with this server, or the server is not reached. Calls that fail, and
/// connections that are lost later, are results.
///
/// # Cancel safety
/// Dropping the future ends the run.
pub async fn run<M: Method + Clone>(
    plan: &LoadPlan<M>,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<Load, LoadError> {
    run_over(plan, &Tcp, interrupt, progress).await
}

/// [`run`] over connections of this transport: each worker opens them on its own thread, with a clone.
///
/// # Errors
/// As those of [`run`].
///
/// # Cancel safety
/// Dropping the future ends the run.
pub async fn run_over<M, T>(
    plan: &LoadPlan<M>,
    transport: &T,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<Load, LoadError>
where
    M: Method + Clone,
    T: Transport + Clone + Send + 'static,
{
    let interrupt = interrupt.child_token();
    let _ends_with_this = interrupt.clone().drop_guard();
    let shared = Arc::new(plan.clone());
    let workers = NonZeroUsize::new(plan.workers).unwrap_or(NonZeroUsize::MIN);
    let mut begun = Vec::new();
    for index in 0..workers.get() {
        let (connected, has_connected) = oneshot::channel();
        let (start, has_started) = oneshot::channel();
        let (finished, has_finished) = oneshot::channel();
        let assignment = Assignment {
            plan: Arc::clone(&shared),
            share: Share::of(index, workers),
            transport: transport.clone(),
            tally: progress.tally(),
            connected,
            start: has_started,
            interrupt: interrupt.clone(),
            finished,
        };
        assignment.spawn(index).map_err(LoadError::Thread)?;
        begun.push((has_connected, start, has_finished));
    }
    let mut streams = 0_usize;
    let mut connected = Vec::new();
    for (has_connected, start, has_finished) in begun {
        streams = streams.saturating_add(has_connected.await.map_err(|_| LoadError::Worker)??);
        connected.push((start, has_finished));
    }
    enough(plan, streams)?;
    let now = Clock::Monotonic.now();
    let mut running = Vec::new();
    for (start, has_finished) in connected {
        start.send(now).map_err(|_| LoadError::Worker)?;
        running.push(has_finished);
    }
    let mut all = Vec::new();
    for has_finished in running {
        all.push(has_finished.await.map_err(|_| LoadError::Worker)?);
    }
    Ok(merged(all, &interrupt))
}

/// Makes the calls of a plan with one worker, on the caller's thread and runtime, by this clock and over
/// connections of this transport. With [`Clock::Tokio`], a paused runtime and a transport in memory, a run
/// of an hour takes no time and its figures are exact.
///
/// The runtime needs the drivers that the transport and the clock need.
///
/// # Errors
/// As those of [`run`]; and when the plan has more than one worker.
///
/// # Panics
/// As [`Timer::sleep_until`](longsync_timer::Timer::sleep_until).
///
/// # Cancel safety
/// Dropping the future ends the run.
pub async fn run_here<M: Method, T: Transport + 'static>(
    plan: &LoadPlan<M>,
    clock: Clock,
    transport: T,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<Load, LoadError> {
    if plan.workers > 1 {
        return Err(LoadError::OneWorker { workers: plan.workers });
    }
    let share = Share::of(0, NonZeroUsize::MIN);
    let running = async {
        let common = Common::new(plan, clock, transport);
        let worker = Prepared::connect(plan, share, common).await?;
        enough(plan, worker.streams())?;
        let start = clock.now();
        let finished = worker.work(plan, start, progress.tally(), interrupt.clone()).await;
        Ok::<_, LoadError>(finished)
    };
    // A connection's calls are not `Send`.
    let finished = LocalSet::new().run_until(running).await?;
    Ok(merged(vec![finished], interrupt))
}

/// Whether a closed loop has as many streams as it is to keep in flight.
fn enough<M>(plan: &LoadPlan<M>, streams: usize) -> Result<(), LoadError> {
    let Schedule::Closed { concurrency, .. } = &plan.schedule else { return Ok(()) };
    let in_flight = usize::try_from(concurrency.most()).ok().and_then(NonZeroUsize::new);
    match in_flight {
        Some(in_flight) if streams < in_flight.get() => {
            let connections = plan.connections;
            Err(LoadError::TooFewStreams { in_flight, streams, connections })
        }
        _ => Ok(()),
    }
}

fn merged(all: Vec<Finished>, interrupt: &CancellationToken) -> Load {
    let mut recorder = Recorder::default();
    let mut last_done = Moment::START;
    let mut has_given_up = false;
    for finished in all {
        recorder.merge(&finished.recorder);
        last_done = last_done.max(finished.last_done);
        has_given_up |= finished.has_given_up;
    }
    let took = Duration::from_nanos(last_done.as_nanos());
    Load { recorder, took, is_interrupted: interrupt.is_cancelled(), has_given_up }
}

/// What a worker thread is given, and what it says.
#[derive(Debug)]
struct Assignment<M, T> {
    plan: Arc<LoadPlan<M>>,
    share: Share,
    transport: T,
    tally: Arc<Tally>,
    /// When it has its connections: how many calls they carry.
    connected: oneshot::Sender<Result<usize, LoadError>>,
    /// When the run starts.
    start: oneshot::Receiver<Instant>,
    /// Ends it early.
    interrupt: CancellationToken,
    finished: oneshot::Sender<Finished>,
}

impl<M: Method, T: Transport + Send + 'static> Assignment<M, T> {
    /// Starts the worker's thread.
    fn spawn(self, index: usize) -> io::Result<()> {
        let thread = thread::Builder::new().name(format!("longsync-load-{index}"));
        thread.spawn(move || {
            let mut runtime = Builder::new_current_thread();
            match runtime.enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => runtime.block_on(self.work()),
                Err(error) => drop(self.connected.send(Err(LoadError::Thread(error)))),
            }
        })?;
        Ok(())
    }

    async fn work(self) {
        let Self { plan, share, transport, tally, connected, start, interrupt, finished } = self;
        let common = Common::new(&plan, Clock::Monotonic, transport);
        let worker = match Prepared::connect(&plan, share, common).await {
            Ok(worker) => worker,
            Err(error) => return drop(connected.send(Err(error.into()))),
        };
        // Without a start there is no run.
        if connected.send(Ok(worker.streams())).is_err() {
            return;
        }
        let Ok(start) = start.await else { return };
        let _ = finished.send(worker.work(&plan, start, tally, interrupt).await);
    }
}
