//! A shutdown, as a connection's serving loop sees it.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use longsync_timer::{Sleep, Woken};

use crate::worker::{Phase, Worker};

/// How long a client may take to answer the PING behind GOAWAY. By then it is taken to know.
const TELL_TIME: Duration = Duration::from_secs(1);

/// A shutdown, as one connection sees it.
pub(crate) struct Farewell {
    worker: Arc<Worker>,
    /// The next step of the shutdown.
    next: Option<Pin<Box<dyn Future<Output = Phase> + Send>>>,
    has_begun: bool,
    /// Whether the serving loop knows.
    is_said: bool,
    /// How long the client has to learn of it, once it has begun.
    time: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

impl Farewell {
    pub(crate) fn new(worker: &Arc<Worker>) -> Self {
        Self {
            next: Some(Box::pin(worker.reaches(Phase::Draining))),
            worker: Arc::clone(worker),
            has_begun: false,
            is_said: false,
            time: None,
            is_over: false,
        }
    }

    /// True once: when the client is to be told. Has the task woken at each step of the shutdown.
    pub(crate) fn poll_begun(&mut self, cx: &mut Context<'_>) -> bool {
        self.advance(cx);
        self.has_begun && !mem::replace(&mut self.is_said, self.has_begun)
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        while let Some(next) = &mut self.next
            && let Poll::Ready(phase) = next.as_mut().poll(cx)
        {
            if phase == Phase::Draining {
                self.has_begun = true;
                self.time = Some(Box::pin(self.worker.timer().sleep(TELL_TIME)));
                self.next = Some(Box::pin(self.worker.reaches(Phase::Drained)));
            } else {
                self.next = None;
            }
        }
    }

    /// Ready when the client had its time to learn of the shutdown.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.advance(cx);
        while !self.is_over {
            let Some(time) = &mut self.time else { return Poll::Pending };
            match ready!(time.as_mut().poll(cx)) {
                Woken::Due => self.is_over = true,
                // The drain's end ends all waits, and this one is for what comes after.
                Woken::Fired => {
                    let rest = self.worker.timer().sleep_until(time.due());
                    time.set(rest);
                }
            }
        }
        Poll::Ready(())
    }
}
