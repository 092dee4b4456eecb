//! The calls of one HTTP/2 connection, which run in the connection's task.
//!
//! So what one read has brought is answered, and the answers are written, before the next connection
//! has its turn: their client can go on, and what they touch is still in the caches.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use longsync_ready::Ready;
use slab::Slab;

use crate::call::Call;
use crate::task::CallTask;

/// What hyper does for a stream. [`None`]: its call was cut.
type Stream = Pin<Box<dyn Future<Output = Option<()>> + Send>>;

/// Takes the streams that hyper begins, each with the call that was routed for it.
#[derive(Clone, Default)]
pub(crate) struct CallExecutor(Arc<Mutex<Begun>>);

#[derive(Default)]
struct Begun {
    /// hyper hands a stream to its executor right after it has called the service for it.
    routed: Option<Arc<Call>>,
    streams: Vec<Stream>,
}

impl CallExecutor {
    /// The stream that is executed next belongs to this call.
    pub(crate) fn routed(&self, call: Option<Arc<Call>>) {
        self.begun().routed = call;
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> hyper::rt::Executor<F> for CallExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut begun = self.begun();
        let stream: Stream = match begun.routed.take() {
            Some(call) => Box::pin(CallTask::new(call, stream)),
            None => Box::pin(async move {
                stream.await;
                Some(())
            }),
        };
        begun.streams.push(stream);
    }
}

/// The streams of one connection, with their calls.
#[derive(Default)]
pub(crate) struct Calls {
    executor: CallExecutor,
    streams: Slab<Stream>,
    /// The waker of each key that was ever used.
    wakers: Vec<Waker>,
    ready: Ready,
    /// Empty, except in [`Calls::run`]; what they took of memory is used again.
    begun: Vec<Stream>,
    keys: Vec<u32>,
}

impl Calls {
    pub(crate) fn executor(&self) -> &CallExecutor {
        &self.executor
    }

    /// Polls the streams that were woken, and those that have begun.
    pub(crate) fn run(&mut self) {
        self.ready.take(&mut self.keys);
        self.take_begun();
        let mut keys = std::mem::take(&mut self.keys);
        for key in keys.drain(..) {
            self.poll(key as usize);
        }
        self.keys = keys;
    }

    /// Has `task` woken when there is something to run. Returns false when there is already.
    #[must_use]
    pub(crate) fn sleep(&self, task: &Waker) -> bool {
        self.executor.begun().streams.is_empty() && self.ready.sleep(task)
    }

    fn take_begun(&mut self) {
        std::mem::swap(&mut self.executor.begun().streams, &mut self.begun);
        for stream in self.begun.drain(..) {
            let index = self.streams.insert(stream);
            let key = u32::try_from(index).expect("HTTP/2 has less than 2^31 streams");
            if index == self.wakers.len() {
                self.wakers.push(self.ready.waker(key));
            }
            self.keys.push(key);
        }
    }

    /// Polls a stream, if this is not the waker of one that has ended. One that panics ends alone.
    fn poll(&mut self, key: usize) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let mut cx = Context::from_waker(&self.wakers[key]);
        let polled = catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll(&mut cx).is_ready()));
        if polled.unwrap_or(true) {
            drop(self.streams.remove(key));
        }
    }
}
