//! The delays of a race's calls, as far as they are known afterwards. Pure.

use std::time::Duration;

use crate::race::outcome::Race;

/// The delays of all calls of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) sum: Duration,
    pub(super) longest: Duration,
    /// Whether no delay is only what was to be expected.
    pub(super) is_known: bool,
}

impl Race {
    /// The delays of its calls: as they were asked for or drawn, else as the server accounted for them in any
    /// way, else as they were to be expected.
    pub(super) fn delays(&self) -> Planned {
        let mut planned = Planned { sum: Duration::ZERO, longest: Duration::ZERO, is_known: true };
        for index in 0..self.plan.calls.get() {
            let delay = self.delay(index);
            planned.is_known &= delay.is_some();
            let delay = delay.unwrap_or_else(|| self.plan.delays.of(index));
            planned.sum = planned.sum.saturating_add(delay);
            planned.longest = planned.longest.max(delay);
        }
        planned
    }

    /// That of the call with this index; [`None`] if it is not known.
    pub(super) fn delay(&self, index: usize) -> Option<Duration> {
        let told = || self.runs.iter().find_map(|run| run.rows.get(index)?.planned());
        self.plan.delays.known(index).or_else(told)
    }
}
