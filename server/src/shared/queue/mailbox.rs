//! How the messages of an exchange learn that their services begin.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// The messages that have begun service and of which their exchange does not know yet.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Post>);

#[derive(Debug, Default)]
struct Post {
    /// The number of each message, and when its service began.
    started: Vec<(u64, Instant)>,
    /// When the first of them is due, unless its call has asked already.
    first_due: Option<Instant>,
    /// The exchange's task.
    waker: Option<Waker>,
}

impl Mailbox {
    /// The service of a message, which never ends if it hangs, begins at `since`, which may have passed.
    pub(crate) fn starts_at(&self, order: u64, since: Instant, service: Option<Duration>) {
        let due = service.and_then(|service| since.checked_add(service));
        let waker = {
            let mut post = self.post();
            post.started.push((order, since));
            post.first_due = due.into_iter().chain(post.first_due).min();
            post.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether something has come. The exchange's task is woken when something else does.
    pub(crate) fn has_post(&self, cx: &Context<'_>) -> bool {
        let mut post = self.post();
        match &mut post.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        !post.started.is_empty()
    }

    /// When the first of the messages that have begun service is due. [`None`] if that was asked before: an
    /// exchange that is not polled, because its client does not read, must not be asked again and again.
    pub(crate) fn take_first_due(&self) -> Option<Instant> {
        self.post().first_due.take()
    }

    /// Takes what has come, in the order in which it came.
    pub(crate) fn take(&self) -> Vec<(u64, Instant)> {
        mem::take(&mut self.post().started)
    }

    fn post(&self) -> MutexGuard<'_, Post> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
