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
//! DESIGN

mod alarm;
mod clock;
mod driver;
mod due;
mod slab;
mod sleep;
mod waits;
mod wheel;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::clock::Clock;
pub use crate::sleep::{Sleep, Woken};
use crate::waits::Waits;

/// What a wait is due that is longer than the clock lasts.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The waits of one runtime thread. Clones are handles to the same timer.
#[derive(Clone)]
pub struct Timer {
    waits: Arc<Waits>,
}

impl Timer {
    /// A timer without waits that reads `clock`.
    pub fn new(clock: Clock) -> Self {
        Self::with_spin(clock, Duration::ZERO)
    }

    /// A timer whose runtime does not sleep for the last `spin` before a due time, but polls: waits
    /// end more precisely, and the thread keeps its core busy all that time. Its other tasks and its
    /// sockets are served meanwhile.
    ///
    /// Under [`Clock::Tokio`] it makes no difference.
    pub fn with_spin(clock: Clock, spin: Duration) -> Self {
        Self::with_alarm(clock, spin, alarm::Kind::NATIVE)
    }

    fn with_alarm(clock: Clock, spin: Duration, alarm: alarm::Kind) -> Self {
        Self { waits: Arc::new(Waits::new(clock, spin, alarm)) }
    }

    /// The clock's reading.
    pub fn now(&self) -> Instant {
        self.waits.clock.now()
    }

    /// Waits until the clock reads `due` or more, or until [`Timer::fire_all`]. A `due` that has
    /// passed ends at once.
    ///
    /// # Panics
    /// When it is polled outside a tokio runtime, or on one that has been shut down or lacks the
    /// driver that is needed: on Linux I/O, elsewhere time. Under [`Clock::Tokio`] when it is made
    /// outside a tokio runtime with its time driver enabled.
    ///
    /// # Cancel safety
    /// Dropping the wait cancels it and leaves nothing behind.
    pub fn sleep_until(&self, due: Instant) -> Sleep {
        Sleep::new(due, &self.waits)
    }

    /// Waits for `duration` from now; otherwise as [`Timer::sleep_until`].
    ///
    /// # Panics
    /// As [`Timer::sleep_until`].
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let now = self.now();
        self.sleep_until(now.checked_add(duration).unwrap_or_else(|| now + FAR))
    }

    /// Ends every wait that exists now with [`Woken::Fired`]. Waits made later are not touched.
    pub fn fire_all(&self) {
        self.waits.fire_all();
    }

    /// Wakes waits that are due, and tells how many: at most 64, the earliest first. For a thread
    /// that is busy and passes by: its runtime sees the alarm only when it looks at its events again.
    /// Adding a wait does the same.
    ///
    /// Under [`Clock::Tokio`] nothing is woken: tokio does.
    pub fn drain_due(&self) -> usize {
        self.waits.drain_due()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = self.waits.len();
        f.debug_struct("Timer").field("clock", &self.waits.clock).field("waits", &waits).finish()
    }
}

#[cfg(test)]
mod tests;
