//! Waits on tokio: never early, cancelled by dropping them, ended together at will, by a clock from
//! outside. This crate knows nothing of gRPC.
//!
//! A [`Timer`] serves the waits of one runtime thread. Everything that waits takes its instants from
//! [`Timer::now`] and waits through [`Timer::sleep_until`], so that a test can hold the clock and
//! the end of a drain can end all waits at once.
//!
//! ```
//! use std::time::Duration;
//! use longsync_timer::{Clock, Timer, Woken};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let timer = Timer::new(Clock::Monotonic);
//! let due = timer.now() + Duration::from_millis(2);
//! assert_eq!(timer.sleep_until(due).await, Woken::Due);
//! assert!(timer.now() >= due);
//! # }
//! ```
//!
//! Underneath is tokio's own timer, which rounds up to the next millisecond.

mod clock;
mod sleep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub use crate::clock::Clock;
pub use crate::sleep::{Sleep, Woken};

/// The waits of one runtime thread. Clones are handles to the same timer.
#[derive(Debug, Clone)]
pub struct Timer {
    clock: Clock,
    fire: Arc<Notify>,
}

impl Timer {
    /// A timer without waits that reads `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { clock, fire: Arc::new(Notify::new()) }
    }

    /// The clock's reading.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Waits until the clock reads `due` or more, or until [`Timer::fire_all`]. A `due` that has
    /// passed ends at once.
    ///
    /// # Panics
    /// Outside a tokio runtime with its time driver enabled.
    ///
    /// # Cancel safety
    /// Dropping the wait cancels it and leaves nothing behind.
    pub fn sleep_until(&self, due: Instant) -> Sleep {
        Sleep::new(due, &self.fire)
    }

    /// Waits for `duration` from now; otherwise as [`Timer::sleep_until`].
    ///
    /// # Panics
    /// Outside a tokio runtime with its time driver enabled.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Ends every wait that exists now with [`Woken::Fired`]. Waits made later are not touched.
    pub fn fire_all(&self) {
        self.fire.notify_waiters();
    }
}
