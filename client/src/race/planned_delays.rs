//! The delays of a race's calls, as far as they are known after the race. Pure.

use std::time::Duration;

use crate::race::delays::RaceDelays;
use crate::race::outcome::{Race, WayRun};
use crate::race::way::Way;

/// The delays of all calls of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlannedDelays {
    pub(super) sum: Duration,
    pub(super) longest: Duration,
    /// Whether every delay is known, and none had to be estimated.
    pub(super) is_known: bool,
}

impl PlannedDelays {
    /// The delays of a way, as the calls asked for them. A drawn delay is taken from the server's report, or
    /// else from the seed, from another way's report, or from the mean.
    pub(super) fn of(race: &Race, run: &WayRun) -> Self {
        let mut planned = Self { sum: Duration::ZERO, longest: Duration::ZERO, is_known: true };
        for index in 0..race.plan.calls.get() {
            let told = |run: &WayRun| run.rows.get(index)?.delayed();
            let known =
                Self::of_hanging(race, run, index).or_else(|| race.plan.delays.known(index));
            let known = match race.plan.delays {
                RaceDelays::Constant(_) | RaceDelays::Jittered(_) => known,
                RaceDelays::Drawn { .. } => {
                    told(run).or(known).or_else(|| race.runs.iter().find_map(told))
                }
            };
            planned.is_known &= known.is_some();
            let delay = known.unwrap_or_else(|| race.plan.delays.of(index));
            planned.sum = planned.sum.saturating_add(delay);
            planned.longest = planned.longest.max(delay);
        }
        planned
    }

    /// How long a call that hangs is waited for. A message that hangs is not: its stream ends without it.
    fn of_hanging(race: &Race, run: &WayRun, index: usize) -> Option<Duration> {
        let is_waited_for = run.way != Way::Exchange && race.plan.delays.hangs(index);
        race.plan.most_time(run.way).filter(|_| is_waited_for)
    }

    /// Whether this number of delays are not all the same.
    pub(super) fn vary(&self, count: usize) -> bool {
        self.longest.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)) != self.sum
    }
}

impl Race {
    /// The time that the calls of a way take one after another: as measured or projected, or else the sum of
    /// its delays.
    pub fn one_by_one(&self, run: &WayRun) -> Duration {
        let measured = self.whole(Way::Sequential).map(|run| run.wall);
        measured.unwrap_or_else(|| PlannedDelays::of(self, run).sum)
    }
}
