//! The task that wakes waits when they are due, one for each runtime on which a timer's waits are
//! polled.
//!
//! It starts with the first wait that is polled on its runtime. It ends when the timer's last handle
//! and last wait are gone, or with its runtime: then whatever still waits is woken, is polled again
//! where it lives, and so finds or starts a driver there.

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::task::yield_now;

use crate::alarm::{self, Bell};
use crate::waits::{DriverId, Turn, Waits};

#[derive(Debug)]
struct Driver {
    id: DriverId,
    /// Weak, or the timer would live as long as the runtime does.
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
    // It does not end by itself while `waits` lives. Going on would start it again and again.
    assert!(!task.is_finished(), "a wait was polled on a tokio runtime that has been shut down");
}

impl Driver {
    async fn run(self, mut bell: Bell) {
        loop {
            let Some(turn) = self.waits.upgrade().map(|waits| waits.turn(self.id)) else { return };
            match turn {
                // tokio comes back to a task that yields only after it has looked at its sockets.
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
