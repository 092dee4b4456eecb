//! The recorder of one worker's calls. Pure.

use std::time::Duration;

use crate::call::{CallRecord, ServerWait};
use crate::figures::Figures;
use crate::moment::{Moment, whole_nanos};
use crate::not_sent::NotSentReason;
use crate::status_code::StatusCode;
use crate::statuses::GoodStatuses;
use crate::succession::Succession;
use crate::texts::TextCounts;

/// A `planned` above this is uncertain, because two clocks run at different rates.
const LONG: Duration = Duration::from_secs(1);

/// Records calls as they are sent and as they end. Each worker has one; their figures, [merged][m], are the
/// same as if one recorder had recorded every call.
///
/// [m]: Figures::merge
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    /// Boxed, so that it can be exchanged for another.
    figures: Box<Figures>,
    good: GoodStatuses,
    /// Calls that are due (in a closed loop: sent) before this are not recorded.
    from: Moment,
    texts: TextCounts,
    succession: Succession,
    warm_up: u64,
}

impl Recorder {
    /// A recorder that ignores the calls that are due before `warm_up` is over. A call is good if it ends
    /// with one of these statuses.
    pub fn new(warm_up: Duration, good: GoodStatuses) -> Self {
        Self { from: Moment::START + warm_up, good, ..Self::default() }
    }

    /// Records that a call was sent.
    #[inline]
    pub fn sent(&mut self, due: Option<Moment>, sent: Moment) {
        if due.unwrap_or(sent) < self.from {
            self.warm_up += 1;
            return;
        }
        self.figures.counts.sent += 1;
        if let Some(due) = due {
            self.figures.lag.record(sent.nanos_since(due));
        }
    }

    /// Records that a call has ended; `text` describes its failure.
    #[inline]
    pub fn ended(&mut self, call: &CallRecord, text: Option<&str>) {
        if call.due.unwrap_or(call.sent) < self.from {
            return;
        }
        let Figures { counts, .. } = &mut *self.figures;
        counts.statuses[call.code.index()] += 1;
        let service_time_ns = call.done.nanos_since(call.sent);
        if self.good.contains(call.code) {
            counts.good += 1;
            self.figures.service_time.record(service_time_ns);
            let mut felt_ns = service_time_ns;
            if let Some(due) = call.due {
                felt_ns = call.done.nanos_since(due);
                self.figures.good_response_time.record(felt_ns);
            }
            self.succession.record(felt_ns);
        } else {
            self.failed(call, service_time_ns, text);
        }
        if let Some(waits) = call.waits {
            self.waited(call.code, service_time_ns, waits);
        }
    }

    #[cold]
    fn failed(&mut self, call: &CallRecord, service_time_ns: i64, text: Option<&str>) {
        let Figures { counts, failed_service_time, .. } = &mut *self.figures;
        failed_service_time.record(service_time_ns);
        counts.cut += u64::from(call.is_cut);
        counts.lower_bounds += u64::from(call.code == StatusCode::DEADLINE_EXCEEDED);
        if let Some(how) = call.broken {
            counts.broken[how as usize] += 1;
        }
        if let Some(text) = text {
            self.texts.add(text);
        }
    }

    #[inline]
    fn waited(&mut self, code: StatusCode, service_time_ns: i64, waits: ServerWait) {
        let figures = &mut *self.figures;
        let [planned_ns, waited_ns, queued_ns] =
            [waits.planned, waits.waited, waits.queued].map(signed_nanos);
        figures.planned.record(planned_ns);
        figures.waited.record(waited_ns);
        figures.queued.record(queued_ns);
        if waits.is_faulty {
            return;
        }
        figures.added.record(service_time_ns.saturating_sub(waited_ns));
        // A wait that was cut short has no lateness.
        if code == StatusCode::OK {
            figures.lateness.record(waited_ns - queued_ns - planned_ns);
            figures.counts.long_waits += u64::from(waits.planned > LONG);
        }
    }

    /// Counts a planned fault that hit a call, by its clause.
    #[cold]
    pub fn fault(&mut self, clause: &str) {
        self.figures.faults.add(clause);
    }

    /// Counts a call that was due and was not sent.
    pub fn not_sent(&mut self, due: Moment, why: NotSentReason, count: u64) {
        if due < self.from {
            self.warm_up += count;
        } else {
            self.figures.counts.not_sent[why] += count;
        }
    }

    /// The figures since the last exchange, in which the caller may count as well.
    pub fn figures(&mut self) -> &mut Figures {
        &mut self.figures
    }

    /// Records into these figures from now on, and returns the previous ones. Neither allocates nor copies.
    pub fn exchange(&mut self, figures: Box<Figures>) -> Box<Figures> {
        std::mem::replace(&mut self.figures, figures)
    }

    /// How many calls were due in the warm-up; nothing else is recorded of them.
    pub fn warm_up(&self) -> u64 {
        self.warm_up
    }

    /// How much successive good calls have in common, across all exchanges: by their response times, in a
    /// closed loop by their service times.
    pub fn succession(&self) -> &Succession {
        &self.succession
    }

    /// The texts of failed calls, across all exchanges.
    pub fn texts(&self) -> &TextCounts {
        &self.texts
    }
}

fn signed_nanos(duration: Duration) -> i64 {
    i64::try_from(whole_nanos(duration)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
