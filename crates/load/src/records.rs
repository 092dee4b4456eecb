//! What a worker records about its calls.

use std::collections::BTreeSet;
use std::time::Duration;

use longsync_stats::{CallRecord, Counts, Moment, NotSentReason, Recorder, Succession, TextCounts};

use crate::board::{Board, Second};
use crate::load::{Fate, SampledCall};
use crate::plan::LoadPlan;
use crate::sample::CallSample;
use crate::schedule::PassedCalls;

/// How long figures are recorded together before they are handed over.
const SECOND: Duration = Duration::from_secs(1);

/// How many servers' names are kept: connections to a peer that keeps going away may each report a different
/// one.
const MOST_SERVERS: usize = 100;

/// What a worker records about its calls. The figures of each second are handed over when it is over.
#[derive(Debug)]
pub(crate) struct Records {
    worker: usize,
    recorder: Recorder,
    /// The second being recorded, and when it is over.
    second: u64,
    second_ends: Moment,
    /// Calls that are due (in a closed loop: sent) from this moment on are recorded.
    from: Moment,
    sample: CallSample,
    in_flight: u64,
    last_done: Moment,
    /// When anything about its calls last became known.
    last_known: Moment,
    servers: BTreeSet<String>,
    /// Why calls were not sent that it has not counted.
    left: Option<NotSentReason>,
}

/// A call in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnfinishedCall {
    pub(crate) number: u64,
    /// When it was due; [`None`] in a closed loop.
    pub(crate) due: Option<Moment>,
    pub(crate) sent: Moment,
}

/// What remains when a worker's run is over, besides the figures of its seconds.
#[derive(Debug)]
pub(crate) struct WorkerResult {
    pub(crate) texts: TextCounts,
    pub(crate) succession: Succession,
    pub(crate) warm_up: u64,
    pub(crate) sample: CallSample,
    /// The names of the servers that have answered.
    pub(crate) servers: BTreeSet<String>,
    /// When the last of its calls ended.
    pub(crate) last_done: Moment,
    /// When anything about its calls last became known.
    pub(crate) last_known: Moment,
    /// Why calls were not sent that it has not counted, if there are any.
    pub(crate) left: Option<NotSentReason>,
    /// Whether its thread has panicked.
    pub(crate) has_panicked: bool,
}

impl Records {
    /// For the worker with this index.
    pub(crate) fn new<M>(plan: &LoadPlan<M>, worker: usize) -> Self {
        let from = Moment::START + plan.warm_up;
        Self {
            worker,
            recorder: Recorder::new(plan.warm_up, plan.good),
            second: 0,
            second_ends: from + SECOND,
            from,
            sample: CallSample::new(plan.sample, plan.seed),
            in_flight: 0,
            last_done: Moment::START,
            last_known: Moment::START,
            servers: BTreeSet::new(),
            left: None,
        }
    }

    /// When the second being recorded is over.
    pub(crate) fn second_ends(&self) -> Moment {
        self.second_ends
    }

    /// Moves on to the second of `now`, if that is a later one.
    #[inline]
    pub(crate) fn advance(&mut self, now: Moment, board: &Board) {
        if now >= self.second_ends {
            self.next_second(now, board);
        }
    }

    #[cold]
    fn next_second(&mut self, now: Moment, board: &Board) {
        let next = now.nanos_since(self.from).cast_unsigned() / 1_000_000_000;
        let exchange = |figures| self.recorder.exchange(figures);
        if board.next_second(self.worker, self.second, next, exchange) {
            self.second = next;
        }
        self.second_ends = self.from + Duration::from_secs(next + 1);
    }

    /// Records that a call was sent.
    #[inline]
    pub(crate) fn sent(&mut self, due: Option<Moment>, sent: Moment) {
        self.in_flight += u64::from(due.unwrap_or(sent) >= self.from);
        self.recorder.sent(due, sent);
    }

