//! The thread of a worker.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use longsync_connect::Transport;
use longsync_timer::Clock;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::oneshot;

use super::LoadError;
use crate::board::Board;
use crate::common::Common;
use crate::method::Method;
use crate::plan::LoadPlan;
use crate::progress::WorkerCounters;
use crate::records::{Records, WorkerResult};
use crate::schedule::WorkerShare;
use crate::threads;
use crate::worker::{PreparedWorker, WorkerContext};

/// The input of a worker thread, and its reports.
#[derive(Debug)]
pub(super) struct Assignment<M, T> {
    pub(super) index: usize,
    pub(super) plan: Arc<LoadPlan<M>>,
    pub(super) board: Arc<Board>,
    pub(super) transport: T,
    pub(super) counters: Arc<WorkerCounters>,
    /// Sent when it has its connections: how many calls they carry.
    pub(super) connected: oneshot::Sender<Result<usize, LoadError>>,
    /// Received when the run starts.
    pub(super) start: oneshot::Receiver<Instant>,
    pub(super) finished: oneshot::Sender<WorkerResult>,
}

impl<M: Method, T: Transport + Send + 'static> Assignment<M, T> {
    /// Starts the worker's thread.
    pub(super) fn spawn(self) -> io::Result<()> {
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
        let Self { index, plan, board, transport, counters, connected, start, finished } = self;
        board.set_thread(index, threads::this());
        let records = Rc::new(RefCell::new(Records::new(&plan, index)));
        let workers = NonZeroUsize::new(plan.workers).unwrap_or(NonZeroUsize::MIN);
        let share = WorkerShare::of(index, workers);
        let (board, records) = (&board, &records);
        let context = WorkerContext {
            index,
            share,
            board: Arc::clone(board),
            counters,
            records: Rc::clone(records),
        };
        let working = async {
            let common = Common::new(&plan, Clock::Monotonic, transport);
            let worker = match PreparedWorker::connect(&plan, context, common).await {
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
        // The records survive a panic, which is reported on stderr.
        let unfinished = catch_unwind(AssertUnwindSafe(|| runtime.block_on(working)));
        board.gone(index);
        let has_panicked = unfinished.is_err();
        let Some(unfinished) = unfinished.unwrap_or_else(|_| Some(Vec::new())) else { return };
        let mut records = records.borrow_mut();
        if has_panicked {
            board.lost(index, records.in_flight());
        }
        let _ = finished.send(records.finish(unfinished, board, has_panicked));
    }
}
