//! The thread that collects figures.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use longsync_stats::Moment;
use longsync_timer::{Clock, Timer};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::LoadError;
use crate::board::Board;
use crate::collector::{CollectedRun, Collector};
use crate::observer::Observer;
use crate::plan::LoadPlan;

/// A thread that collects figures.
pub(super) struct Collection {
    finished: oneshot::Sender<Moment>,
    collected: oneshot::Receiver<CollectedRun>,
}

impl Collection {
    pub(super) fn begin<M>(
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
                // Without an end, nobody waits for the collected figures.
                end = (&mut has_finished).await.unwrap_or_default();
            }));
            let _ = collecting.send(collector.finish(end));
        })?;
        Ok(Self { finished, collected })
    }

    /// Collects the rest; the last call ended at `last_done`.
    pub(super) async fn end(self, last_done: Moment) -> Result<CollectedRun, LoadError> {
        let _ = self.finished.send(last_done);
        self.collected.await.map_err(|_| LoadError::Worker)
    }
}
