//! One wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::task::coop::poll_proceed;

use crate::clock::Clock;
use crate::driver;
use crate::nanos::NEVER;
use crate::slab::SlabKey;
use crate::waits::{EnterResult, Waits};

/// Why a wait ended. Exhaustive: there are no other reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// Its due time came.
    Due,
    /// [`Timer::fire_all`](crate::Timer::fire_all) ended it before that.
    Fired,
}

/// A wait until a due time; made by [`Timer::sleep_until`](crate::Timer::sleep_until).
///
/// If it is polled again after it has ended, it returns the same reason.
#[must_use = "a wait does nothing unless it is polled"]
pub struct Sleep {
    due: Instant,
    /// How often all waits had been ended before this one was made.
    fires: u64,
    /// Its place in the queue, from the first poll on.
    entry: Option<SlabKey>,
    waits: Arc<Waits>,
    /// Under tokio's clock, which may be paused, only tokio knows when time passes.
    until: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Sleep {
    pub(crate) fn new(due: Instant, waits: &Arc<Waits>) -> Self {
        let until = match waits.clock {
            Clock::Monotonic => None,
            Clock::Tokio => Some(Box::pin(tokio::time::sleep_until(due.into()))),
        };
        Self { due, fires: waits.fires(), entry: None, waits: Arc::clone(waits), until }
    }

    /// When the wait should end.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Waits by tokio's clock. The entry in the queue is only there for the end of all waits.
    fn poll_tokio(&mut self, cx: &mut Context<'_>) -> Poll<WakeReason> {
        if self.until.as_mut().is_some_and(|until| until.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(WakeReason::Due);
        }
        match self.enter((0, NEVER), None, cx) {
            EnterResult::Fired => Poll::Ready(WakeReason::Fired),
            EnterResult::Waiting | EnterResult::Undriven => Poll::Pending,
        }
    }

    fn poll_monotonic(&mut self, cx: &mut Context<'_>) -> Poll<WakeReason> {
        let now = self.waits.clock.now();
        if now >= self.due {
            return Poll::Ready(WakeReason::Due);
        }
        if self.fires == self.waits.fires() && self.is_entered(cx) {
            return Poll::Pending;
        }
        let runtime = Handle::current();
        let times = (self.waits.count(now), self.waits.count(self.due));
        match self.enter(times, Some(&runtime), cx) {
            EnterResult::Fired => return Poll::Ready(WakeReason::Fired),
            EnterResult::Undriven => driver::start(&self.waits, &runtime),
            EnterResult::Waiting => {}
        }
        Poll::Pending
    }

    fn is_entered(&self, cx: &Context<'_>) -> bool {
        self.entry.is_some_and(|key| self.waits.has(key, cx.waker()))
    }

    fn enter(
        &mut self,
        times: (u64, u64),
        runtime: Option<&Handle>,
        cx: &Context<'_>,
    ) -> EnterResult {
        let runtime = runtime.map(Handle::id);
        self.waits.enter(&mut self.entry, times, self.fires, cx.waker().clone(), runtime)
    }

    fn leave(&mut self) {
        if let Some(key) = self.entry.take() {
            self.waits.leave(key);
        }
    }
}

impl Future for Sleep {
    type Output = WakeReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<WakeReason> {
        let this = self.get_mut();
        let woken = if this.until.is_some() {
            ready!(this.poll_tokio(cx))
        } else {
            // Spends tokio's coop budget: a task that keeps waiting for times in the past must let others
            // run.
            let budget = ready!(poll_proceed(cx));
            let woken = ready!(this.poll_monotonic(cx));
            budget.made_progress();
            woken
        };
        this.leave();
        Poll::Ready(woken)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("due", &self.due).finish_non_exhaustive()
    }
}
