//! The future of a call, which owns the call's only timer entry.
//!
//! Everything that is polled for a call (reading its request, its waits, sending its answer) is polled
//! from one future. One entry, for the earlier of due time and deadline, is therefore enough; it also
//! reaches a call whose reader has stalled, for which HTTP/2 no longer polls the answer's body.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use longsync_timer::{Sleep, WakeReason};
use pin_project_lite::pin_project;

use crate::call::Call;
use crate::call::ending::Ending;

/// When a call that waits only for its client is polled. It needs an entry anyway, so that the end of a drain
/// reaches it.
const FAR: Duration = Duration::from_secs(24 * 3600);

pin_project! {
    /// Runs a call's future, and polls it when it is due, at its deadline and at the drain's end.
    ///
    /// Resolves to [`None`] if the call was cut and its future cannot send the status, because its reader has
    /// stalled; dropping that future then resets the stream.
    pub(crate) struct CallTask<F> {
        call: Arc<Call>,
        #[pin]
        entry: Option<Sleep>,
        #[pin]
        future: F,
    }
}

impl<F> CallTask<F> {
    pub(crate) fn new(call: Arc<Call>, future: F) -> Self {
        Self { call, entry: None, future }
    }
}

impl<F: Future> Future for CallTask<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            this.call.waiting.polled_with(cx);
            let was_told = this.call.is_cut_before_poll();
            if let Poll::Ready(output) = this.future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if was_told {
                let has_more = this.call.take_last_words();
                return if has_more { Poll::Pending } else { Poll::Ready(None) };
            }
            if this.call.is_cut() {
                continue;
            }
            let at = this.call.next_poll();
            if !is_armed(this.entry.as_ref().as_pin_ref(), at) {
                let worker = this.call.worker();
                // The end of the drain fires only the entries that exist at that time.
                if worker.is_drained() {
                    this.call.cut(Ending::Drained);
                    continue;
                }
                let at = at.unwrap_or_else(|| worker.timer().now() + FAR);
                this.entry.set(Some(worker.timer().sleep_until(at)));
            }
            let entry = this.entry.as_mut().as_pin_mut().expect("it was set above");
            let woken = ready!(entry.poll(cx));
            this.entry.set(None);
            if woken == WakeReason::Fired {
                this.call.cut(Ending::Drained);
            }
        }
    }
}

/// Whether the entry is suitable for `at`; any entry is if the call waits only for its client.
fn is_armed(entry: Option<Pin<&Sleep>>, at: Option<Instant>) -> bool {
    entry.is_some_and(|entry| at.is_none_or(|at| entry.due() == at))
}
