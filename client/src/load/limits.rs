//! What limits the number of calls of a run that are in flight.

use longsync_stats::{BusiestPeriod, HeldBack, InFlightLimits};

use super::report::Report;

/// Why calls were not sent, if the plan or the target is the reason, and what would help.
pub(super) fn held_back(report: &Report) -> Vec<HeldBack> {
    let load = &report.load;
    let limits = InFlightLimits {
        max_in_flight: report.settings.max_in_flight,
        connections: load.connections as u64,
        streams_per_connection: Some(load.streams_per_connection),
    };
    HeldBack::all(&load.figures, BusiestPeriod::of(&load.intervals), limits)
}
