//! `/stats.json`: the counters as JSON, in the schema `longsync.stats/v1`.
//!
//! Everything is counted from the server's start. For the figures of a period, a reader subtracts two
//! answers, so each reader chooses its own period. Lateness is given as buckets to make that possible.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::shared::Shared;
use crate::shared::counters::{CallKind, DurationHistogram, Outcome, Snapshot};
use crate::shared::queue::QueueCounts;

/// The width of a bucket is at most 1 / 2^`PRECISION_BITS` of its values: a sixteenth.
const PRECISION_BITS: u32 = 4;

/// Renders the counters and the uptime at `now`.
pub(super) fn render(shared: &Shared, now: Instant) -> String {
    let (uptime, connections) = (shared.uptime(now), shared.open_connections());
    let queue = shared.queue_counts();
    shared.counters.read(|snapshot| json(snapshot, uptime, connections, queue))
}

fn json(
    snapshot: &Snapshot,
    uptime: Duration,
    connections: usize,
    queue: Option<QueueCounts>,
) -> String {
    let started = CallKind::ALL.map(|kind| (kind.name(), snapshot.calls_started(kind).to_string()));
    let ended = CallKind::ALL.map(|kind| {
        let of = |outcome| snapshot.calls_ended(kind, outcome).to_string();
        (kind.name(), object(Outcome::ALL.map(|outcome| (outcome.name(), of(outcome)))))
    });
    let queue = queue.map(|counts| ("queue", queue_of(snapshot, counts)));
    let always = [
        ("schema", "\"longsync.stats/v1\"".to_owned()),
        ("uptime_ns", uptime.as_nanos().to_string()),
        ("connections", connections.to_string()),
        ("calls_in_flight", snapshot.calls_in_flight().to_string()),
        ("calls_started", object(started)),
        ("calls_ended", object(ended)),
        ("faults", faults(snapshot)),
        ("lateness", figure(snapshot.lateness())),
        ("cancelled_after", figure(snapshot.cancelled_after())),
    ];
    let mut json = object(always.into_iter().chain(queue));
    json.push('\n');
    json
}

/// What a server's queue holds and has counted.
fn queue_of(snapshot: &Snapshot, counts: QueueCounts) -> String {
    object([
        ("standing", counts.standing.to_string()),
        ("busy", counts.busy.to_string()),
        ("shed", counts.shed.to_string()),
        ("wasted_ns", counts.wasted.as_nanos().to_string()),
        ("queued", snapshot.queued().map_or_else(|| "null".to_owned(), figure)),
    ])
}

/// How often each fault was applied, by clause. A clause is visible ASCII.
fn faults(snapshot: &Snapshot) -> String {
    let escaped = |clause: &str| clause.replace('\\', "\\\\").replace('"', "\\\"");
    let all = snapshot.faults().map(|(clause, count)| format!("\"{}\":{count}", escaped(clause)));
    format!("{{{}}}", all.collect::<Vec<_>>().join(","))
}

/// An object whose members are already JSON. The names are our own, and need no escaping.
fn object(members: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut object = String::from("{");
    for (name, value) in members {
        let comma = if object.len() > 1 { "," } else { "" };
        let _ = write!(object, "{comma}\"{name}\":{value}");
    }
    object + "}"
}

fn figure(figure: &DurationHistogram) -> String {
    let rank = |part| match figure.at_rank(part, 100) {
        Some(value) => value.as_nanos().to_string(),
        None => "null".to_owned(),
    };
    let buckets: Vec<_> = buckets(figure)
        .into_iter()
        .map(|(up_to, count)| format!("{{\"up_to_ns\":{up_to},\"count\":{count}}}"))
        .collect();
    object([
        ("count", figure.count().to_string()),
        ("sum_ns", figure.sum().as_nanos().to_string()),
        ("p50_ns", rank(50)),
        ("p99_ns", rank(99)),
        ("buckets", format!("[{}]", buckets.join(","))),
    ])
}

/// The non-empty buckets in ascending order: the greatest value and the count of each. The histogram's own
/// buckets are only a thousandth of their values wide; there would be too many of them.
fn buckets(figure: &DurationHistogram) -> Vec<(u64, u64)> {
    let mut buckets: Vec<(u64, u64)> = Vec::new();
    for (nanos, count) in figure.recorded() {
        let up_to = top(nanos);
        match buckets.last_mut() {
            Some(last) if last.0 == up_to => last.1 += count,
            _ => buckets.push((up_to, count)),
        }
    }
    buckets
}

/// The greatest value of the bucket that contains a value.
fn top(value: u64) -> u64 {
    let dropped = value.checked_ilog2().unwrap_or(0).saturating_sub(PRECISION_BITS);
    value | ((1 << dropped) - 1)
}

#[cfg(test)]
mod tests {
    use longsync_behavior::Behavior;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The greatest value of a bucket is at least each of its values, and at most a sixteenth above them.
        /// A greater value is never in a lower bucket.
        #[test]
        fn buckets_are_at_most_a_sixteenth_wide(value in 0_u64..1 << 47, more in 0_u64..1 << 47) {
            prop_assert!(top(value) >= value && top(value) - value <= value / 16);
            prop_assert!(top(value) <= top(value + more));
            prop_assert_eq!(top(top(value)), top(value));
        }

        /// Every value is counted exactly once, and buckets are strictly ascending.
        #[test]
        fn every_value_is_counted_once(nanos in proptest::collection::vec(0_u64..1 << 46, 0..50)) {
            let mut snapshot = Snapshot::new(&Behavior::constant(Duration::ZERO));
            for nanos in &nanos {
                snapshot.late(Duration::from_nanos(*nanos));
            }
            let buckets = buckets(snapshot.lateness());
            prop_assert!(buckets.is_sorted_by(|lower, upper| lower.0 < upper.0));
            prop_assert_eq!(buckets.iter().map(|(_, count)| count).sum::<u64>(), nanos.len() as u64);
        }
    }

    #[test]
    fn the_counters_as_json() {
        let mut snapshot = Snapshot::new(&Behavior::constant(Duration::ZERO));
        for nanos in [2_000, 2_010, 40_000] {
            snapshot.start(CallKind::LongSync);
            snapshot.late(Duration::from_nanos(nanos));
            snapshot.end(CallKind::LongSync, Outcome::Answered);
        }
        snapshot.start(CallKind::Http);
        snapshot.start(CallKind::Http);
        snapshot.cancelled(Duration::from_millis(200));
        snapshot.end(CallKind::Http, Outcome::Cancelled);
        insta::assert_snapshot!(json(&snapshot, Duration::from_secs(3), 2, None));
    }
}
