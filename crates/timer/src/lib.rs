//! Waits on tokio, precise to the microsecond: never early, cancelled by dropping them, all ended at once on
//! request, on a clock that the caller chooses. This crate knows nothing of gRPC.
//!
//! A [`Timer`] serves the waits of one runtime thread. Code that waits takes its instants from [`Timer::now`]
//! and waits through [`Timer::sleep_until`], so that a test can control the clock and the end of a drain can
//! end all waits at once.
//!
//! ```
//! use std::time::Duration;
//! use longsync_timer::{Clock, Timer, WakeReason};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let timer = Timer::new(Clock::Monotonic);
//! let due = timer.now() + Duration::from_millis(2);
//! assert_eq!(timer.sleep_until(due).await, WakeReason::Due);
//! assert!(timer.now() >= due);
//! # }
//! ```
//!
//! # How it works
//!
//! - **The queue** is a heap in which each wait knows its place: no due time is rounded, and none is too far
//!   away. Inserting, cancelling and taking out the earliest take at most one step per level; a million waits
//!   have ten levels. An entry takes 24 bytes and its waker 16, in memory that earlier waits have left; a
//!   [`Sleep`] takes 48.
//! - **The alarm** is one timerfd for all waits, set again when the earliest due time moves earlier and when
//!   it has rung. Unlike `epoll_wait`, it is given no slack by the system. It rings ahead of the due time by
//!   the time that a sleeping core takes to wake, which is learned from how late earlier alarms were noticed;
//!   a thread that is woken too early polls for the rest, at most a tenth of the total time. If there is no
//!   timerfd (or no file descriptor left), the alarm is tokio's timer: then waits are as late as tokio's, but
//!   still never early.
//! - **The driver** is a task that the first wait starts on its runtime. It wakes what is due, 64 waits at a
//!   time, and lets tasks and sockets have their turn in between. A thread that adds a wait, or calls
//!   [`Timer::drain_due`], wakes as many in passing, because a busy runtime checks its events only once per
//!   61 tasks. The driver ends with the timer's last handle and last wait. If its runtime ends before that,
//!   waits on other runtimes are woken and find another driver there: a timer may outlive runtimes and serve
//!   several.
//! - **The lock** around the queue is taken by one thread, unless several threads poll waits of one timer,
//!   which is allowed but slower. Wakers are never cloned, woken or dropped under it.
//! - **Under [`Clock::Tokio`]** only tokio decides what is due: a test that has paused the clock sees the
//!   same as with [`tokio::time::sleep`]. The queue then serves only [`Timer::fire_all`].
//!
//! # Figures
//!
//! Measured on a virtual machine with two cores (x86-64, Linux 6.18, Rust 1.95, tokio 1.54.1) on 2026-11-25
//! and 26, shared with other programs whose load was near 1; medians.
//!
//! How late waits of 1 ms end, the timers taking turns (`cargo bench -p longsync-timer --bench
//! lateness`, 1,000 and 64,000 waits each, the median of four runs), in microseconds:
//!
//! | | one at a time: p50 | p99 | 64 at a time: p50 | p99 |
//! |---|---|---|---|---|
//! | `tokio::time::sleep` | 1,112 | 1,187 | 1,148 | 1,311 |
//! | [`Timer::new`] | 1.3 | 62 | 2.8 | 72 |
//! | [`Timer::with_spin`], 200 us | 1.2 | 6 | 2.2 | 46 |
//!
//! Without the alarm's lead, p50 and p99 of [`Timer::new`] were 61 and 133 one at a time, 68 and 134 with 64:
//! the time that a sleeping core takes to wake. If other programs compete for all cores (their load near 5;
//! three runs, before there was a lead), p99 of one at a time is 3.3, 1.5 and 3.0 ms in the order of the
//! table: spinning pays only for a thread that has its core to itself.
//!
//! The cost of a wait (`--bench queue`), in nanoseconds per wait, including the clock reading and the lock;
//! due times are in no order, and a million of them are far larger than the caches:
//!
//! | among others that wait | 1 | 1,000 | 1,000,000 |
//! |---|---|---|---|
//! | insert | 97 | 72 | 76 |
//! | cancel | 37 | 14 | 165 |
//! | fire | 122 | 32 | 262 |
//! | one more, inserted and cancelled | 109 | 110 | 109 |
//! | the same with `tokio::time::sleep` | 444 | 437 | 441 |

mod alarm;
mod clock;
mod driver;
mod due;
mod heap;
mod lead;
mod nanos;
mod slab;
mod sleep;
mod spin;
mod waits;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::clock::Clock;
pub use crate::sleep::{Sleep, WakeReason};
pub use crate::spin::{LONGEST_SPIN, SpinError, check_spin};
use crate::waits::Waits;

/// The due time of a wait that is longer than the clock's range.
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

    /// A timer whose runtime polls instead of sleeping for the last `spin` before a due time: waits end more
    /// precisely, at the cost of a core that is busy during that time. The thread's other tasks and its
    /// sockets are served meanwhile. Without `spin`, most waits of a thread with little to do end just as
    /// precisely, because alarms ring ahead; `spin` is for the other waits. It should exceed the longest time
    /// that a sleeping core takes to wake (200 us on the machine of the figures above), and the thread should
    /// have its core to itself. It is not checked here: [`check_spin`] tells which values are useful.
    ///
    /// Under [`Clock::Tokio`] it makes no difference.
    pub fn with_spin(clock: Clock, spin: Duration) -> Self {
        Self::with_alarm(clock, spin, alarm::AlarmKind::NATIVE)
    }

    fn with_alarm(clock: Clock, spin: Duration, alarm: alarm::AlarmKind) -> Self {
        Self { waits: Arc::new(Waits::new(clock, spin, alarm)) }
    }

    /// The clock's reading.
    pub fn now(&self) -> Instant {
        self.waits.clock.now()
    }

    /// Waits until the clock reads `due` or later, or until [`Timer::fire_all`]. If `due` has passed, the
    /// wait ends at once.
    ///
    /// # Panics
    /// When it is polled outside a tokio runtime, or on one that has been shut down or lacks the driver that
    /// is needed: I/O on Linux, time elsewhere. Under [`Clock::Tokio`] when it is made outside a tokio
    /// runtime with its time driver enabled.
    ///
    /// # Cancel safety
    /// Dropping the wait cancels it and leaves nothing behind.
    pub fn sleep_until(&self, due: Instant) -> Sleep {
        Sleep::new(due, &self.waits)
    }

    /// Waits for `duration` from now; otherwise like [`Timer::sleep_until`].
    ///
    /// # Panics
    /// As [`Timer::sleep_until`].
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let now = self.now();
        self.sleep_until(now.checked_add(duration).unwrap_or_else(|| now + FAR))
    }

    /// How long its thread has polled before due times instead of sleeping: busy time that is not work. The
    /// first 3 us of a turn in which the thread did other work count as well.
    pub fn polled(&self) -> Duration {
        self.waits.polled()
    }

    /// Ends every wait that exists now with [`WakeReason::Fired`]. Waits made later are not affected.
    pub fn fire_all(&self) {
        self.waits.fire_all();
    }

    /// Wakes waits that are due, the earliest first, and returns how many: at most 64, and with bounded work,
    /// so possibly fewer than are due. For a busy thread to call in passing: its runtime sees the alarm only
    /// when it next checks its events. Adding a wait does the same.
    ///
    /// If nothing is due, it costs a clock reading and a lock. Under [`Clock::Tokio`] it wakes nothing,
    /// because tokio does.
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
