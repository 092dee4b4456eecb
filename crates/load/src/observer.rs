//! A view of a run while it continues.

use std::time::Duration;

use longsync_stats::Figures;

/// Is notified of each second of a run, on the thread that collects them.
pub trait Observer: Send + 'static {
    /// Called when a second of recorded time is over, with everything that was recorded in it. This delays no
    /// call, but uses the machine's processors.
    fn second(&mut self, live: &Live<'_>);
}

/// An observer that ignores everything.
impl Observer for () {
    fn second(&mut self, _: &Live<'_>) {}
}

/// The state of a run when a second of its recorded time is over.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Live<'a> {
    /// How much recorded time has passed.
    pub elapsed: Duration,
    /// What became known in the last second.
    pub second: &'a Figures,
    /// What is known about the entire run so far.
    pub so_far: &'a Figures,
    /// How many calls were due in the last second; in a closed loop, how many were sent.
    pub due: u64,
    /// How many recorded calls are in flight.
    pub in_flight: u64,
    /// How many connections are open.
    pub connections: usize,
}

impl<'a> Live<'a> {
    /// A second with these figures, in which the calls that were due are those counted in them. For tests of
    /// observers.
    #[doc(hidden)]
    pub fn of(elapsed: Duration, second: &'a Figures, so_far: &'a Figures) -> Self {
        let due = second.counts.due();
        Self { elapsed, second, so_far, due, in_flight: 0, connections: 1 }
    }
}
