//! How a way that takes one call after another would have gone on. Pure.

use std::time::Duration;

use crate::race::delays::RaceDelays;
use crate::race::outcome::{CallEnd, RaceCall};
use crate::race::plan::RacePlan;

/// How long calls are to take: each its delay, or less if it is cancelled before that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    delays: &'a RaceDelays,
    /// The longest that any may take.
    most: Duration,
}

impl<'a> Expected<'a> {
    /// The calls of a way whose calls can be cancelled.
    pub(super) fn of(plan: &'a RacePlan) -> Self {
        Self { delays: &plan.delays, most: plan.cancel_after().unwrap_or(Duration::MAX) }
    }

    /// The call with this index.
    pub(super) fn call(self, index: usize) -> Duration {
        self.delays.of(index).min(self.most)
    }
}

/// Whether the call with this index may still begin: it is to end within `most`.
pub(super) fn fits(
    index: usize,
    expected: Expected<'_>,
    elapsed: Duration,
    most: Duration,
) -> bool {
    elapsed.saturating_add(expected.call(index)) <= most
}

/// Adds the calls that were not made, up to `count`: each takes as long as it is to take and, on top, what the
/// calls that were made took on top of that.
pub(super) fn project(rows: &mut Vec<RaceCall>, expected: Expected<'_>, count: usize) {
    let on_top = on_top(rows, expected);
    let mut end = rows.last().and_then(RaceCall::done).unwrap_or_default();
    for index in rows.len()..count {
        let sent = end;
        end = end.saturating_add(expected.call(index)).saturating_add(on_top);
        rows.push(RaceCall { sent: Some(sent), end: CallEnd::Projected { done: end } });
    }
}

/// What a call took beyond what it was to take, on average.
fn on_top(rows: &[RaceCall], expected: Expected<'_>) -> Duration {
    let Some(end) = rows.last().and_then(RaceCall::done) else { return Duration::ZERO };
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    end.saturating_sub(planned(rows, expected)) / count
}

/// What the calls that were made were to take: if only the server knew their delays, by its account.
fn planned(rows: &[RaceCall], Expected { delays, most }: Expected<'_>) -> Duration {
    let expected = rows.iter().enumerate().map(|(index, row)| {
        let delay = delays.known(index).or_else(|| row.planned());
        delay.unwrap_or_else(|| delays.of(index)).min(most)
    });
    expected.fold(Duration::ZERO, Duration::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAYS: RaceDelays = RaceDelays::Constant(Duration::from_millis(100));
    const WHOLE: Expected<'_> = Expected { delays: &DELAYS, most: Duration::MAX };

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_was_measured_goes_on_as_it_went() {
        let made = |sent, done| RaceCall {
            sent: Some(millis(sent)),
            end: CallEnd::Answered { done: millis(done), planned: None, waited: None },
        };
        let mut rows = vec![made(0, 102), made(102, 204)];
        project(&mut rows, WHOLE, 5);
        assert_eq!(rows.len(), 5);
        let projected = |sent, done| RaceCall {
            sent: Some(millis(sent)),
            end: CallEnd::Projected { done: millis(done) },
        };
        assert_eq!(rows[2..], [projected(204, 306), projected(306, 408), projected(408, 510)]);
    }

    #[test]
    fn if_nothing_was_measured_only_the_delays_count() {
        let mut rows = Vec::new();
        project(&mut rows, WHOLE, 3);
        assert_eq!(rows.last().and_then(RaceCall::done), Some(millis(300)));
        project(&mut rows, WHOLE, 3);
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn what_is_projected_of_delays_that_only_the_server_knows_is_their_mean() {
        let behavior = "uniform(100ms, 300ms)".parse().unwrap();
        let delays = RaceDelays::Drawn { behavior, seed: None };
        let end = CallEnd::Answered { done: millis(292), planned: Some(millis(290)), waited: None };
        let mut rows = vec![RaceCall { sent: Some(millis(0)), end }];
        project(&mut rows, Expected { delays: &delays, most: Duration::MAX }, 2);
        assert_eq!(rows[1].done(), Some(millis(292 + 200 + 2)));
    }

    #[test]
    fn a_call_that_is_cancelled_is_projected_until_then() {
        let cancelled = Expected { delays: &DELAYS, most: millis(20) };
        let end = CallEnd::Cancelled { done: millis(21) };
        let mut rows = vec![RaceCall { sent: Some(millis(0)), end }];
        project(&mut rows, cancelled, 3);
        assert_eq!(rows.last().and_then(RaceCall::done), Some(millis(3 * 21)));
        assert!(fits(0, cancelled, millis(980), millis(1_000)));
    }

    #[test]
    fn a_call_that_ends_in_time_fits() {
        assert!(fits(0, WHOLE, millis(900), millis(1_000)));
        assert!(!fits(0, WHOLE, millis(901), millis(1_000)));
        assert!(fits(0, WHOLE, Duration::MAX, Duration::MAX));
    }
}
