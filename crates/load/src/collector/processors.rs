//! What the processors did while calls were recorded.

use std::time::{Duration, Instant};

use longsync_stats::{Share, WorkerTime};

use crate::board::Board;
use crate::threads::{self, ThreadTimes};

/// What the processors did while calls were recorded: from the end of the warm-up until sending was over.
#[derive(Debug, Default)]
pub(crate) struct Processors {
    first: Option<CpuTimes>,
    last: Option<CpuTimes>,
}

/// What the system and the workers reported at one point in time.
#[derive(Debug, Clone)]
struct CpuTimes {
    at: Instant,
    /// The times of each worker's thread, and how long it has polled on purpose.
    threads: Vec<(ThreadTimes, Duration)>,
    stolen: Option<(u64, u64)>,
}

impl Processors {
    /// Reads the times spent until now. The account begins with the first of them.
    pub(super) fn read(&mut self, board: &Board, now: Instant) {
        let threads: Option<Vec<_>> = board
            .threads()
            .map(|(thread, polled)| Some((threads::spent(thread)?, polled)))
            .collect();
        // A thread that has ended reports nothing more; its last report counts.
        let Some(threads) = threads else { return };
        let times = CpuTimes { at: now, threads, stolen: threads::stolen() };
        if self.first.is_none() {
            self.first = Some(times);
        } else {
            self.last = Some(times);
        }
    }

    /// How the workers spent their time, and how much a hypervisor took; [`None`] if the system does not
    /// report it.
    pub(crate) fn spent(&self) -> Option<(Vec<WorkerTime>, Option<Share>)> {
        let (first, last) = (self.first.as_ref()?, self.last.as_ref()?);
        let wall = last.at.saturating_duration_since(first.at);
        let between =
            |((before, polled_before), (after, polled)): (&(ThreadTimes, _), &(ThreadTimes, _))| {
                WorkerTime {
                    wall,
                    cpu: after.cpu.saturating_sub(before.cpu),
                    polled: Duration::saturating_sub(*polled, *polled_before),
                    runnable: after.runnable.saturating_sub(before.runnable),
                }
            };
        let workers = first.threads.iter().zip(&last.threads).map(between).collect();
        let stolen = first.stolen.zip(last.stolen).and_then(|(before, after)| {
            Share::of(after.0.saturating_sub(before.0), after.1.saturating_sub(before.1))
        });
        Some((workers, stolen))
    }
}
