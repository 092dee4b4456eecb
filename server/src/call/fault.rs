//! What planned faults do to a call.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use longsync_behavior::{Fault, FaultClause};

use super::Call;
use crate::call::ending::Ending;
use crate::call::plan::Plan;
use crate::call::refusal::Refusal;
use crate::call::wait::{Wait, WaitTimes};
use crate::record::CloseReason;

impl Call {
    /// Counts a fault that is applied to the call, or to one of its messages.
    pub(crate) fn count_fault(&self, clause: &FaultClause) {
        self.worker().counters().fault(clause);
    }

    /// Counts this attempt of a call that will be served as planned, and lets it fail if it is one of the first
    /// and its behavior has a `fail_first`. `call_id` is that of its message, which may be empty.
    #[inline]
    pub(crate) fn count_attempt(&self, plan: &mut Plan, call_id: &str) {
        let has_faults =
            plan.applied.behavior().is_some_and(|behavior| !behavior.faults().is_empty());
        if has_faults && !plan.is_aborted() {
            self.count_attempt_of(plan, call_id);
        }
    }

    #[inline(never)]
    fn count_attempt_of(&self, plan: &mut Plan, call_id: &str) {
        let first = plan.applied.first_failure(|clause| {
            if self.states_attempt {
                return self.attempt;
            }
            let clause = clause.to_string();
            let state = self.state();
            let name = if call_id.is_empty() { &state.call_id } else { call_id };
            self.worker().shared().seen_calls().count(&clause, name)
        });
        if let Some(first) = first {
            plan.fault = Some(Arc::clone(first));
        }
    }

    /// Checks that the caller may choose how the call is answered, which it does in `field`.
    ///
    /// # Errors
    /// If the server's behavior is fixed.
    pub(crate) fn may_choose(&self, field: &str) -> Result<(), Refusal> {
        if self.worker().shared().config.is_fixed {
            return Err(Refusal::invalid(field, longsync_behavior::FIXED));
        }
        Ok(())
    }

    /// Called before the wait for an answer whose place this fault takes: a call that will hang does not end
    /// at its deadline either.
    pub(crate) fn expect_fault(&self, clause: Option<&FaultClause>) {
        if clause.is_some_and(|clause| *clause.fault() == Fault::Hang) {
            self.has_no_deadline.store(true, Ordering::Relaxed);
        }
    }

    /// The ending by a fault that takes the place of an answer, before any wait for that answer.
    #[cold]
    pub(crate) fn ending_by(&self, clause: &Arc<FaultClause>) -> Ending {
        self.count_fault(clause);
        Ending::Planned(Arc::clone(clause))
    }

    /// The ending by a fault that takes the place of an answer which is due: its wait is over.
    #[cold]
    pub(crate) fn ending_after(
        &self,
        clause: &Arc<FaultClause>,
        wait: Wait,
        spent: WaitTimes,
    ) -> Ending {
        self.add_spent(wait, spent);
        self.ending_by(clause)
    }

    /// Ends the call this way if that leaves no answer, not even a status: [`None`] for all other endings.
    /// Ready if its stream must be reset; pending if it hangs, or if its connection is about to be closed.
    /// What was handed over for the call must have gone out before.
    #[cold]
    pub(crate) fn end_unanswered(&self, ending: &Ending) -> Option<Poll<ResetByPlan>> {
        let clause = ending.planned()?;
        let end = match clause.fault() {
            Fault::Reset(code) => {
                self.record.expect_reset();
                Poll::Ready(ResetByPlan(h2::Error::from(h2::Reason::from(code.number()))))
            }
            Fault::Hang => {
                self.expect_fault(Some(clause));
                if !self.is_hung.swap(true, Ordering::Relaxed) {
                    // A drain does not wait for it.
                    self.worker().call_ended();
                    self.release_answer();
                }
                Poll::Pending
            }
            Fault::GoAway(Some(code)) => {
                let code = code.number();
                self.record.wish_to_close(CloseReason::GoAway { code, stream: self.stream });
                Poll::Pending
            }
            Fault::Drop { is_reset } => {
                self.record.wish_to_close(CloseReason::Dropped { is_reset: *is_reset });
                Poll::Pending
            }
            _ => return None,
        };
        self.finish(ending.clone());
        Some(end)
    }

    /// Whether the behavior of its headers, or else that of its server, can end an exchange before its first
    /// answer. The first message may bring another behavior, but its client may wait for headers before it
    /// sends that.
    pub(crate) fn may_end_without_headers(&self) -> bool {
        let asked = self.asked.as_deref();
        if asked.is_some_and(|asked| asked.envoy.may_abort()) {
            return true;
        }
        let header =
            asked.and_then(|asked| asked.behavior.as_ref().or(asked.rpc_behavior.as_ref()));
        let behavior = match header {
            Some(Ok(behavior)) => behavior,
            Some(Err(_)) => return false,
            None => self.worker().default_behavior(),
        };
        let mut faults = behavior.faults().clauses();
        faults.any(|fault| fault.is_of_call() && !fault.is_answered() && fault.at() == 0)
    }

    pub(crate) fn is_hung(&self) -> bool {
        self.is_hung.load(Ordering::Relaxed)
    }

    /// Called when the call's answer begins: a fault may say how the answer is sent, or that the client must
    /// open no more calls on the connection.
    #[inline]
    pub(crate) fn begins_answer(&self, clause: Option<&Arc<FaultClause>>) {
        if let Some(clause) = clause.filter(|clause| clause.is_answered()) {
            self.begins_faulty_answer(clause);
        }
    }

    #[cold]
    fn begins_faulty_answer(&self, clause: &Arc<FaultClause>) {
        self.count_fault(clause);
        if *clause.fault() == Fault::GoAway(None) {
            self.record.wish_for_goaway();
        }
        self.state().answer_fault = Some(Arc::clone(clause));
        if Delivery::of(clause).is_some() {
            self.has_delivery.store(true, Ordering::Relaxed);
        }
    }

    /// How the answer is sent, if not as fast as it can be.
    pub(crate) fn delivery(&self) -> Option<Delivery> {
        if !self.has_delivery.load(Ordering::Relaxed) {
            return None;
        }
        self.state().answer_fault.as_deref().and_then(Delivery::of)
    }
}

/// The error that makes HTTP reset a stream, or close an HTTP/1.1 connection, as planned.
#[derive(Debug, thiserror::Error)]
#[error("reset as planned")]
pub(crate) struct ResetByPlan(#[source] h2::Error);

/// How the end of an answer differs from the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is sent at this rate.
    At(longsync_text::ByteRate),
    /// It ends this much later.
    EndsLater(Duration),
}

impl Delivery {
    /// The delivery that a fault plans, if it does.
    pub(crate) fn of(clause: &FaultClause) -> Option<Self> {
        match clause.fault() {
            Fault::Slow(rate) => Some(Self::At(*rate)),
            Fault::LateTrailers(by) => Some(Self::EndsLater(*by)),
            _ => None,
        }
    }
}
