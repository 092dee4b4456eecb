//! The faults that a race asks for, as far as they are known before a call ends. Pure.

use std::time::Duration;

use longsync_behavior::{Behavior, CallName, DrawKey, Fault, FaultClause, Faults, ResetCode};

use crate::race::delays::{RaceDelays, call_id};

/// The faults of a race's behavior.
#[derive(Debug, Clone, Copy)]
pub(super) struct RaceFaults<'a> {
    behavior: &'a Behavior,
    /// The seed by which they are drawn, if it is known.
    seed: Option<u64>,
}

impl RaceDelays {
    /// The faults, if there are any.
    pub(super) fn faults(&self) -> Option<RaceFaults<'_>> {
        Some(RaceFaults { behavior: self.faulty()?, seed: self.seed() })
    }

    /// The fault of the call with this index, if it is known.
    pub(super) fn fault(&self, index: usize) -> Option<&FaultClause> {
        self.faults()?.of_call(index)
    }

    /// Whether the call with this index is known not to be answered, ever.
    pub(super) fn hangs(&self, index: usize) -> bool {
        self.fault(index).is_some_and(|clause| *clause.fault() == Fault::Hang)
    }
}

impl<'a> RaceFaults<'a> {
    fn clauses(self) -> &'a Faults {
        self.behavior.faults()
    }

    /// Whether the seed is known, and with it the fault of each call.
    pub(super) fn are_known(self) -> bool {
        self.seed.is_some()
    }

    /// The clause that leaves calls without any answer, if there is one.
    pub(super) fn hang(self) -> Option<&'a FaultClause> {
        self.clauses().clauses().find(|clause| *clause.fault() == Fault::Hang)
    }

    /// Whether the first attempts of each call fail.
    pub(super) fn are_of_attempts(self) -> bool {
        self.first_failure().is_some()
    }

    /// Each clause that leaves nothing behind that could name it.
    pub(super) fn silent(self) -> impl Iterator<Item = &'a FaultClause> {
        self.clauses().clauses().filter(|clause| is_silent(clause))
    }

    /// Each clause that ends a connection, on which there may be other calls.
    pub(super) fn of_connections(self) -> impl Iterator<Item = &'a FaultClause> {
        let ends =
            |clause: &&FaultClause| matches!(clause.fault(), Fault::Drop { .. } | Fault::GoAway(_));
        self.clauses().clauses().filter(ends)
    }

    /// How long a fault may hold up an answer after its delay.
    pub(super) fn longest_after(self) -> Duration {
        let after = |clause: &FaultClause| match clause.fault() {
            Fault::LateTrailers(by) => *by,
            Fault::Slow(rate) => Duration::from_nanos(rate.nanos_for(ANSWER_BYTES)),
            _ => Duration::ZERO,
        };
        self.clauses().clauses().map(after).max().unwrap_or_default()
    }

    /// The fault of the call with this index.
    fn of_call(self, index: usize) -> Option<&'a FaultClause> {
        self.first_failure().or_else(|| self.drawn(index, 0))
    }

    /// The fault of an exchange's stream whose first message is the call with this index.
    pub(super) fn of_stream(self, first: usize) -> Option<&'a FaultClause> {
        self.drawn(first, 0).filter(|clause| clause.is_of_call())
    }

    /// The fault of the message at this position of the stream whose first message is the call with the index
    /// `first`.
    pub(super) fn of_message(self, first: usize, position: usize) -> Option<&'a FaultClause> {
        let drawn = || self.drawn(first + position, position as u64);
        self.first_failure().or_else(|| drawn().filter(|clause| !clause.is_of_call()))
    }

    /// The fault that is drawn for the call with this index as a message at this position.
    fn drawn(self, index: usize, position: u64) -> Option<&'a FaultClause> {
        let (seed, id) = (self.seed?, call_id(index));
        let key = DrawKey { seed, name: CallName::Id(&id), attempt: 1, index: position };
        self.behavior.draw_with_fault(&key).1.map(|clause| &**clause)
    }

    /// The `fail_first` that all calls fail by: each is a first attempt, and there is no second one.
    fn first_failure(self) -> Option<&'a FaultClause> {
        self.clauses().first_failure(|_| 1).map(|clause| &**clause)
    }

    /// Whether a call that the server refuses without processing it is made again, which is wrong if it was
    /// refused as planned: the same call would be refused again.
    pub(super) fn allow_retries(self, fault: Option<&FaultClause>) -> bool {
        let is_refusal = |clause: &FaultClause| match clause.fault() {
            Fault::Reset(code) => Some(*code) == REFUSED_STREAM,
            Fault::GoAway(code) => code.is_some(),
            _ => false,
        };
        match fault {
            Some(fault) => !is_refusal(fault),
            None => self.are_known() || !self.silent().any(is_refusal),
        }
    }
}

