//! How many calls are due in each second.

use std::iter::Peekable;
use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_stats::Moment;

use crate::plan::LoadPlan;
use crate::schedule::{DueTimes, WorkerShare};
use crate::stop::StopCondition;

/// Counts the due times of a run's recorded calls as they pass. Workers may be late to count them.
#[derive(Debug)]
pub(super) struct DueCounter {
    times: Option<Peekable<DueTimes>>,
    stop: StopCondition,
    warm_up: Duration,
}

impl DueCounter {
    /// The due times of this plan; a closed loop has none.
    pub(super) fn new<M>(plan: &LoadPlan<M>) -> Self {
        let times = plan.schedule.due_times(plan.warm_up, WorkerShare::of(0, NonZeroUsize::MIN));
        Self {
            times: times.map(Iterator::peekable),
            stop: plan.stop.clone(),
            warm_up: plan.warm_up,
        }
    }

    /// How many calls are due before this moment and were not counted before. [`None`] in a closed loop.
    pub(super) fn until(&mut self, moment: Moment) -> Option<u64> {
        let Self { times, stop, warm_up } = self;
        let times = times.as_mut()?;
        let mut count = 0;
        while let Some(arrival) =
            times.next_if(|arrival| arrival.due < moment && stop.allows_arrival(arrival, *warm_up))
        {
            count += u64::from(!arrival.is_warm_up);
        }
        Some(count)
    }
}
