//! A run: its workers, and what they recorded together.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use longsync_connect::{ConnectError, Tcp, Transport};
use longsync_stats::{Moment, Succession, Texts};
use longsync_timer::{Clock, Timer};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::board::Board;
use crate::collector::{Collected, Collector};
use crate::common::Common;
use crate::control::Control;
use crate::load::{End, Load};
use crate::method::Method;
use crate::observer::Observer;
use crate::plan::LoadPlan;
use crate::progress::Tally;
use crate::records::{Finished, Records};
use crate::sample::Sample;
use crate::schedule::{Schedule, Share};
use crate::threads;
use crate::worker::{Desk, Prepared};

/// How long after the last worker has its connections the run starts, so that none is late from the beginning.
const BEFORE_START: Duration = Duration::from_millis(50);

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
    control: &Control,
    observer: impl Observer,
) -> Result<Load, LoadError> {
    run_over(plan, &Tcp, control, observer).await
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
    control: &Control,
    observer: impl Observer,
) -> Result<Load, LoadError>
where
    M: Method + Clone,
    T: Transport + Clone + Send + 'static,
{
    let board = Arc::new(Board::new(plan.workers, plan.max_in_flight, plan.last_due()));
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
            tally: control.progress.tally(),
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
    let rest = Rest::of(plan, controlled(working, control, &board, now).await?);
    let collected = collection.end(rest.last_done).await?;
    Ok(merged(plan, rest, collected, control, Began { at: started_at, connections }))
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
    control: &Control,
    observer: impl Observer,
) -> Result<Load, LoadError> {
    if plan.workers > 1 {
        return Err(LoadError::OneWorker { workers: plan.workers });
    }
    let board = Arc::new(Board::new(1, plan.max_in_flight, plan.last_due()));
    let records = Rc::new(RefCell::new(Records::new(plan, 0)));
    let desk = Desk {
        index: 0,
        share: Share::of(0, NonZeroUsize::MIN),
        board: Arc::clone(&board),
        tally: control.progress.tally(),
        records: Rc::clone(&records),
    };
    let running = async {
        let common = Common::new(plan, clock, transport);
        let timer = common.timer.clone();
        let worker = Prepared::connect(plan, desk, common).await?;
        enough(plan, worker.streams())?;
        let connections = board.connections();
        let start = clock.now() + BEFORE_START;
        let began = Began { at: SystemTime::now() + BEFORE_START + plan.warm_up, connections };
        let mut collector = Collector::new(plan, Arc::clone(&board), observer, timer, start);
        let (finished, has_finished) = oneshot::channel();
        let working = async {
            let unfinished = worker.work(plan, start).await;
            let finished_records =
                std::mem::replace(&mut *records.borrow_mut(), Records::new(plan, 0));
            let _ = finished.send(());
            Ok::<_, LoadError>(vec![finished_records.finish(unfinished, &board, false)])
        };
        let now = || Moment::since(start, clock.now());
        let collecting = collector.collect(async { drop(has_finished.await) });
        let (all, ()) = tokio::join!(controlled(working, control, &board, now), collecting);
        let rest = Rest::of(plan, all?);
        let collected = collector.finish(rest.last_done);
        Ok::<_, LoadError>(merged(plan, rest, collected, control, began))
    };
    // A connection's calls are not `Send`.
    LocalSet::new().run_until(running).await
}

/// Runs the workers, and stops or ends them when that is wanted.
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

/// Whether a closed loop has as many streams as it is to keep in flight.
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

/// What workers have in the end, put together.
struct Rest {
    texts: Texts,
    succession: Succession,
    warm_up: u64,
    servers: BTreeSet<String>,
    sample: Sample,
    last_done: Moment,
    lost_workers: usize,
}

impl Rest {
    fn of<M>(plan: &LoadPlan<M>, all: Vec<Finished>) -> Self {
        let mut rest = Self {
            texts: Texts::default(),
            succession: Succession::default(),
            warm_up: 0,
            servers: BTreeSet::new(),
            sample: Sample::new(plan.sample, plan.seed),
            last_done: Moment::START,
            lost_workers: 0,
        };
        for finished in all {
            rest.texts.merge(&finished.texts);
            rest.succession.merge(&finished.succession);
            rest.warm_up += finished.warm_up;
            rest.servers.extend(finished.servers);
            rest.sample.merge(finished.sample);
            rest.last_done = rest.last_done.max(finished.last_done);
            rest.lost_workers += usize::from(finished.has_panicked);
        }
        rest
    }
}

/// How a run began.
struct Began {
    at: SystemTime,
    connections: usize,
}

