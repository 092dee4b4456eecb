//! A wait whose start is decided elsewhere.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// A call's place in a queue. The call has no due time yet; the holder of this value, on any thread, decides
/// when its wait begins. Until then, only the call's deadline is in the timer.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<Stand>);

#[derive(Debug, Default)]
struct Stand {
    start: Option<Instant>,
    /// The task to wake when that is decided.
    waker: Option<Waker>,
}

impl Standing {
    /// Lets the wait begin at `start`, which may have passed: sets its due time and wakes its call. Only the
    /// first start counts.
    pub(crate) fn starts_at(&self, start: Instant) {
        let waker = {
            let mut stand = self.stand();
            stand.start.get_or_insert(start);
            stand.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ready once the start of the wait is known.
    pub(crate) fn poll_start(&self, cx: &Context<'_>) -> Poll<Instant> {
        let mut stand = self.stand();
        if let Some(start) = stand.start {
            return Poll::Ready(start);
        }
        match &mut stand.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// The start of the wait, if it is known.
    pub(crate) fn start(&self) -> Option<Instant> {
        self.stand().start
    }

    fn stand(&self) -> MutexGuard<'_, Stand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
