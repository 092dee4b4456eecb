//! A run: its workers, and the merged results of all of them.

mod assignment;
mod collection;
mod result;

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use longsync_connect::{ConnectError, Tcp, Transport};
use longsync_stats::Moment;
use longsync_text::{counted, in_words};
use longsync_timer::Clock;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use self::assignment::Assignment;
use self::collection::Collection;
use self::result::{RunStart, WorkerResults, merged};
use crate::board::Board;
use crate::collector::Collector;
use crate::common::Common;
use crate::control::Control;
use crate::load::Load;
use crate::method::Method;
use crate::observer::Observer;
use crate::plan::LoadPlan;
use crate::records::Records;
use crate::schedule::{Schedule, WorkerShare};
use crate::worker::{PreparedWorker, WorkerContext};

/// How long after the last worker has its connections the run starts, so that no call is late from the
/// beginning.
const BEFORE_START: Duration = Duration::from_millis(50);

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The server could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server allows fewer concurrent calls than the closed loop is to keep in flight.
    #[error(
        "{in_flight} calls in flight need as many streams, but the server allows {streams} on {}: open more connections",
        counted(*connections, "connection")
    )]
    TooFewStreams {
        /// The planned number of calls in flight.
        in_flight: NonZeroUsize,
        /// How many streams are allowed on all connections together.
        streams: usize,
        /// How many are open.
        connections: usize,
    },
    /// The plan has more than one worker, but the caller's thread can be only one.
    #[error("{workers} workers do not fit on the caller's thread: plan this run with one")]
    OneWorker {
        /// The planned number of workers.
        workers: usize,
    },
    /// A worker thread could not be started.
    #[error("cannot start a worker thread: {}", in_words(.0))]
    Thread(#[source] io::Error),
    /// A worker thread has panicked, and the reason is on stderr.
    #[error("a worker thread has failed")]
    Worker,
}

/// Makes the calls of a plan over TCP, by the monotonic clock, on worker threads of its own. `control` stops
/// or ends the run early, and `observer` is notified of each second. The caller's runtime only waits, and
/// needs no drivers.
///
/// # Errors
/// If the plan cannot be carried out with this server, or the server cannot be reached. Calls that fail, and
/// connections that are lost later, are results and not errors.
///
/// # Cancel safety
/// Dropping the future ends the run.
pub async fn run<M: Method + Clone>(
    plan: &LoadPlan<M>,
    control: &Control,
    observer: impl Observer,
) -> Result<Load, LoadError> {
    run_over(plan, &Tcp, control, observer).await
}

/// [`run`] over connections of this transport: each worker opens them on its own thread, with a clone.
///
/// # Errors
/// The same as those of [`run`].
///
/// # Cancel safety
/// Dropping the future ends the run.
pub async fn run_over<M, T>(
    plan: &LoadPlan<M>,
    transport: &T,
    control: &Control,
    observer: impl Observer,
) -> Result<Load, LoadError>
where
    M: Method + Clone,
    T: Transport + Clone + Send + 'static,
{
    let board = Arc::new(Board::new(plan));
    let _ends_with_this = board.ended.clone().drop_guard();
    let shared = Arc::new(plan.clone());
    let mut prepared = Vec::new();
    for index in 0..plan.workers {
        let (connected, has_connected) = oneshot::channel();
        let (start, has_started) = oneshot::channel();
        let (finished, has_finished) = oneshot::channel();
        let assignment = Assignment {
            index,
            plan: Arc::clone(&shared),
            board: Arc::clone(&board),
            transport: transport.clone(),
            counters: control.progress.add_worker(),
            connected,
            start: has_started,
            finished,
        };
        assignment.spawn().map_err(LoadError::Thread)?;
        prepared.push((has_connected, start, has_finished));
    }
    let mut streams = 0_usize;
    let mut connected = Vec::new();
    for (has_connected, start, has_finished) in prepared {
        streams = streams.saturating_add(has_connected.await.map_err(|_| LoadError::Worker)??);
        connected.push((start, has_finished));
    }
    enough(plan, streams)?;
    let connections = board.connections();
    let start = Clock::Monotonic.now() + BEFORE_START;
    let started_at = SystemTime::now() + BEFORE_START + plan.warm_up;
    let collection = Collection::begin(plan, &board, observer, start).map_err(LoadError::Thread)?;
    let mut running = Vec::new();
    for (begin, has_finished) in connected {
        begin.send(start).map_err(|_| LoadError::Worker)?;
        running.push(has_finished);
    }
    let working = async {
        let mut all = Vec::new();
        for has_finished in running {
            all.push(has_finished.await.map_err(|_| LoadError::Worker)?);
        }
        Ok::<_, LoadError>(all)
    };
    let now = || Moment::since(start, Clock::Monotonic.now());
    let results = WorkerResults::of(plan, controlled(working, control, &board, now).await?);
    let collected = collection.end(results.last_known).await?;
    let began = RunStart { at: started_at, connections, streams };
    Ok(merged(plan, results, collected, control, &began, &board))
}

