//! A client that has stopped in the middle of something, as its connection's serving loop notices it.

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

/// Notices a client that has begun a frame, or its first words, and does not go on.
#[derive(Default)]
pub(crate) struct Stuck {
    /// Looked at when it is due, and not each time a frame has gone by.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// What a client has not gone on with.
#[derive(Debug)]
pub(crate) struct StuckIn {
    unfinished: UnfinishedFrame,
    limit: Duration,
}

impl Stuck {
    /// Ready when the client has been in the middle of the same thing for too long.
    pub(crate) fn poll(
        &mut self,
        record: &ConnectionRecord,
        cx: &mut Context<'_>,
    ) -> Poll<StuckIn> {
        loop {
            let Some((unfinished, since)) = record.unfinished() else { return Poll::Pending };
            let timer = record.worker().timer();
            let limit = limit(unfinished, record.worker().limits());
            // While the socket takes nothing, HTTP/2 may read nothing, so that it is not clear what the
            // client has sent: once HTTP/2 reads again, the client has all its time.
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
            UnfinishedFrame::Data => "a frame of data",
        };
        write!(f, "the client began {what} and did not finish within {}", text(self.limit))
    }
}
