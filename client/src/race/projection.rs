//! Projects the calls that the sequential way had no time to make. Pure.

use std::time::Duration;

use crate::race::delays::RaceDelays;
use crate::race::outcome::{CallEnd, RaceCall};
use crate::race::plan::RacePlan;
use crate::race::way::Way;

/// The expected durations of calls: each call's delay, or less if it is cancelled earlier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    delays: &'a RaceDelays,
    /// The longest that a call may take.
    most: Duration,
}

impl<'a> Expected<'a> {
    /// For sequential calls, which can be cancelled.
    pub(super) fn of(plan: &'a RacePlan) -> Self {
        let most = plan.most_time(Way::Sequential).unwrap_or(Duration::MAX);
        Self { delays: &plan.delays, most }
    }

    /// The expected duration of the call with this index.
    pub(super) fn call(self, index: usize) -> Duration {
        if self.delays.hangs(index) { self.most } else { self.delays.of(index).min(self.most) }
    }
}

/// Whether the call with this index may start, because it is expected to end within `most`.
pub(super) fn fits(
    index: usize,
    expected: Expected<'_>,
    elapsed: Duration,
    most: Duration,
) -> bool {
    elapsed.saturating_add(expected.call(index)) <= most
}

/// Adds the calls that were not made, up to `count`: each takes its expected duration plus the mean overhead
/// of the calls that were made.
pub(super) fn project(rows: &mut Vec<RaceCall>, expected: Expected<'_>, count: usize) {
    let on_top = on_top(rows, expected);
    let mut end = rows.last().and_then(RaceCall::done).unwrap_or_default();
    for index in rows.len()..count {
        let sent = end;
        end = end.saturating_add(expected.call(index)).saturating_add(on_top);
        rows.push(RaceCall { sent: Some(sent), end: CallEnd::Projected { done: end } });
    }
}

/// The mean overhead: how much longer calls took than expected.
fn on_top(rows: &[RaceCall], expected: Expected<'_>) -> Duration {
    let Some(end) = rows.last().and_then(RaceCall::done) else { return Duration::ZERO };
    let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    end.saturating_sub(planned(rows, expected)) / count
}

/// The total expected duration of the calls that were made. Delays which only the server knows are those that
/// it reported.
fn planned(rows: &[RaceCall], Expected { delays, most }: Expected<'_>) -> Duration {
    let expected = rows.iter().enumerate().map(|(index, row)| {
        if delays.hangs(index) {
            return most;
        }
        let delay = delays.known(index).or_else(|| row.delayed());
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
    fn projected_calls_take_as_long_as_measured_ones() {
        let made = |sent, done| RaceCall {
            sent: Some(millis(sent)),
            end: CallEnd::answered(millis(done), None, None),
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
    fn without_measured_calls_only_the_delays_count() {
        let mut rows = Vec::new();
        project(&mut rows, WHOLE, 3);
        assert_eq!(rows.last().and_then(RaceCall::done), Some(millis(300)));
        project(&mut rows, WHOLE, 3);
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn delays_that_only_the_server_knows_are_projected_by_their_mean() {
        let behavior = "uniform(100ms, 300ms)".parse().unwrap();
        let delays = RaceDelays::Drawn { behavior, seed: None };
        let end = CallEnd::answered(millis(292), Some(millis(290)), None);
        let mut rows = vec![RaceCall { sent: Some(millis(0)), end }];
        project(&mut rows, Expected { delays: &delays, most: Duration::MAX }, 2);
        assert_eq!(rows[1].done(), Some(millis(292 + 200 + 2)));
    }

    #[test]
    fn a_call_to_be_cancelled_is_projected_up_to_its_cancellation() {
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
