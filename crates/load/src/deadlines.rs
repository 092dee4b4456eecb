//! Calls that the server does not end at their deadline.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use longsync::deadline::margin;
use longsync_stats::Moment;
use tokio::sync::Notify;

use crate::ending::Ending;
use crate::lane::{InFlightSlot, Lane, LaneOwner};

/// When calls in flight are to be ended from this side. All have the same deadline, so the first to be
/// sent is the first to end.
#[derive(Debug)]
pub(crate) struct Deadlines<A> {
    deadline: Duration,
    /// How long after it was sent a call is ended: the server's own word, which may come a moment after the
    /// deadline, says more.
    after: Duration,
    queue: RefCell<VecDeque<PendingDeadline<A>>>,
    added: Notify,
}

/// How many calls that have ended are forgotten when one is sent, if they were sent first.
const FORGOTTEN: usize = 4;
/// This many that have ended do not matter.
const FEW: usize = 1_024;

/// When, and on which lane, with its index among the owner's.
type PendingDeadline<A> = (Moment, usize, Rc<Lane<A>>, InFlightSlot);

impl<A: Default> Deadlines<A> {
    /// For calls that have this deadline.
    pub(crate) fn new(deadline: Duration) -> Self {
        let after = deadline + margin(deadline);
        Self { deadline, after, queue: RefCell::default(), added: Notify::new() }
    }

    /// A call was sent `now` on the lane with this index; with it `in_flight` calls are in flight.
    pub(crate) fn add(
        &self,
        now: Moment,
        index: usize,
        lane: &Rc<Lane<A>>,
        slot: InFlightSlot,
        in_flight: usize,
    ) {
        let mut queue = self.queue.borrow_mut();
        for _ in 0..FORGOTTEN {
            if queue.front().is_some_and(|(_, _, lane, slot)| !lane.is_open(*slot)) {
                queue.pop_front();
            }
        }
        // Behind a call that hangs, others have ended. At least half of what is looked through goes.
        if queue.len() > 2 * in_flight + FEW {
            queue.retain(|(_, _, lane, slot)| lane.is_open(*slot));
        }
        queue.push_back((now + self.after, index, Rc::clone(lane), slot));
        self.added.notify_one();
    }

    /// Ends calls whose deadline is over and about which the server has said nothing. They are done at their
    /// deadline, not when this ends them.
    pub(crate) async fn end_calls<O: LaneOwner<Answer = A>>(&self, owner: &O) {
        let common = owner.common();
        loop {
            let first = self.queue.borrow().front().cloned();
            let Some((at, index, lane, slot)) = first else {
                self.added.notified().await;
                continue;
            };
            if lane.is_open(slot) && common.now() < at {
                // Meanwhile it may end, and be dropped from the queue.
                common.sleep_until(at).await;
                continue;
            }
            self.queue.borrow_mut().pop_front();
            let ending = Ending::deadline();
            if let Some(call) = lane.cut(slot, self.deadline, &ending) {
                owner.ended(&call, ending.text().as_deref());
                owner.lane_moved(index, 1);
            }
        }
    }
}
