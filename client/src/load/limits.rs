//! What limits how many calls of a run are in flight.

use longsync_stats::{BusiestPeriod, HeldBack, InFlightLimits};

use super::report::Report;

/// Why calls were not sent, as far as it was the plan's or the target's doing, and what would help.
pub(super) fn held_back(report: &Report) -> Vec<HeldBack> {
    let load = &report.load;
    let limits = InFlightLimits {
        max_in_flight: report.settings.max_in_flight,
        connections: load.connections as u64,
        streams_per_connection: Some(load.streams_per_connection),
    };
    HeldBack::all(&load.figures, BusiestPeriod::of(&load.intervals), limits)
}
