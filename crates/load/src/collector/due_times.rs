//! How many calls are due in each second.

use std::iter::Peekable;
use std::num::NonZeroUsize;

use longsync_stats::Moment;

use crate::plan::LoadPlan;
use crate::schedule::Share;

/// The due times of a run's recorded calls, counted as they pass. Workers may be late to count them.
pub(super) struct DueTimes(Option<Peekable<Box<dyn Iterator<Item = Moment> + Send>>>);

impl DueTimes {
    /// None in a closed loop.
    pub(super) fn new<M>(plan: &LoadPlan<M>) -> Self {
        let arrivals = plan.schedule.arrivals(Share::of(0, NonZeroUsize::MIN));
        let (stop, from) = (plan.stop.clone(), Moment::START + plan.warm_up);
        Self(arrivals.map(|arrivals| {
            let allowed = arrivals.take_while(move |(number, due)| stop.allows(*number, *due));
            let due = allowed.map(|(_, due)| due).filter(move |due| *due >= from);
            (Box::new(due) as Box<dyn Iterator<Item = Moment> + Send>).peekable()
        }))
    }

    /// How many are due before this moment, and were not counted before; none that is due when the run is over.
    /// [`None`] in a closed loop.
    pub(super) fn until(&mut self, moment: Moment, over: Moment) -> Option<u64> {
        let times = self.0.as_mut()?;
        let mut count = 0;
        while times.next_if(|due| *due < moment && *due < over).is_some() {
            count += 1;
        }
        Some(count)
    }
}
