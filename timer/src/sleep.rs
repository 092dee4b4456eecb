//! One wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Its due time had come.
    Due,
    /// [`Timer::fire_all`](crate::Timer::fire_all) ended it before that.
    Fired,
}

pin_project! {
    /// A wait until a due time; made by [`Timer::sleep_until`](crate::Timer::sleep_until).
    #[derive(Debug)]
    #[must_use = "a wait does nothing unless it is polled"]
    pub struct Sleep {
        due: Instant,
        #[pin]
        until: tokio::time::Sleep,
        #[pin]
        fired: OwnedNotified,
    }
}

impl Sleep {
    pub(crate) fn new(due: Instant, fire: &Arc<Notify>) -> Self {
        Self {
            due,
            until: tokio::time::sleep_until(due.into()),
            fired: Arc::clone(fire).notified_owned(),
        }
    }

    /// When the wait should end.
    pub fn due(&self) -> Instant {
        self.due
    }
}

impl Future for Sleep {
    type Output = Woken;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Woken> {
        let this = self.project();
        if this.until.poll(cx).is_ready() {
            return Poll::Ready(Woken::Due);
        }
        this.fired.poll(cx).map(|()| Woken::Fired)
    }
}
