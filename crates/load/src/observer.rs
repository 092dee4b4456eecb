//! A run as it is seen while it goes on.

use std::time::Duration;

use longsync_stats::Figures;

/// Is told of a run's seconds, on the thread that collects them.
pub trait Observer: Send + 'static {
    /// A second of recorded time is over, and what was recorded of it is known. What this does delays no call,
    /// but takes time from the machine.
    fn second(&mut self, live: &Live<'_>);
}

/// Nobody looks.
impl Observer for () {
    fn second(&mut self, _: &Live<'_>) {}
}

/// What is known when a second of a run's recorded time is over.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Live<'a> {
    /// How much recorded time is over.
    pub elapsed: Duration,
    /// What became known in the last second.
    pub second: &'a Figures,
    /// What is known of the whole run.
    pub so_far: &'a Figures,
    /// How many calls were due in the last second; in a closed loop, how many were sent.
    pub due: u64,
    /// How many recorded calls are in flight.
    pub in_flight: u64,
    /// How many connections are open.
    pub connections: usize,
}

impl<'a> Live<'a> {
    /// A second of these figures, with as many calls due as there were. For tests of observers.
    #[doc(hidden)]
    pub fn of(elapsed: Duration, second: &'a Figures, so_far: &'a Figures) -> Self {
        let due = second.counts.due();
        Self { elapsed, second, so_far, due, in_flight: 0, connections: 1 }
    }
}
