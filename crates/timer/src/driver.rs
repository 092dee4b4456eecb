//! The task that wakes waits when they are due, one for each runtime on which a timer's waits are
//! polled.
//!
//! It starts with the first wait that is polled on its runtime. It ends when the timer's last handle and last
//! wait are dropped, or with its runtime: then the remaining waits are woken, polled again on the runtimes of
//! their tasks, and so find or start a driver there.

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::task::yield_now;

use crate::alarm::{self, Bell};
use crate::waits::{DriverId, Turn, Waits};

#[derive(Debug)]
struct Driver {
    id: DriverId,
    /// Weak, because otherwise the timer would live as long as the runtime.
    waits: Weak<Waits>,
}

/// Starts a driver on the current runtime, unless another thread has done so.
///
/// # Panics
/// When the runtime lacks the driver that the alarm needs, or has been shut down.
pub(crate) fn start(waits: &Arc<Waits>, runtime: &Handle) {
    let (alarm, bell) = alarm::new(waits.alarm, waits.origin);
    let Some(id) = waits.admit(runtime.id(), alarm) else { return };
    let driver = Driver { id, waits: Arc::downgrade(waits) };
    let task = runtime.spawn(driver.run(bell));
    // It does not end on its own while `waits` lives, so going on would start it again and again.
    assert!(!task.is_finished(), "a wait was polled on a tokio runtime that has been shut down");
}

impl Driver {
    async fn run(self, mut bell: Bell) {
        loop {
            let Some(turn) = self.waits.upgrade().map(|waits| waits.turn(self.id)) else { return };
            match turn {
                // tokio polls a task that has yielded only after it has checked its sockets.
                Turn::Yield => yield_now().await,
                Turn::Rest => bell.rings().await,
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(waits) = self.waits.upgrade() {
            waits.dismiss(self.id);
        }
    }
}
