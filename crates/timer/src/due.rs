//! Tasks whose waits are over, on their way out of the queue.

use std::task::Waker;

/// How many waits end at a time. If each wakes a task of its own, these are about as many tasks as tokio
/// polls before it checks its sockets again (61), so that a burst of any size leaves the sockets their turn.
pub(crate) const BATCH: usize = 64;

/// Wakers that were taken out under the lock, to be woken without it: waking may drop a task, which
/// may drop its other waits.
#[derive(Debug)]
pub(crate) struct DueWakers {
    wakers: [Option<Waker>; BATCH],
    count: usize,
}

impl DueWakers {
    pub(crate) const fn new() -> Self {
        Self { wakers: [const { None }; BATCH], count: 0 }
    }

    /// Adds one. There is room for a batch.
    pub(crate) fn push(&mut self, waker: Waker) {
        self.wakers[self.count] = Some(waker);
        self.count += 1;
    }

    /// Wakes them in the order in which they were added. Returns how many there were.
    pub(crate) fn wake(self) -> usize {
        self.wakers.into_iter().flatten().for_each(Waker::wake);
        self.count
    }
}
