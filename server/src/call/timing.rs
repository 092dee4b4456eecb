//! What a call says of its times: in its answer, in the status that takes its place, and in the log.

use std::time::{Duration, Instant, SystemTime};

use longsync::duration::to_proto;
use longsync::v1::Timing;
use longsync_behavior::{AppliedBehavior, FaultClause, FaultMoment};

use super::{Call, State};
use crate::call::ending::Ending;
use crate::call::wait::{Wait, WaitTimes};
use crate::shared::Shared;
use crate::shared::counters::CallKind;

impl Call {
    /// The timing of an answer, and of the fault that goes along with it.
    pub(crate) fn timing(
        &self,
        spent: WaitTimes,
        applied: &AppliedBehavior,
        fault: Option<&FaultClause>,
        received_at: SystemTime,
    ) -> Timing {
        Timing {
            received_at: Some(received_at.into()),
            planned: Some(to_proto(spent.planned())),
            waited: Some(to_proto(spent.waited())),
            queued: Some(to_proto(spent.queued())),
            behavior: applied.text().into_owned(),
            fault: fault.map(ToString::to_string).unwrap_or_default(),
            ..self.timing_without_wait()
        }
    }

    /// The timing of a message that is refused, and therefore did not wait.
    pub(crate) fn timing_of_refused(&self) -> Timing {
        Timing {
            received_at: Some(SystemTime::now().into()),
            waited: Some(to_proto(Duration::ZERO)),
            ..self.timing_without_wait()
        }
    }

    /// The timing of a call that ends this way now, without an answer.
    pub(crate) fn timing_at_end(&self, ending: &Ending) -> Timing {
        let now = self.now();
        let state = self.state();
        let mut spent = state.spent;
        let mut has_planned = state.waited_until.is_some();
        if let Some(wait) = self.waiting.under_way(self.arrived) {
            let whole = state.cut_short(wait, now);
            spent += whole.with_waited(state.waited_since(wait.start, now));
            has_planned = true;
        } else if let (false, Some(over)) = (has_planned, self.waiting.over(self.arrived)) {
            // The wait has run out, but the call ends before its answer does.
            (spent, has_planned) = (over, true);
        }
        let fault = ending.planned().or(state.answer_fault.as_deref());
        let is_before = fault.is_some_and(|fault| fault.moment() == FaultMoment::Before);
        // Such a call has not come to its wait.
        let is_at_once = is_before || matches!(ending, Ending::Shed(_));
        // A call that Envoy's headers abort does not get as far as the queue.
        let is_queued = !is_at_once && !fault.is_some_and(FaultClause::is_abort);
        // The messages of an exchange are queued concurrently, so there is no figure of the call.
        let is_queued = is_queued && (has_planned || self.kind != Some(CallKind::LongSyncExchange));
        let waited = if is_before { Duration::ZERO } else { spent.waited() };
        Timing {
            received_at: state.received_at.map(Into::into),
            planned: (has_planned && !is_at_once).then(|| to_proto(spent.planned())),
            waited: Some(to_proto(waited)),
            queued: is_queued.then(|| to_proto(spent.queued())),
            behavior: state.applied_text(),
            fault: fault.map(ToString::to_string).unwrap_or_default(),
            ..self.timing_without_wait()
        }
    }

    /// How long a call that ends now was queued, if its server ever lets calls be queued.
    pub(super) fn queued_at_end(&self, state: &State) -> Option<Duration> {
        let Shared { queue, stall, .. } = &**self.worker().shared();
        let was_shed = matches!(state.ending, Some(Ending::Shed(_)));
        if was_shed || queue.is_none() && stall.is_none() {
            return None;
        }
        let under_way = self.waiting.under_way(self.arrived);
        let cut_short = under_way.map(|wait| state.cut_short(wait, self.now()));
        cut_short.or_else(|| self.waiting.over(self.arrived)).map(WaitTimes::queued)
    }

    fn timing_without_wait(&self) -> Timing {
        Timing {
            queued: Some(to_proto(Duration::ZERO)),
            deadline_left: self.deadline.map(|deadline| to_proto(deadline.timeout())),
            server: self.worker().shared().host.clone(),
            worker: u32::try_from(self.worker().index()).unwrap_or(u32::MAX),
            attempt: self.attempt,
            ..Timing::default()
        }
    }
}

impl State {
    /// The text of the behavior that was applied to its last message.
    fn applied_text(&self) -> String {
        self.applied.as_ref().map(|applied| applied.text().into_owned()).unwrap_or_default()
    }

    /// The times of a wait that is cut short now.
    fn cut_short(&self, wait: Wait, now: Instant) -> WaitTimes {
        let waited = now.saturating_duration_since(wait.start);
        let spent = wait.cut_short(waited);
        match self.queued_wait() {
            Some(queued) => spent.with_queued(queued.queued_within(waited)),
            None => spent,
        }
    }

    /// How much of the time from `start` to `end` was not already counted by the previous wait.
    pub(super) fn waited_since(&self, start: Instant, end: Instant) -> Duration {
        end.saturating_duration_since(self.waited_until.map_or(start, |until| until.max(start)))
    }
}
