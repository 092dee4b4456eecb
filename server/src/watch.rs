//! What a connection's serving loop waits for beside its reads: a shutdown, and a client that has
//! stopped in the middle of something.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use longsync_text::duration::text;
use longsync_timer::{Sleep, Woken};

use crate::config::Limits;
use crate::frames::Unfinished;
use crate::record::Record;
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
                self.time = Some(Box::pin(self.worker.timer.sleep(TELL_TIME)));
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
                    let rest = self.worker.timer.sleep_until(time.due());
                    time.set(rest);
                }
            }
        }
        Poll::Ready(())
    }
}

/// Notices a client that has begun a frame, or its first words, and does not go on.
#[derive(Default)]
pub(crate) struct Stuck {
    /// Looked at when it is due, and not each time a frame has gone by.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// What a client has not gone on with.
#[derive(Debug)]
pub(crate) struct StuckIn {
    unfinished: Unfinished,
    limit: Duration,
}

impl Stuck {
    /// Ready when the client has been in the middle of the same thing for too long.
    pub(crate) fn poll(&mut self, record: &Record, cx: &mut Context<'_>) -> Poll<StuckIn> {
        loop {
            let Some((unfinished, since)) = record.unfinished() else { return Poll::Pending };
            let timer = &record.worker().timer;
            let limit = limit(unfinished, &record.worker().shared.config.limits);
            // Behind a socket that takes nothing HTTP/2 may read nothing, so that it is not clear what
            // the client has sent: once it reads again, it has all its time.
            let since = if record.is_blocked() { timer.now() } else { since };
            let Some(due) = since.checked_add(limit) else { return Poll::Pending };
            if due <= timer.now() {
                return Poll::Ready(StuckIn { unfinished, limit });
            }
            match &mut self.alarm {
                // One that rings too early is set anew when it does.
                Some(alarm) if alarm.due() <= due => {
                    ready!(alarm.as_mut().poll(cx));
                    self.alarm = None;
                }
                alarm => *alarm = Some(Box::pin(timer.sleep_until(due))),
            }
        }
    }
}

fn limit(unfinished: Unfinished, limits: &Limits) -> Duration {
    match unfinished {
        Unfinished::Control | Unfinished::Headers => limits.head_timeout,
        Unfinished::Data => limits.message_timeout,
    }
}

impl fmt::Display for StuckIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.unfinished {
            Unfinished::Control => "a frame",
            Unfinished::Headers => "the headers of a request",
            Unfinished::Data => "a frame of data",
        };
        write!(f, "the client began {what} and did not finish within {}", text(self.limit))
    }
}
