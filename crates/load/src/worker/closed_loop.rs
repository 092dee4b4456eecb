//! A closed loop: a call begins when another has ended.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use longsync_connect::Transport;
use longsync_stats::Moment;

use super::{BATCH_PER_LANE, Pacing, Worker, until};
use crate::board::Board;
use crate::method::{CallNumber, Method};
use crate::schedule::Concurrency;

/// The state of a closed loop.
#[derive(Debug)]
pub(super) struct ClosedLoop {
    concurrency: Concurrency,
    think: Duration,
    /// How many calls of the warm-up were begun.
    warm_up: Cell<u64>,
    /// The number of a recorded call that has not been begun yet.
    number: Cell<Option<u64>>,
    /// When the callers whose calls have ended will have thought long enough, in ascending order.
    thinking: RefCell<VecDeque<Moment>>,
}

impl<M: Method, T: Transport + 'static> Worker<M, T> {
    /// Begins the first calls of a closed loop; each call that ends is followed by another one in
    /// [`LaneOwner::lane_moved`], or here if there is think time. Returns when no further call is made.
    pub(super) async fn keep_in_flight(&self) {
        let Pacing::Closed(closed) = &self.pacing else { return };
        loop {
            let now = self.common.now();
            if self.is_over(closed, now) {
                return;
            }
            closed.think_until(now);
            let whole_batch = self.lanes.borrow().len() * BATCH_PER_LANE;
            if self.refill(None, whole_batch) == whole_batch {
                tokio::task::yield_now().await;
                continue;
            }
            // Those may have been the last calls.
            if self.is_over(closed, now) {
                return;
            }
            let moved = async {
                match self.next_change(closed, now) {
                    Some(moment) => self.until_moved_or(moment).await,
                    None => self.until_moved().await,
                }
            };
            // A worker with nothing in flight is not notified otherwise that nothing is left to do.
            match closed.number.get() {
                Some(_) => moved.await,
                None => until(moved, self.context.board.all_numbered.cancelled()).await,
            }
        }
    }

    /// Whether a closed loop makes no further calls.
    pub(super) fn is_over(&self, closed: &ClosedLoop, now: Moment) -> bool {
        let has_number = || closed.number.get().is_some() || !self.context.board.has_numbered_all();
        now >= self.context.board.over()
            || self.ends.is_some_and(|ends| now >= ends)
            || (now >= self.recorded_from() && !has_number())
    }

    /// The next time at which a closed loop may begin calls, or end, although no call has ended.
    fn next_change(&self, closed: &ClosedLoop, now: Moment) -> Option<Moment> {
        let from = self.recorded_from();
        let other_number = closed.concurrency.next_change(schedule_time(now, from));
        let changes = [
            (now < from).then_some(from),
            other_number.map(|at| at + self.warm_up),
            closed.thinking.borrow().front().copied(),
            self.ends,
        ];
        changes.into_iter().flatten().filter(|at| *at > now).min()
    }

    pub(super) fn recorded_from(&self) -> Moment {
        Moment::START + self.warm_up
    }

    /// Begins as many calls of a closed loop as are missing, at most `most`, on the lane with this index, or
    /// on each lane in turn if there is none. Returns how many it began.
    pub(super) fn refill(&self, lane: Option<usize>, most: usize) -> usize {
        let Pacing::Closed(closed) = &self.pacing else { return 0 };
        let (now, from) = (self.common.now(), self.recorded_from());
        let wanted = self.wanted(closed, now);
        let taken = self.in_flight.get() + closed.thinking.borrow().len();
        let missing = wanted.saturating_sub(taken).min(most);
        for filled in 0..missing {
            let now = if filled == 0 { now } else { self.common.now() };
            if self.is_over(closed, now) {
                return filled;
            }
            let call = if now < from {
                CallNumber::warm_up(self.context.share.number(closed.warm_up.get()))
            } else {
                let Some(number) = closed.take_number(&self.context.board) else { return filled };
                CallNumber::recorded(number)
            };
            if self.send(lane.unwrap_or_else(|| self.turn.get()), call, None, now).is_err() {
                return filled;
            }
            closed.begun(call);
        }
        missing
    }

    /// How many calls of a closed loop this worker is to have in flight.
    pub(super) fn wanted(&self, closed: &ClosedLoop, now: Moment) -> usize {
        let at = schedule_time(now, self.recorded_from());
        let all = usize::try_from(closed.concurrency.at(at)).unwrap_or(usize::MAX);
        self.context.share.portion(all)
    }
}

impl ClosedLoop {
    /// A closed loop that has begun no calls.
    pub(super) fn new(concurrency: &Concurrency, think: Duration) -> Self {
        Self {
            concurrency: concurrency.clone(),
            think,
            warm_up: Cell::new(0),
            number: Cell::new(None),
            thinking: RefCell::default(),
        }
    }

    /// A number for the next recorded call, if there is one. The number stays reserved until a call was begun
    /// with it.
    fn take_number(&self, board: &Board) -> Option<u64> {
        let number = self.number.get().or_else(|| board.next_number());
        self.number.set(number);
        number
    }

    /// Records that this call was begun.
    fn begun(&self, call: CallNumber) {
        if call.is_warm_up {
            self.warm_up.set(self.warm_up.get() + 1);
        } else {
            self.number.set(None);
        }
    }

    /// Whether the next call begins as soon as one has ended.
    pub(super) fn goes_on_at_once(&self) -> bool {
        self.think.is_zero()
    }

    /// Records that a call has ended at this moment.
    pub(super) fn ended(&self, done: Moment) {
        if !self.goes_on_at_once() {
            self.thinking.borrow_mut().push_back(done + self.think);
        }
    }

    /// Removes the callers who have thought long enough by now.
    fn think_until(&self, now: Moment) {
        let mut thinking = self.thinking.borrow_mut();
        while thinking.front().is_some_and(|until| *until <= now) {
            thinking.pop_front();
        }
    }
}

/// Converts a moment of the run to the schedule's time, whose 0 is the end of the warm-up; the warm-up runs
/// as the schedule begins.
fn schedule_time(moment: Moment, from: Moment) -> Moment {
    Moment::from_nanos(moment.as_nanos().saturating_sub(from.as_nanos()))
}
