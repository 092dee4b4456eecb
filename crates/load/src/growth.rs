//! Connections beyond those that a run began with, if the peer's limit on streams asks for them.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::backoff::Backoff;
use crate::lane::{Lane, LaneOwner, ReadyConnection};
use crate::schedule::WorkerShare;

/// How many lanes a worker may have, and whether a further one is on its way.
#[derive(Debug)]
pub(crate) struct Growth {
    at_most: usize,
    share: WorkerShare,
    state: Cell<State>,
    wanted: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// A connection is being opened.
    Opening,
    /// The last could not be opened, and the next is not tried yet.
    Resting,
}

impl Growth {
    /// For a worker with this share, which may have at most this number of lanes.
    pub(crate) fn new(at_most: usize, share: WorkerShare) -> Self {
        Self { at_most, share, state: Cell::new(State::Idle), wanted: Notify::new() }
    }

    /// All of a worker's lanes, of which it has this number, are full: has [`Growth::open_wanted`] open one
    /// more. Returns whether one is on its way, so that calls may wait for it.
    pub(crate) fn is_coming(&self, lanes: usize) -> bool {
        if self.state.get() == State::Idle && lanes < self.at_most {
            self.state.set(State::Opening);
            self.wanted.notify_one();
        }
        self.state.get() == State::Opening
    }

    /// Opens connections, one at a time, whenever one is wanted, until it is dropped. What cannot be opened
    /// is tried again when it is next wanted, after the waits of a [`Backoff`].
    pub(crate) async fn open_wanted<O: LaneOwner + 'static>(&self, owner: Rc<O>) {
        let common = owner.common();
        loop {
            let nth = self.share.number(owner.lanes() as u64);
            let mut backoff = Backoff::new(common.seed.wrapping_add(nth));
            // The first attempt is made at once.
            backoff.next_wait();
            self.wanted.notified().await;
            let connected = loop {
                match ReadyConnection::dial(common, nth).await {
                    Ok(connected) => break connected,
                    Err(not) => owner.count(|counts| counts.connections_refused += not.attempts),
                }
                self.state.set(State::Resting);
                // Calls that waited for it wait no longer.
                owner.lane_moved(0, 0);
                common.timer.sleep(backoff.next_wait()).await;
                self.state.set(State::Idle);
                self.wanted.notified().await;
            };
            let (index, lane) = (owner.lanes(), Rc::<Lane<O::Answer>>::default());
            let opened = lane.open(connected, common.now());
            owner.connection(true);
            owner.lane_follows(index, Rc::clone(&lane));
            self.state.set(State::Idle);
            owner.spawn(lane.carry(index, opened, Rc::clone(&owner)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn no_more_are_opened_than_allowed_and_one_at_a_time() {
        let growth = Growth::new(2, WorkerShare::of(0, NonZeroUsize::MIN));
        assert!(!growth.is_coming(2));
        assert!(growth.is_coming(1) && growth.is_coming(1));
        growth.state.set(State::Resting);
        assert!(!growth.is_coming(1));
    }
}
