//! The task that attends to what is due when no call is there.

use std::sync::Arc;
use std::time::Instant;

use longsync_timer::WakeReason;

use super::instant;
use crate::worker::Worker;

/// The driver, as the queue knows it. If its runtime ends before it, the next event starts another.
pub(super) struct Driver {
    worker: Arc<Worker>,
    /// Whether nothing was due. The queue may have another driver since then.
    is_over: bool,
}

impl Driver {
    pub(super) fn new(worker: &Arc<Worker>) -> Self {
        Self { worker: Arc::clone(worker), is_over: false }
    }

    /// What is due next. [`None`] if nothing is: then this is no longer the queue's driver.
    fn next_due(&mut self) -> Option<Instant> {
        let shared = self.worker.shared();
        let due = shared.queue.as_ref()?.next_for_driver();
        self.is_over = due.is_none();
        due.map(|due| instant(shared, due))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(queue) = self.worker.shared().queue.as_ref().filter(|_| !self.is_over) {
            queue.lose_driver();
        }
    }
}

/// Advances the queue whenever something is due that no call attends to, until nothing is.
pub(super) async fn drive(mut driver: Driver) {
    let worker = Arc::clone(&driver.worker);
    let Some(queue) = &worker.shared().queue else { return };
    while let Some(due) = driver.next_due() {
        if worker.is_drained() {
            return;
        }
        tokio::select! {
            woken = worker.timer().sleep_until(due) => {
                if woken == WakeReason::Fired {
                    return;
                }
                worker.advance_queue();
            }
            () = queue.driver_is_told() => {}
        }
    }
}
