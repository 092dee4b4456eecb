//! What is unusual about the processors of a client.

use std::fmt;

use longsync_text::Percent;

use super::evidence::{Evidence, ProcessorTime, WorkerTime};
use super::percent::percent;
use crate::run_loop::Loop;
use crate::share::Share;

/// A worker that is busy for more than this has no time to spare.
pub(super) const BUSY: Percent = percent(90_000_000);
const RUN_DELAY: Percent = percent(5_000_000);
const STEAL: Percent = percent(1_000_000);

pub(super) const OWN_CORES: &str = "cores or a machine of its own for the client";

/// What is unusual about the processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sign {
    /// The busiest worker worked for over 90 % of the time. Only in an open loop; in a closed loop, it is an
    /// [`Effect`](super::Effect).
    Busy {
        /// Which, from 0.
        worker: usize,
        /// How much of the time.
        busy: Share,
    },
    /// The worker that was runnable without a core for longest was so for over 5 % of the time.
    RunDelay {
        /// Which, from 0.
        worker: usize,
        /// How much of the time.
        run_delay: Share,
    },
    /// The hypervisor gave over 1 % of the processors' time to other machines.
    Steal(Share),
}

/// All signs that the evidence shows.
pub(super) fn all(evidence: &Evidence<'_>) -> Vec<Sign> {
    let Some(processors) = evidence.processors else { return Vec::new() };
    let over = |share: &Share, limit| share.compare(limit).is_gt();
    let busy = busiest(processors)
        .filter(|(_, busy)| evidence.kind == Loop::Open && over(busy, BUSY))
        .map(|(worker, busy)| Sign::Busy { worker, busy });
    let run_delay = longest(processors, WorkerTime::run_delay)
        .filter(|(_, run_delay)| over(run_delay, RUN_DELAY))
        .map(|(worker, run_delay)| Sign::RunDelay { worker, run_delay });
    let steal = processors.steal.filter(|steal| over(steal, STEAL)).map(Sign::Steal);
    [busy, run_delay, steal].into_iter().flatten().collect()
}

/// The worker that worked for the greatest part of its time.
pub(super) fn busiest(processors: ProcessorTime<'_>) -> Option<(usize, Share)> {
    longest(processors, WorkerTime::busy)
}

fn longest(
    processors: ProcessorTime<'_>,
    share: impl Fn(&WorkerTime) -> Option<Share>,
) -> Option<(usize, Share)> {
    let shares = processors.workers.iter().map(share).enumerate();
    let shares = shares.filter_map(|(worker, share)| Some((worker, share?)));
    // Workers are observed for about the same time, so cross products of nanoseconds are exact.
    let key = |share: Share, other: Share| u128::from(share.part()) * u128::from(other.whole());
    shares.reduce(|most, next| if key(next.1, most.1) > key(most.1, next.1) { next } else { most })
}

impl Sign {
    /// What would help.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Busy { .. } => "more --workers if cores are free, or a lower rate",
            Self::RunDelay { .. } => OWN_CORES,
            Self::Steal(_) => "a machine that is not shared",
        }
    }
}

impl fmt::Display for Sign {
    /// A sentence without its full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { worker, busy } => {
                write!(f, "worker {worker} was busy for {} % of the time", busy.percent())
            }
            Self::RunDelay { worker, run_delay } => {
                write!(
                    f,
                    "worker {worker} waited for a core for {} % of the time",
                    run_delay.percent()
                )
            }
            Self::Steal(steal) => {
                write!(f, "the hypervisor took {} % of this machine's time", steal.percent())
            }
        }
    }
}
