//! How many calls there were, and how they ended.

use std::collections::BTreeMap;

use longsync_connect::status::code_name;
use longsync_stats::{Counts, TransportFailure};
use serde::Serialize;
use tonic::Code;

/// The counts of a run, or of an interval of it.
#[derive(Serialize)]
pub(super) struct JsonCounts {
    due: u64,
    sent: u64,
    ended: u64,
    good: u64,
    failed: u64,
    unfinished: u64,
    /// By reason.
    not_sent: BTreeMap<&'static str, u64>,
    /// By name; only those that occurred.
    statuses: BTreeMap<&'static str, u64>,
    /// How the transport ended calls; only the ways that occurred.
    broken: BTreeMap<&'static str, u64>,
    /// Calls that this side ended at their deadline.
    cut: u64,
    /// Failed calls that ended `DEADLINE_EXCEEDED`: their service times are lower bounds.
    lower_bounds: u64,
    /// Answered calls with a planned delay of more than a second.
    long_waits: u64,
    bytes_in: u64,
    bytes_out: u64,
    connections_opened: u64,
    connections_lost: u64,
    connections_refused: u64,
}

impl JsonCounts {
    /// The counts of a complete run.
    pub(super) fn of(counts: &Counts) -> Self {
        Self::with_due(counts, counts.due())
    }

    /// The counts of an interval in which the given number of calls were due.
    pub(super) fn with_due(counts: &Counts, due: u64) -> Self {
        let broken = TransportFailure::ALL.into_iter().map(|how| (how.name(), counts.broken(how)));
        let name = |code| code_name(Code::from_i32(i32::from(code)));
        Self {
            due,
            sent: counts.sent,
            ended: counts.ended(),
            good: counts.good,
            failed: counts.failed(),
            unfinished: counts.unfinished,
            not_sent: counts.not_sent.by_reason().map(|(why, count)| (why.name(), count)).collect(),
            statuses: counts.statuses().map(|(code, count)| (name(code), count)).collect(),
            broken: broken.filter(|(_, count)| *count > 0).collect(),
            cut: counts.cut,
            lower_bounds: counts.lower_bounds,
            long_waits: counts.long_waits,
            bytes_in: counts.bytes_in,
            bytes_out: counts.bytes_out,
            connections_opened: counts.connections_opened,
            connections_lost: counts.connections_lost,
            connections_refused: counts.connections_refused,
        }
    }
}
