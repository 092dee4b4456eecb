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

/// When calls in flight are to be ended by this client. All have the same deadline, so the first to be sent
/// is the first to end.
#[derive(Debug)]
pub(crate) struct Deadlines<A> {
    deadline: Duration,
    /// How long after it was sent a call is ended: slightly after its deadline, since the server's own status
    /// says more.
    after: Duration,
    queue: RefCell<VecDeque<PendingDeadline<A>>>,
    added: Notify,
}

/// How many of the oldest calls, if they have ended, are dropped from the queue whenever one is sent.
const FORGOTTEN: usize = 4;
/// A queue with this many ended calls is not worth cleaning up.
const FEW: usize = 1_024;

/// When to end a call, its lane's index among the owner's, the lane, and the call's slot.
type PendingDeadline<A> = (Moment, usize, Rc<Lane<A>>, InFlightSlot);

impl<A: Default> Deadlines<A> {
    /// The deadlines of calls that have this deadline.
    pub(crate) fn new(deadline: Duration) -> Self {
        let after = deadline + margin(deadline);
        Self { deadline, after, queue: RefCell::default(), added: Notify::new() }
    }

    /// Adds a call that was sent `now` on the lane with this index; `in_flight` calls are in flight,
    /// including this one.
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
        // Calls behind one that hangs have ended. At least half of the queue is dropped when it is cleaned
        // up.
        if queue.len() > 2 * in_flight + FEW {
            queue.retain(|(_, _, lane, slot)| lane.is_open(*slot));
        }
        queue.push_back((now + self.after, index, Rc::clone(lane), slot));
        self.added.notify_one();
    }

    /// Ends calls whose deadline has passed and about which the server has reported nothing. They are done at
    /// their deadline, not when they are ended here.
    pub(crate) async fn end_calls<O: LaneOwner<Answer = A>>(&self, owner: &O) {
        let common = owner.common();
        loop {
            let first = self.queue.borrow().front().cloned();
            let Some((at, index, lane, slot)) = first else {
                self.added.notified().await;
                continue;
            };
            if lane.is_open(slot) && common.now() < at {
                // During the wait the call may end, and be dropped from the queue.
                common.sleep_until(at).await;
                continue;
            }
            self.queue.borrow_mut().pop_front();
            let ending = Ending::deadline();
            if let Some(call) = lane.cut(slot, self.deadline, &ending) {
                owner.ended(&call, &ending);
                owner.lane_moved(index, 1);
            }
        }
    }
}
