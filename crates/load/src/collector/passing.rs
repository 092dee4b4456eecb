//! How many calls are due in each second.

use std::num::NonZeroUsize;

use longsync_stats::Moment;

use crate::due_calls::DueCalls;
use crate::plan::LoadPlan;
use crate::schedule::WorkerShare;

/// Counts the due times of a run's recorded calls as they pass. Workers may be late to count them.
#[derive(Debug)]
pub(super) struct DueCounter(Option<DueCalls>);

impl DueCounter {
    /// The due times of this plan; a closed loop has none.
    pub(super) fn new<M>(plan: &LoadPlan<M>) -> Self {
        let whole = WorkerShare::of(0, NonZeroUsize::MIN);
        Self(DueCalls::new(&plan.schedule, &plan.stop, plan.warm_up, whole))
    }

    /// How many calls are due before this moment and were not counted before. [`None`] in a closed loop.
    pub(super) fn until(&mut self, moment: Moment) -> Option<u64> {
        let calls = self.0.as_mut()?;
        let mut count = 0;
        loop {
            let passed = calls.pass(moment);
            count += passed.recorded;
            if passed.is_complete {
                return Some(count);
            }
        }
    }
}
