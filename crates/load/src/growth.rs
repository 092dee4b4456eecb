//! Connections beyond those that a run began with, opened if the peer's limit on streams requires them.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::backoff::Backoff;
use crate::lane::{Lane, LaneOwner, ReadyConnection};
use crate::schedule::WorkerShare;

/// How many lanes a worker may have, and whether another one is being opened.
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
    /// The last connection could not be opened, and the next attempt is not due yet.
    Resting,
}

impl Growth {
    /// For a worker with this share, which may have at most this number of lanes.
    pub(crate) fn new(at_most: usize, share: WorkerShare) -> Self {
        Self { at_most, share, state: Cell::new(State::Idle), wanted: Notify::new() }
    }

    /// Called when all of a worker's lanes are full, of which it has this number: makes
    /// [`Growth::open_wanted`] open one more. Returns whether one is being opened, so that calls may wait for
    /// it.
    pub(crate) fn is_coming(&self, lanes: usize) -> bool {
        if self.state.get() == State::Idle && lanes < self.at_most {
            self.state.set(State::Opening);
            self.wanted.notify_one();
        }
        self.state.get() == State::Opening
    }

    /// Opens connections, one at a time, whenever one is needed, until it is dropped. If a connection cannot
    /// be opened, the next attempt is made when one is needed again, after the waits of a [`Backoff`].
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
                    Err(why) => owner.count(|counts| counts.connections_refused += why.attempts),
                }
                self.state.set(State::Resting);
                // Calls that waited for the connection stop waiting.
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
    fn no_more_connections_are_opened_than_allowed_and_only_one_at_a_time() {
        let growth = Growth::new(2, WorkerShare::of(0, NonZeroUsize::MIN));
        assert!(!growth.is_coming(2));
        assert!(growth.is_coming(1) && growth.is_coming(1));
        growth.state.set(State::Resting);
        assert!(!growth.is_coming(1));
    }
}