/// Makes the calls of a plan with one worker, on the caller's thread and runtime, by this clock and over
/// connections of this transport. With [`Clock::Tokio`], a paused runtime and a transport in memory, a run of
/// an hour takes no time and its figures are exact.
///
/// The runtime needs the drivers that the transport and the clock need.
///
/// # Errors
/// The same as those of [`run`]; also if the plan has more than one worker.
///
/// # Panics
/// The same as [`Timer::sleep_until`](longsync_timer::Timer::sleep_until).
///
/// # Cancel safety
/// Dropping the future ends the run.
pub async fn run_here<M: Method, T: Transport + 'static>(
    plan: &LoadPlan<M>,
    clock: Clock,
    transport: T,
    control: &Control,
    observer: impl Observer,
) -> Result<Load, LoadError> {
    if plan.workers > 1 {
        return Err(LoadError::OneWorker { workers: plan.workers });
    }
    let board = Arc::new(Board::new(plan));
    let records = Rc::new(RefCell::new(Records::new(plan, 0)));
    let context = WorkerContext {
        index: 0,
        share: WorkerShare::of(0, NonZeroUsize::MIN),
        board: Arc::clone(&board),
        counters: control.progress.add_worker(),
        records: Rc::clone(&records),
    };
    let running = async {
        let common = Common::new(plan, clock, transport);
        let timer = common.timer.clone();
        let worker = PreparedWorker::connect(plan, context, common).await?;
        let streams = worker.streams();
        enough(plan, streams)?;
        let connections = board.connections();
        let start = clock.now() + BEFORE_START;
        let at = SystemTime::now() + BEFORE_START + plan.warm_up;
        let began = RunStart { at, connections, streams };
        let mut collector = Collector::new(plan, Arc::clone(&board), observer, timer, start);
        let (finished, has_finished) = oneshot::channel();
        let working = async {
            let unfinished = worker.work(plan, start).await;
            let worker = records.borrow_mut().finish(unfinished, &board, false);
            let _ = finished.send(());
            Ok::<_, LoadError>(vec![worker])
        };
        let now = || Moment::since(start, clock.now());
        let collecting = collector.collect(async { drop(has_finished.await) });
        let (all, ()) = tokio::join!(controlled(working, control, &board, now), collecting);
        let results = WorkerResults::of(plan, all?);
        let collected = collector.finish(results.last_known);
        Ok::<_, LoadError>(merged(plan, results, collected, control, &began, &board))
    };
    // A connection's calls are not `Send`.
    LocalSet::new().run_until(Box::pin(running)).await
}

/// Runs the workers, and stops or ends them when `control` requests it.
async fn controlled<T>(
    working: impl Future<Output = T>,
    control: &Control,
    board: &Board,
    now: impl Fn() -> Moment,
) -> T {
    let controlling = async {
        let is_ended = tokio::select! {
            biased;
            () = control.end.cancelled() => true,
            () = control.stop.cancelled() => false,
        };
        board.stop(now());
        if !is_ended {
            control.end.cancelled().await;
        }
        board.ended.cancel();
        std::future::pending().await
    };
    tokio::select! {
        biased;
        ended = working => ended,
        never = controlling => never,
    }
}

/// Whether a closed loop has enough streams for the calls that it is to keep in flight.
fn enough<M>(plan: &LoadPlan<M>, streams: usize) -> Result<(), LoadError> {
    let Schedule::Closed { concurrency, .. } = &plan.schedule else { return Ok(()) };
    let in_flight = usize::try_from(concurrency.most()).ok().and_then(NonZeroUsize::new);
    match in_flight {
        Some(in_flight) if plan.connections.streams(streams, plan.workers) < in_flight.get() => {
            let connections = plan.connections.at_first(plan.workers);
            Err(LoadError::TooFewStreams { in_flight, streams, connections })
        }
        _ => Ok(()),
    }
}
