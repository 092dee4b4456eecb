//! A shutdown, as a connection's serving loop sees it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use longsync_timer::{Sleep, WakeReason};

use crate::net::turn::go_on_after_others;
use crate::worker::{ShutdownPhase, Worker};

/// How long a client may take to answer the PING behind GOAWAY. By then it is taken to know.
const TELL_TIME: Duration = Duration::from_secs(1);

/// A shutdown, as one connection sees it.
pub(crate) struct ConnectionDrain {
    worker: Arc<Worker>,
    /// The next step of the shutdown.
    next: Option<Pin<Box<dyn Future<Output = ShutdownPhase> + Send>>>,
    has_begun: bool,
    word: GoawayState,
    /// How long the client has to learn of it, once it has begun.
    time: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

/// How far the serving loop is with telling the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoawayState {
    NotDue,
    /// The shutdown has begun, and the connection's next turn comes first.
    AfterALook,
    Due,
    Said,
}

impl ConnectionDrain {
    pub(crate) fn new(worker: &Arc<Worker>) -> Self {
        Self {
            next: Some(Box::pin(worker.reaches(ShutdownPhase::Draining))),
            worker: Arc::clone(worker),
            has_begun: false,
            word: GoawayState::NotDue,
            time: None,
            is_over: false,
        }
    }

    /// A turn of the connection begins. Has the task woken at each step of the shutdown.
    ///
    /// The runtime may not have heard yet of what had come by the shutdown, and an HTTP/1.1 connection
    /// that seems to be idle is closed by the shutdown: so the connection has one more turn before that.
    pub(crate) fn begin_turn(&mut self, cx: &mut Context<'_>) {
        self.advance(cx);
        match self.word {
            GoawayState::NotDue if self.has_begun => {
                self.word = GoawayState::AfterALook;
                go_on_after_others(cx);
            }
            GoawayState::AfterALook => self.word = GoawayState::Due,
            _ => {}
        }
    }

    /// True once: when the client is to be told. Asked after the connection was polled, so that what
    /// had come was read. A client in the middle of a head may end it, as long as it has time to learn
    /// of the shutdown.
    pub(crate) fn is_due(&mut self, is_in_head: bool) -> bool {
        let is_due = self.word == GoawayState::Due && (self.is_over || !is_in_head);
        if is_due {
            self.word = GoawayState::Said;
        }
        is_due
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        while let Some(next) = &mut self.next
            && let Poll::Ready(phase) = next.as_mut().poll(cx)
        {
            if phase == ShutdownPhase::Draining {
                self.has_begun = true;
                self.time = Some(Box::pin(self.worker.timer().sleep(TELL_TIME)));
                self.next = Some(Box::pin(self.worker.reaches(ShutdownPhase::Drained)));
            } else {
                self.next = None;
            }
        }
    }

    /// Ready once the client has had its time to learn of the shutdown.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.advance(cx);
        while !self.is_over {
            let Some(time) = &mut self.time else { return Poll::Pending };
            match ready!(time.as_mut().poll(cx)) {
                WakeReason::Due => self.is_over = true,
                // The drain's end ends all waits, and this one is for what comes after.
                WakeReason::Fired => {
                    let rest = self.worker.timer().sleep_until(time.due());
                    time.set(rest);
                }
            }
        }
        Poll::Ready(())
    }
}
