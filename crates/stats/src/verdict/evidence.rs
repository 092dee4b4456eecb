//! What a verdict rests on.

use std::time::Duration;

use crate::figures::Figures;
use crate::moment::whole_nanos;
use crate::run_loop::Loop;
use crate::share::Share;

/// What is known of a run, without its warm-up.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What made it send its next call.
    pub kind: Loop,
    /// What was measured of its calls.
    pub figures: &'a Figures,
    /// How many calls the schedule had due until sending was over: as many as [`Counts::due`](crate::Counts::due)
    /// says, or more if a worker was lost with calls that it had not come to. Not read in a closed loop.
    pub due: u64,
    /// What the processors did meanwhile; [`None`] on systems that do not say it (Linux does).
    pub processors: Option<ProcessorTime<'a>>,
}

/// What the processors did while calls were recorded.
#[derive(Debug, Clone, Copy)]
pub struct ProcessorTime<'a> {
    /// Of each worker's thread, in the order of the workers.
    pub workers: &'a [WorkerTime],
    /// The time that the hypervisor gave to other machines, among the time of all processors; [`None`] if unknown.
    pub steal: Option<Share>,
}

/// Where the time of a worker's thread went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkerTime {
    /// How long it was looked at.
    pub wall: Duration,
    /// How long it ran (first number of Linux's `schedstat`).
    pub cpu: Duration,
    /// How long of that it polled before due times. Of a turn with other work, up to 3 us count as well.
    pub polled: Duration,
    /// How long it was runnable and had no core (second number of `schedstat`).
    pub runnable: Duration,
}

impl WorkerTime {
    /// How much of the time it worked; [`None`] if it was not looked at for any time.
    pub fn busy(&self) -> Option<Share> {
        self.share(self.cpu.saturating_sub(self.polled))
    }

    /// How much of the time it waited for a core; [`None`] if it was not looked at for any time.
    pub fn run_delay(&self) -> Option<Share> {
        self.share(self.runnable)
    }

    /// Two clocks were read one after the other: a part may be longer than the whole by what lies between.
    fn share(&self, part: Duration) -> Option<Share> {
        let whole = whole_nanos(self.wall);
        Share::of(whole_nanos(part).min(whole), whole)
    }
}