fn merged<M>(
    plan: &LoadPlan<M>,
    rest: Rest,
    collected: Collected,
    control: &Control,
    began: Began,
) -> Load {
    let took = Duration::from_nanos(rest.last_done.as_nanos());
    let (workers, steal) = collected.processors.spent().unzip();
    let end = match collected.end {
        Some(end) => end,
        None if control.end.is_cancelled() => End::Ended,
        None if control.stop.is_cancelled() => End::Stopped,
        None => End::Complete,
    };
    Load {
        started_at: began.at,
        figures: *collected.figures,
        intervals: collected.intervals,
        warm_up: rest.warm_up,
        texts: rest.texts,
        succession: rest.succession,
        recorded: plan.time().unwrap_or(took.saturating_sub(plan.warm_up)),
        took,
        end,
        connections: began.connections,
        lost_workers: rest.lost_workers,
        workers,
        steal: steal.flatten(),
        sample: rest.sample.into_calls(),
        servers: rest.servers.into_iter().collect(),
    }
}

/// A thread that collects what is recorded.
struct Collection {
    finished: oneshot::Sender<Moment>,
    collected: oneshot::Receiver<Collected>,
}

impl Collection {
    fn begin<M>(
        plan: &LoadPlan<M>,
        board: &Arc<Board>,
        observer: impl Observer,
        start: Instant,
    ) -> io::Result<Self> {
        let timer = Timer::new(Clock::Monotonic);
        let mut collector = Collector::new(plan, Arc::clone(board), observer, timer, start);
        let (finished, mut has_finished) = oneshot::channel();
        let (collecting, collected) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("longsync-collector".to_owned()).spawn(move || {
            let mut end = Moment::START;
            runtime.block_on(collector.collect(async {
                // Without one, nobody waits for what is collected.
                end = (&mut has_finished).await.unwrap_or_default();
            }));
            let _ = collecting.send(collector.finish(end));
        })?;
        Ok(Self { finished, collected })
    }

    /// Collects the rest; the last call ended then.
    async fn end(self, last_done: Moment) -> Result<Collected, LoadError> {
        let _ = self.finished.send(last_done);
        self.collected.await.map_err(|_| LoadError::Worker)
    }
}

/// What a worker thread is given, and what it says.
#[derive(Debug)]
struct Assignment<M, T> {
    index: usize,
    plan: Arc<LoadPlan<M>>,
    board: Arc<Board>,
    transport: T,
    tally: Arc<Tally>,
    /// When it has its connections: how many calls they carry.
    connected: oneshot::Sender<Result<usize, LoadError>>,
    /// When the run starts.
    start: oneshot::Receiver<Instant>,
    finished: oneshot::Sender<Finished>,
}

impl<M: Method, T: Transport + Send + 'static> Assignment<M, T> {
    /// Starts the worker's thread.
    fn spawn(self) -> io::Result<()> {
        let thread = thread::Builder::new().name(format!("longsync-load-{}", self.index));
        thread.spawn(move || {
            let mut runtime = Builder::new_current_thread();
            match runtime.enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => self.work(&runtime),
                Err(error) => drop(self.connected.send(Err(LoadError::Thread(error)))),
            }
        })?;
        Ok(())
    }

    fn work(self, runtime: &LocalRuntime) {
        let Self { index, plan, board, transport, tally, connected, start, finished } = self;
        board.set_thread(index, threads::this());
        let records = Rc::new(RefCell::new(Records::new(&plan, index)));
        let workers = NonZeroUsize::new(plan.workers).unwrap_or(NonZeroUsize::MIN);
        let share = Share::of(index, workers);
        let (board, records) = (&board, &records);
        let desk =
            Desk { index, share, board: Arc::clone(board), tally, records: Rc::clone(records) };
        let working = async {
            let common = Common::new(&plan, Clock::Monotonic, transport);
            let worker = match Prepared::connect(&plan, desk, common).await {
                Ok(worker) => worker,
                Err(error) => {
                    let _ = connected.send(Err(error.into()));
                    return None;
                }
            };
            // Without a start there is no run.
            connected.send(Ok(worker.streams())).ok()?;
            let start = start.await.ok()?;
            Some(worker.work(&plan, start).await)
        };
        // What it has recorded outlasts a panic, which is said on stderr.
        let unfinished = catch_unwind(AssertUnwindSafe(|| runtime.block_on(working)));
        let has_panicked = unfinished.is_err();
        let Some(unfinished) = unfinished.unwrap_or_else(|_| Some(Vec::new())) else { return };
        let records = std::mem::replace(&mut *records.borrow_mut(), Records::new(&plan, index));
        let _ = finished.send(records.finish(unfinished, board, has_panicked));
    }
}
