//! The calls of a run that are made, in the order in which they are due. Pure: no clock.

use std::time::Duration;

use longsync_stats::Moment;

use crate::schedule::{Arrival, DueTimes, PassedCalls, Schedule, WorkerShare};
use crate::stop::StopCondition;

/// How many calls are drawn in one step, which takes about a millisecond.
const DRAWN: u64 = 65_536;

/// One worker's calls, those of the warm-up first, until the run makes no more.
#[derive(Debug)]
pub(crate) struct DueCalls {
    times: DueTimes,
    /// The next call, if it has been drawn.
    next: Option<Arrival>,
    stop: StopCondition,
    warm_up: Duration,
}

impl DueCalls {
    /// The calls of a share of this schedule; [`None`] if calls have no due times.
    pub(crate) fn new(
        schedule: &Schedule,
        stop: &StopCondition,
        warm_up: Duration,
        share: WorkerShare,
    ) -> Option<Self> {
        let times = schedule.due_times(warm_up, share)?;
        Some(Self { times, next: None, stop: stop.clone(), warm_up })
    }

    /// The next call.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<Arrival> {
        if self.next.is_none() {
            self.next = self.times.next();
        }
        self.next.filter(|arrival| self.stop.allows_arrival(arrival, self.warm_up))
    }

    /// Passes over the next call.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.next = None;
    }

    /// Passes over the calls that are due before `until`: over all of them if the result says so, otherwise
    /// over as many as are drawn in about a millisecond.
    pub(crate) fn pass(&mut self, until: Moment) -> PassedCalls {
        let mut passed = PassedCalls { warm_up: 0, recorded: 0, last_due: None, is_complete: true };
        if let Some(Arrival { due, is_warm_up, .. }) = self.next {
            if self.peek().is_none_or(|arrival| arrival.due >= until) {
                return passed;
            }
            self.advance();
            passed.warm_up = u64::from(is_warm_up);
            passed.recorded = u64::from(!is_warm_up);
            passed.last_due = Some(due);
        }
        let until = until.min(self.stop.until(self.warm_up));
        let more = self.times.pass(until, self.stop.most_calls(), DRAWN);
        PassedCalls {
            warm_up: passed.warm_up + more.warm_up,
            recorded: passed.recorded + more.recorded,
            last_due: more.last_due.or(passed.last_due),
            is_complete: more.is_complete,
        }
    }
}
