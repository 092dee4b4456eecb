//! An open loop: calls are due at their times, whatever the server does.

use longsync_connect::Transport;
use longsync_stats::{Moment, NotSentReason as Why};

use super::{BATCH_PER_LANE, Worker, WorkerContext};
use crate::board::patience;
use crate::due_calls::DueCalls;
use crate::lane::LaneError;
use crate::method::{CallNumber, Method};
use crate::schedule::Arrival;

/// How often calls that are not sent are drawn before they are left to the collector, which has drawn nearly
/// all of them while the run went on.
const DRAWS: u32 = 8;
/// How many calls that are not sent are counted one by one before other tasks have their turn.
const COUNTED: usize = 4_096;

impl<M: Method, T: Transport + 'static> Worker<M, T> {
    /// Sends each call when it is due, or counts it as not sent.
    pub(super) async fn send_when_due(&self, calls: &mut DueCalls) {
        let board = &*self.context.board;
        let whole_batch = self.lanes.borrow().len() * BATCH_PER_LANE;
        let (mut batch, mut is_blocked) = (0, false);
        // A call is removed from the schedule only once it was sent or counted.
        while let Some(Arrival { due, number, is_warm_up }) = calls.peek() {
            let now = self.common.now();
            if due >= board.over() {
                return;
            }
            if now < due {
                self.common.sleep_until(due).await;
                batch = 0;
                continue;
            }
            if now >= board.sending_ends() {
                return self.leave(calls, if is_blocked { Why::Blocked } else { Why::Late }).await;
            }
            if batch == whole_batch {
                tokio::task::yield_now().await;
                batch = 0;
                continue;
            }
            batch += 1;
            let sent = self.send_due(CallNumber { number, is_warm_up }, due, now);
            // A call is tried for as long as the end of an open call is waited for.
            let patience = patience(self.grace);
            is_blocked = sent == Err(LaneError::Blocked) && now < due + patience;
            if is_blocked {
                self.until_moved_or(board.sending_ends().min(due + patience)).await;
                continue;
            }
            if let Err(why) = sent {
                let mut records = self.context.records.borrow_mut();
                records.advance(now, board);
                records.not_sent(number, due, why.into());
            }
            calls.advance();
        }
    }

    /// Sends a call of an open loop, if the limit on calls in flight allows it.
    fn send_due(&self, call: CallNumber, due: Moment, now: Moment) -> Result<(), LaneError> {
        let WorkerContext { index, board, .. } = &self.context;
        if !board.in_flight.take(*index) {
            return Err(LaneError::Limited);
        }
        let sent = self.send(self.turn.get(), call, Some(due), now);
        if sent.is_err() {
            board.in_flight.give(*index);
        }
        sent
    }

    /// Counts the remaining calls when nothing is sent any more.
    async fn leave(&self, calls: &mut DueCalls, why: Why) {
        loop {
            let now = self.common.now();
            self.context.records.borrow_mut().advance(now, &self.context.board);
            if self.leave_some(calls, why) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Counts calls that are not sent, for at most about a millisecond; returns whether there are no more, or
    /// the rest is left to the collector.
    pub(super) fn leave_some(&self, calls: &mut DueCalls, why: Why) -> bool {
        let board = &*self.context.board;
        let over = board.over();
        let mut records = self.context.records.borrow_mut();
        if !records.is_sampling() {
            let passed = calls.pass(over);
            records.not_sent_at_once(&passed, why);
            // The collector counts no calls of the warm-up.
            self.draws.set(self.draws.get() + u32::from(passed.warm_up == 0));
            let is_left = !passed.is_complete && self.draws.get() >= DRAWS;
            if is_left {
                records.leave(board.last_due(), why);
            }
            return passed.is_complete || is_left;
        }
        for _ in 0..COUNTED {
            let Some(Arrival { number, due, .. }) = calls.peek().filter(|it| it.due < over) else {
                return true;
            };
            records.not_sent(number, due, why);
            calls.advance();
        }
        false
    }
}
