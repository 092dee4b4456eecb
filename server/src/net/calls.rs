//! The calls of one HTTP/2 connection, which run in the connection's task.
//!
//! The calls from one read are thus answered, and the answers are written, before the next connection has its
//! turn: the client can continue, and the data is still in the caches.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use longsync_ready::Ready;
use slab::Slab;
use tokio::task::unconstrained;

use crate::call::Call;
use crate::call::task::CallTask;

/// How many streams are polled before their output is written.
const STREAMS_PER_RUN: usize = 64;

/// The work that hyper does for a stream. [`None`] if its call was cut.
type StreamFuture = Pin<Box<dyn Future<Output = Option<()>> + Send>>;

/// Receives the streams that hyper begins, each with the call that was routed for it.
#[derive(Clone, Default)]
pub(crate) struct CallExecutor(Arc<Mutex<NewStreams>>);

#[derive(Default)]
struct NewStreams {
    /// The call of the next stream: hyper hands a stream to its executor right after calling the service for
    /// it.
    routed: Option<Arc<Call>>,
    streams: Vec<StreamFuture>,
}

impl CallExecutor {
    /// Sets the call to which the next executed stream belongs.
    pub(crate) fn routed(&self, call: Option<Arc<Call>>) {
        self.begun().routed = call;
    }

    fn begun(&self) -> MutexGuard<'_, NewStreams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> hyper::rt::Executor<F> for CallExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut begun = self.begun();
        // tokio's coop budget is meant for one stream per task; here, all streams would share one budget.
        let stream: StreamFuture = match begun.routed.take() {
            Some(call) => Box::pin(unconstrained(CallTask::new(call, stream))),
            None => Box::pin(unconstrained(async move {
                stream.await;
                Some(())
            })),
        };
        begun.streams.push(stream);
    }
}

/// The streams of one connection, with their calls.
#[derive(Default)]
pub(crate) struct ConnectionStreams {
    executor: CallExecutor,
    streams: Slab<StreamFuture>,
    /// The waker of each key that has been used.
    wakers: Vec<Waker>,
    ready: Ready,
    /// The streams that were woken or have begun, in this order.
    queue: VecDeque<u32>,
    /// `begun` and `woken` only buffer streams on their way into the queue; they are kept to reuse their
    /// memory.
    begun: Vec<StreamFuture>,
    woken: Vec<u32>,
}

impl ConnectionStreams {
    pub(crate) fn executor(&self) -> &CallExecutor {
        &self.executor
    }

    /// Polls a bounded number of the streams that were woken or have begun, and stops early once they have
    /// done `enough` for one turn.
    pub(crate) fn run(&mut self, enough: impl Fn() -> bool) {
        self.ready.take(&mut self.woken);
        self.queue.extend(self.woken.drain(..));
        self.take_begun();
        for _ in 0..STREAMS_PER_RUN {
            if enough() {
                break;
            }
            let Some(key) = self.queue.pop_front() else { break };
            self.poll(key as usize);
        }
    }

    /// Whether no stream is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.executor.begun().streams.is_empty()
    }

    /// Whether streams are left over from the last run.
    pub(crate) fn is_behind(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Arranges for `task` to be woken when there is something to run. Returns false if there already is.
    #[must_use]
    pub(crate) fn sleep(&self, task: &Waker) -> bool {
        !self.is_behind() && self.executor.begun().streams.is_empty() && self.ready.sleep(task)
    }

    fn take_begun(&mut self) {
        mem::swap(&mut self.executor.begun().streams, &mut self.begun);
        for stream in self.begun.drain(..) {
            let index = self.streams.insert(stream);
            let key = u32::try_from(index).expect("HTTP/2 has fewer than 2^31 streams");
            if index == self.wakers.len() {
                self.wakers.push(self.ready.waker(key));
            }
            self.queue.push_back(key);
        }
    }

    /// Polls the stream with this key, unless it has ended. A panic ends only the stream in which it occurs.
    fn poll(&mut self, key: usize) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let mut cx = Context::from_waker(&self.wakers[key]);
        let polled = catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll(&mut cx).is_ready()));
        if polled.unwrap_or(true) {
            let_go(self.streams.remove(key));
        }
    }
}

impl Drop for ConnectionStreams {
    fn drop(&mut self) {
        // Streams hold the executor, which holds them: without this, the cycle would leak.
        let begun = mem::take(&mut self.executor.begun().streams);
        begun.into_iter().chain(self.streams.drain()).for_each(let_go);
    }
}

/// Drops a stream. After a panic in HTTP/2 this may panic as well, and the other streams must be dropped
/// anyway.
fn let_go(stream: StreamFuture) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(stream)));
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hyper::rt::Executor as _;

    use super::*;

    /// Counts how many were dropped.
    #[derive(Clone, Default)]
    struct Dropped(Arc<AtomicUsize>);

    struct HeldStream(Dropped);

    impl Dropped {
        fn held(&self) -> HeldStream {
            HeldStream(self.clone())
        }

        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Drop for HeldStream {
        fn drop(&mut self) {
            self.0.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_run_is_bounded_and_the_next_one_continues() {
        let (mut calls, dropped) = (ConnectionStreams::default(), Dropped::default());
        for _ in 0..=STREAMS_PER_RUN {
            let held = dropped.held();
            calls.executor().execute(async move { drop(held) });
        }
        assert!(!calls.sleep(Waker::noop()));
        calls.run(|| false);
        assert_eq!((dropped.count(), calls.is_behind()), (STREAMS_PER_RUN, true));
        assert!(!calls.sleep(Waker::noop()));
        calls.run(|| false);
        assert_eq!((dropped.count(), calls.is_behind()), (STREAMS_PER_RUN + 1, false));
        assert!(calls.sleep(Waker::noop()));
    }

    #[test]
    fn a_panic_ends_only_its_own_stream() {
        let (mut calls, dropped) = (ConnectionStreams::default(), Dropped::default());
        let (held, other) = (dropped.held(), dropped.held());
        calls.executor().execute(async move {
            let _held = held;
            panic!("as a bug would");
        });
        calls.executor().execute(async move {
            ready(()).await;
            drop(other);
            pending::<()>().await;
        });
        calls.run(|| false);
        assert_eq!((dropped.count(), calls.streams.len()), (2, 1));
    }

    /// hyper's streams hold the executor that holds them.
    #[test]
    fn streams_that_have_just_begun_end_with_their_connection() {
        let (calls, dropped) = (ConnectionStreams::default(), Dropped::default());
        let (executor, held) = (calls.executor().clone(), dropped.held());
        calls.executor().execute(async move {
            let _held = (executor, held);
            pending::<()>().await;
        });
        drop(calls);
        assert_eq!(dropped.count(), 1);
    }
}
