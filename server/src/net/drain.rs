//! Tracks a shutdown for the serving loop of a connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use longsync_timer::{Sleep, WakeReason};

use crate::net::turn::go_on_after_others;
use crate::worker::{ShutdownPhase, Worker};

/// How long a client may take to answer the PING that follows GOAWAY. After that, it is assumed to know.
const TELL_TIME: Duration = Duration::from_secs(1);

/// A shutdown, as one connection sees it.
pub(crate) struct ConnectionDrain {
    worker: Arc<Worker>,
    /// The next step of the shutdown.
    next: Option<Pin<Box<dyn Future<Output = ShutdownPhase> + Send>>>,
    has_begun: bool,
    goaway: GoawayState,
    /// How long the client has to learn of the shutdown, once it has begun.
    time: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

/// The progress of notifying the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoawayState {
    NotDue,
    /// The shutdown has begun, but the connection has one more turn first.
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
            goaway: GoawayState::NotDue,
            time: None,
            is_over: false,
        }
    }

    /// Begins a turn of the connection. Arranges for the task to be woken at each step of the shutdown.
    ///
    /// The runtime may not know yet of bytes that arrived before the shutdown, and the shutdown closes an
    /// HTTP/1.1 connection that seems to be idle. The connection therefore has one more turn first.
    pub(crate) fn begin_turn(&mut self, cx: &mut Context<'_>) {
        self.advance(cx);
        match self.goaway {
            GoawayState::NotDue if self.has_begun => {
                self.goaway = GoawayState::AfterALook;
                go_on_after_others(cx);
            }
            GoawayState::AfterALook => self.goaway = GoawayState::Due,
            _ => {}
        }
    }

    /// Whether the client must be notified now; true only once. Called after the connection was
    /// polled, so that bytes that had arrived have been read. A client in the middle of a head may
    /// finish it within the time that it has to learn of the shutdown.
    pub(crate) fn is_due(&mut self, is_in_head: bool) -> bool {
        let is_due = self.goaway == GoawayState::Due && (self.is_over || !is_in_head);
        if is_due {
            self.goaway = GoawayState::Said;
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

    /// Ready once the client's time to learn of the shutdown is over.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.advance(cx);
        while !self.is_over {
            let Some(time) = &mut self.time else { return Poll::Pending };
            match ready!(time.as_mut().poll(cx)) {
                WakeReason::Due => self.is_over = true,
                // The end of the drain ends all waits, but this one must outlast it.
                WakeReason::Fired => {
                    let rest = self.worker.timer().sleep_until(time.due());
                    time.set(rest);
                }
            }
        }
        Poll::Ready(())
    }
}
