//! Detects, for the serving loop of a connection, a client that has stopped in the middle of something.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use longsync_text::duration::text;
use longsync_timer::Sleep;

use crate::config::Limits;
use crate::record::ConnectionRecord;
use crate::record::frames::UnfinishedFrame;

/// Detects a client that has begun a frame, or the preface, and does not continue.
#[derive(Default)]
pub(crate) struct Stuck {
    /// Reset only when it is due, rather than after each frame.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// What a client has not continued.
#[derive(Debug)]
pub(crate) struct StuckIn {
    unfinished: UnfinishedFrame,
    limit: Duration,
}

impl Stuck {
    /// Ready once the client has been in the middle of the same thing for too long.
    pub(crate) fn poll(
        &mut self,
        record: &ConnectionRecord,
        cx: &mut Context<'_>,
    ) -> Poll<StuckIn> {
        loop {
            let Some((unfinished, since)) = record.unfinished() else { return Poll::Pending };
            let timer = record.worker().timer();
            let limit = limit(unfinished, record.worker().limits());
            // While the socket accepts no data, HTTP/2 may not read, so it is unknown what the client has
            // sent. Once HTTP/2 reads again, the client has its full time.
            let since = if record.is_blocked() { timer.now() } else { since };
            let Some(due) = since.checked_add(limit) else { return Poll::Pending };
            if due <= timer.now() {
                return Poll::Ready(StuckIn { unfinished, limit });
            }
            match &mut self.alarm {
                // An alarm that is too early is reset when it fires.
                Some(alarm) if alarm.due() <= due => {
                    ready!(alarm.as_mut().poll(cx));
                    self.alarm = None;
                }
                alarm => *alarm = Some(Box::pin(timer.sleep_until(due))),
            }
        }
    }
}

fn limit(unfinished: UnfinishedFrame, limits: &Limits) -> Duration {
    match unfinished {
        UnfinishedFrame::Preface | UnfinishedFrame::Control | UnfinishedFrame::Headers => {
            limits.head_timeout
        }
        UnfinishedFrame::Data => limits.message_timeout,
    }
}

impl fmt::Display for StuckIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.unfinished {
            UnfinishedFrame::Preface => "its preface, which ends with SETTINGS,",
            UnfinishedFrame::Control => "a frame",
            UnfinishedFrame::Headers => "the headers of a request",
            UnfinishedFrame::Data => "a data frame",
        };
        write!(f, "the client began {what} and did not finish it within {}", text(self.limit))
    }
}
