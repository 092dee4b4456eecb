//! The evidence for a verdict.

use std::time::Duration;

use crate::figures::Figures;
use crate::moment::whole_nanos;
use crate::run_loop::Loop;
use crate::share::Share;

/// The figures of a run, without its warm-up.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What made the run send its next call.
    pub kind: Loop,
    /// The figures of its calls.
    pub figures: &'a Figures,
    /// How many calls were due by the schedule until sending was over: as many as
    /// [`Counts::due`](crate::Counts::due) reports, or more if a worker was lost with calls that it had not
    /// got to. Ignored in a closed loop.
    pub due: u64,
    /// What the processors did meanwhile; [`None`] on systems that do not report it (Linux does).
    pub processors: Option<ProcessorTime<'a>>,
}

/// What the processors did while calls were recorded.
#[derive(Debug, Clone, Copy)]
pub struct ProcessorTime<'a> {
    /// Of each worker's thread, in the order of the workers.
    pub workers: &'a [WorkerTime],
    /// The share of all processors' time that the hypervisor gave to other machines; [`None`] if unknown.
    pub steal: Option<Share>,
}

/// Where the time of a worker's thread went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkerTime {
    /// How long it was observed.
    pub wall: Duration,
    /// How long it ran (first number of Linux's `schedstat`).
    pub cpu: Duration,
    /// How much of that time it polled before due times. Up to 3 us of a turn with other work count as well.
    pub polled: Duration,
    /// How long it was runnable and had no core (second number of `schedstat`).
    pub runnable: Duration,
}

impl WorkerTime {
    /// How much of the time it worked; [`None`] if it was not observed for any time.
    pub fn busy(&self) -> Option<Share> {
        self.share(self.cpu.saturating_sub(self.polled))
    }

    /// How much of the time it waited for a core; [`None`] if it was not observed for any time.
    pub fn run_delay(&self) -> Option<Share> {
        self.share(self.runnable)
    }

    /// Two clocks were read one after the other, so a part may be longer than the whole by the time between
    /// the readings.
    fn share(&self, part: Duration) -> Option<Share> {
        let whole = whole_nanos(self.wall);
        Share::of(whole_nanos(part).min(whole), whole)
    }
}