/// More than an answer of the race has: the longest text of a behavior, and some times.
const ANSWER_BYTES: u64 = 8 * 1024;

const REFUSED_STREAM: Option<ResetCode> = ResetCode::new(7);

/// Whether a call that it hits ends with nothing that could name it.
pub(super) fn is_silent(clause: &FaultClause) -> bool {
    !clause.is_answered() && !matches!(clause.fault(), Fault::Fail(_) | Fault::FailFirst { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, seed: Option<u64>) -> RaceDelays {
        let RaceDelays::Drawn { behavior, .. } = RaceDelays::drawn(text).unwrap() else {
            panic!("{text} is a behavior")
        };
        RaceDelays::Drawn { behavior, seed }
    }

    fn of_call(text: &str, seed: Option<u64>) -> Option<String> {
        drawn(text, seed).fault(0).map(ToString::to_string)
    }

    #[test]
    fn the_fault_of_a_call_is_known_if_the_seed_is() {
        assert_eq!(of_call("1ms", Some(1)), None);
        assert_eq!(of_call("1ms; reset(100%)", None), None);
        assert_eq!(of_call("1ms; reset(100%)", Some(1)).as_deref(), Some("reset(100%)"));
        let some = drawn("1ms; drop(50%)", Some(1));
        let hit = (0..1_000).filter(|index| some.fault(*index).is_some()).count();
        assert!((420..580).contains(&hit), "{hit}");
    }

    #[test]
    fn every_call_is_a_first_attempt() {
        let fault = of_call("fail(100%, INTERNAL); fail_first(2, ABORTED)", Some(1));
        assert_eq!(fault.as_deref(), Some("fail_first(2, ABORTED)"));
    }

    #[test]
    fn a_stream_has_the_faults_of_calls_and_its_messages_the_others() {
        let delays = drawn("1ms; reset(100%)", Some(1));
        let resets = delays.faults().unwrap();
        assert!(resets.of_stream(0).is_some() && resets.of_message(0, 3).is_none());
        let delays = drawn("1ms; hang(100%)", Some(1));
        let hangs = delays.faults().unwrap();
        assert!(hangs.of_stream(0).is_none() && hangs.of_message(0, 3).is_some());
        let delays = drawn("fail_first(1, ABORTED); reset(100%)", Some(1));
        let both = delays.faults().unwrap();
        assert!(both.of_stream(0).is_some() && both.of_message(0, 3).is_some());
    }

    #[test]
    fn a_planned_refusal_is_not_tried_again() {
        let may = |text: &str, seed| {
            let delays = drawn(text, seed);
            delays.faults().unwrap().allow_retries(delays.fault(0))
        };
        for refusal in ["reset(100%, REFUSED_STREAM)", "goaway(100%, ENHANCE_YOUR_CALM)"] {
            assert!(!may(refusal, Some(1)) && !may(refusal, None), "{refusal}");
        }
        for other in
            ["reset(100%, CANCEL)", "drop(100%)", "goaway(100%)", "fail(100%, UNAVAILABLE)"]
        {
            assert!(may(other, Some(1)) && may(other, None), "{other}");
        }
        // Another call on a connection that goes away is made again.
        assert!(may("goaway(0%, NO_ERROR)", Some(1)));
    }

    #[test]
    fn what_leaves_no_answer_is_silent() {
        let delays = drawn(
            "fail(1%, INTERNAL); reset(1%); hang(1%); goaway(1%); goaway(1%, CANCEL); drop(1%); \
             slow(1%, 1B/s); late_trailers(1%, 1s); fail_first(1, INTERNAL)",
            None,
        );
        let texts = |clauses: Vec<&FaultClause>| -> Vec<_> {
            clauses.into_iter().map(|clause| clause.fault().name()).collect()
        };
        let faults = delays.faults().unwrap();
        assert_eq!(texts(faults.silent().collect()), ["reset", "hang", "goaway", "drop"]);
        assert_eq!(texts(faults.of_connections().collect()), ["goaway", "goaway", "drop"]);
    }
}