    /// Records that a call has ended.
    #[inline]
    pub(crate) fn ended(&mut self, call: &CallRecord, text: Option<&str>) {
        self.last_done = self.last_done.max(call.done);
        self.last_known = self.last_known.max(call.done);
        if call.due.unwrap_or(call.sent) < self.from {
            return;
        }
        self.in_flight -= 1;
        self.recorder.ended(call, text);
        self.sample.offer(call.number, || {
            let CallRecord { number, due, sent, done, code, waits, .. } = *call;
            SampledCall { number, due, fate: Fate::Ended { sent, done, code, waits } }
        });
    }

    /// Records that a planned fault with this clause hit a call that has ended.
    pub(crate) fn fault(&mut self, call: &CallRecord, clause: &str) {
        if call.due.unwrap_or(call.sent) >= self.from {
            self.recorder.fault(clause);
        }
    }

    /// Records that a call that was due was not sent.
    pub(crate) fn not_sent(&mut self, number: u64, due: Moment, why: NotSentReason) {
        self.recorder.not_sent(due, why, 1);
        self.last_known = self.last_known.max(due);
        if due >= self.from {
            let fate = Fate::NotSent(why);
            self.sample.offer(number, || SampledCall { number, due: Some(due), fate });
        }
    }

    /// Whether calls are kept one by one, so that each has to be recorded.
    pub(crate) fn is_sampling(&self) -> bool {
        self.sample.is_drawn()
    }

    /// Records that calls that were due were not sent: all of them at once, which no sample permits.
    pub(crate) fn not_sent_at_once(&mut self, passed: &PassedCalls, why: NotSentReason) {
        let Some(last_due) = passed.last_due else { return };
        self.recorder.not_sent(Moment::START, why, passed.warm_up);
        self.recorder.not_sent(self.from, why, passed.recorded);
        self.last_known = self.last_known.max(last_due);
    }

    /// Leaves the calls that are due until then, and were not sent, uncounted.
    pub(crate) fn leave(&mut self, last_due: Moment, why: NotSentReason) {
        self.left = Some(why);
        self.last_known = self.last_known.max(last_due);
    }

    /// How many recorded calls are in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Records that bytes have passed; those of the warm-up are not counted.
    pub(crate) fn passed(&mut self, now: Moment, bytes_in: u64, bytes_out: u64) {
        if now >= self.from {
            let counts = self.counts();
            counts.bytes_in += bytes_in;
            counts.bytes_out += bytes_out;
        }
    }

    /// The counts of this second, to be added to.
    pub(crate) fn counts(&mut self) -> &mut Counts {
        &mut self.recorder.figures().counts
    }

    /// Records the name of a server that has answered.
    pub(crate) fn server(&mut self, name: &str) {
        if self.servers.len() < MOST_SERVERS {
            self.servers.insert(name.to_owned());
        }
    }

    /// Ends the run: calls that are still in flight are unfinished, as far as they are known one by one.
    pub(crate) fn finish(
        &mut self,
        unfinished: impl IntoIterator<Item = UnfinishedCall>,
        board: &Board,
        has_panicked: bool,
    ) -> WorkerResult {
        self.recorder.figures().counts.unfinished += self.in_flight;
        if self.in_flight > 0 {
            let second_begins = self.from + Duration::from_secs(self.second);
            self.last_known = self.last_known.max(second_begins);
        }
        for UnfinishedCall { number, due, sent } in unfinished {
            if due.unwrap_or(sent) >= self.from {
                let fate = Fate::Unfinished(sent);
                self.sample.offer(number, || SampledCall { number, due, fate });
            }
        }
        let (texts, warm_up) = (self.recorder.texts().clone(), self.recorder.warm_up());
        let succession = self.recorder.succession().clone();
        let figures = self.recorder.exchange(Box::default());
        board.last_second(self.worker, Second { number: self.second, figures });
        WorkerResult {
            texts,
            succession,
            warm_up,
            sample: std::mem::take(&mut self.sample),
            servers: std::mem::take(&mut self.servers),
            last_done: self.last_done,
            last_known: self.last_known,
            left: self.left,
            has_panicked,
        }
    }
}

#[cfg(test)]
mod tests;
