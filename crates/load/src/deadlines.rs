//! Calls that the server does not end at their deadline.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use longsync::deadline::margin;
use longsync_stats::Moment;
use tokio::sync::Notify;

use crate::lane::{Lane, Owner, Place};

/// What is said of a call that this side has ended.
const PASSED: &str = "the deadline has passed, and the server has said nothing";

/// When calls in flight are to be ended from this side. All have the same deadline, so the first to be
/// sent is the first to end.
#[derive(Debug)]
pub(crate) struct Deadlines<A> {
    after: Duration,
    queue: RefCell<VecDeque<Due<A>>>,
    added: Notify,
}

/// When, and on which lane, with its index among the owner's.
type Due<A> = (Moment, usize, Rc<Lane<A>>, Place);

impl<A: Default> Deadlines<A> {
    /// For calls that have this deadline.
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { after: deadline + margin(deadline), queue: RefCell::default(), added: Notify::new() }
    }

    /// A call was sent `now`, on the lane with this index.
    pub(crate) fn add(&self, now: Moment, index: usize, lane: &Rc<Lane<A>>, place: Place) {
        let mut queue = self.queue.borrow_mut();
        // The queue reaches no further back than the first call that is still open.
        while queue.front().is_some_and(|(_, _, lane, place)| !lane.is_open(*place)) {
            queue.pop_front();
        }
        queue.push_back((now + self.after, index, Rc::clone(lane), place));
        self.added.notify_one();
    }

    /// Ends calls whose deadline is over and about which the server has said nothing.
    pub(crate) async fn end_calls<O: Owner<Answer = A>>(&self, owner: &O) {
        let common = owner.common();
        loop {
            let first = self.queue.borrow().front().cloned();
            let Some((at, index, lane, place)) = first else {
                self.added.notified().await;
                continue;
            };
            if lane.is_open(place) && common.now() < at {
                // Meanwhile it may end, and be dropped from the queue.
                common.sleep_until(at).await;
                continue;
            }
            self.queue.borrow_mut().pop_front();
            if let Some(call) = lane.cut(place, common.now()) {
                owner.ended(&call, Some(PASSED));
                owner.lane_moved(index, 1);
            }
        }
    }
}
