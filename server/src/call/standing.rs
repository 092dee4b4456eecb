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
    pub(super) fn poll_start(&self, cx: &Context<'_>) -> Poll<Instant> {
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;
    use crate::call::Call;
    use crate::call::headers::CallHeaders;
    use crate::call::task::CallTask;
    use crate::call::tests::{begin, seconds};
    use crate::call::wait::{Wait, WaitTimes};
    use crate::shared::counters::{CallKind, Outcome};

    async fn stand(call: &Call, standing: &Standing, planned: Duration) -> (Instant, WaitTimes) {
        let start = poll_fn(|cx| standing.poll_start(cx)).await;
        (start, call.wait(Wait::new(start, planned)).await)
    }

    #[tokio::test(start_paused = true)]
    async fn a_standing_call_starts_when_another_thread_starts_it() {
        let call = begin(CallHeaders::default());
        let standing = Arc::new(Standing::default());
        let start = call.arrived() + seconds(2);
        let (says, task) = (Arc::clone(&standing), Arc::clone(&call));
        // The paused clock does not advance while a blocking thread runs.
        let said = tokio::task::spawn_blocking(move || says.starts_at(start));
        let waits =
            CallTask::new(
                Arc::clone(&call),
                async move { stand(&task, &standing, seconds(3)).await },
            );
        let (started, spent) = waits.await.expect("nothing cuts the call");
        said.await.unwrap();
        assert_eq!((started, spent), (start, Wait::new(start, seconds(3)).ran_out(Duration::ZERO)));
        assert_eq!(call.now(), start + seconds(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_standing_call_ends_at_its_deadline() {
        let timeout = Some(HeaderValue::from_static("1S"));
        let call = begin(CallHeaders { timeout, ..CallHeaders::default() });
        let (worker, task) = (Arc::clone(call.record.worker()), Arc::clone(&call));
        let standing = Standing::default();
        let stands = async move { stand(&task, &standing, Duration::ZERO).await };
        assert_eq!(CallTask::new(Arc::clone(&call), stands).await, None);
        assert_eq!(call.now(), call.arrived() + seconds(1));
        drop(call);
        assert_eq!(worker.snapshot().calls_ended(CallKind::LongSync, Outcome::DeadlineExceeded), 1);
    }
}
