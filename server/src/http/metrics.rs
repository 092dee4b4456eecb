//! `/metrics`: the workers' counters, merged on each scrape, in Prometheus's text format or `OpenMetrics`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::shared::Shared;
use crate::shared::counters::{CallKind, DurationHistogram, Outcome, Snapshot};
use crate::shared::format::Format;

const COUNTER: MetricType = MetricType::Counter;

/// Upper bounds, in nanoseconds.
const LATENESS_BUCKETS: &[u64] = &[
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    1_000_000_000,
];
const QUEUED_BUCKETS: &[u64] = &[
    0,
    100_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    60_000_000_000,
];
const CANCELLED_AFTER_BUCKETS: &[u64] = &[
    1_000_000,
    5_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    10_000_000_000,
    60_000_000_000,
    3_600_000_000_000,
];

/// The metrics of a server, as text.
pub(crate) fn render(shared: &Arc<Shared>, format: Format) -> String {
    let mut registry = Registry::with_prefix("longsync");
    registry.register_collector(Box::new(WorkerMetrics(Arc::clone(shared))));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string does not fail");
    if format == Format::OpenMetrics { text } else { to_text(&text) }
}

/// Converts `OpenMetrics` to the older Prometheus text format: there, the name of a counter itself ends with
/// `_total`, and there are no units and no end marker. Samples are the same in both.
fn to_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let described = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        match described.and_then(|described| described.split_once(' ')) {
            Some((name, rest)) => {
                let is_type = line.starts_with("# TYPE ");
                let is_counter = is_type && rest == "counter"
                    || lines.peek().is_some_and(|next| *next == format!("# TYPE {name} counter"));
                let total = if is_counter { "_total" } else { "" };
                let what = &line[..line.len() - name.len() - rest.len() - 1];
                text.extend([what, name, total, " ", rest, "\n"]);
            }
            None => text.extend([line, "\n"]),
        }
    }
    text
}

#[derive(Debug)]
struct WorkerMetrics(Arc<Shared>);

impl Collector for WorkerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.counters.read(|snapshot| {
            calls(&mut encoder, snapshot)?;
            faults(&mut encoder, snapshot, &self.0)?;
            held(&mut encoder, snapshot, &self.0)?;
            figures(&mut encoder, snapshot)?;
            queue(&mut encoder, &self.0)
        })
    }
}

fn calls(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    let help = "Calls that arrived";
    let mut started = encoder.encode_descriptor("calls_started", help, None, COUNTER)?;
    for kind in CallKind::ALL {
        let count = snapshot.calls_started(kind);
        started
            .encode_family(&[("rpc", kind.name())])?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    let help = "Calls that ended, by outcome";
    let mut ended = encoder.encode_descriptor("calls_ended", help, None, COUNTER)?;
    for kind in CallKind::ALL {
        for outcome in Outcome::ALL {
            let count = snapshot.calls_ended(kind, outcome);
            ended
                .encode_family(&[("rpc", kind.name()), ("outcome", outcome.name())])?
                .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
    }
    Ok(())
}

fn faults(
    encoder: &mut DescriptorEncoder<'_>,
    snapshot: &Snapshot,
    shared: &Shared,
) -> fmt::Result {
    let help = "Planned faults that were applied, by clause; those of callers' behaviors together";
    let mut faults = encoder.encode_descriptor("faults", help, None, COUNTER)?;
    for (clause, count) in snapshot.faults() {
        faults
            .encode_family(&[("clause", clause)])?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    let help = "Calls remembered for fail_first";
    let (remembered, forgotten) = {
        let seen = shared.seen_calls();
        (seen.len() as u64, seen.forgotten())
    };
    encoder
        .encode_descriptor("fail_first_calls", help, None, MetricType::Gauge)?
        .encode_gauge(&remembered)?;
    let help = "Calls that fail_first has forgotten to make room for others";
    encoder
        .encode_descriptor("fail_first_forgotten", help, None, COUNTER)?
        .encode_counter::<NoLabelSet, _, u64>(&forgotten, None)
}

/// What the server currently holds, and the connections that it refused or closed.
fn held(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot, shared: &Shared) -> fmt::Result {
    let connections = shared.open_connections() as u64;
    let buffered = shared.buffered_bytes.taken();
    for (name, help, value) in [
        ("calls_in_flight", "Calls that arrived and have not ended", snapshot.calls_in_flight()),
        ("connections", "Open connections", connections),
        ("buffered_bytes", "Bytes of requests and answers held in memory", buffered),
    ] {
        encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
    }
    let help = "Connections over the limit, closed at once";
    let refused = shared.connections_refused.load(Ordering::Relaxed);
    encoder
        .encode_descriptor("connections_refused", help, None, COUNTER)?
        .encode_counter::<NoLabelSet, _, u64>(&refused, None)?;
    let help = "Connections closed because of what their clients did";
    let closed = shared.connections_of_walks.load(Ordering::Relaxed);
    encoder
        .encode_descriptor("connections_closed", help, None, COUNTER)?
        .encode_family(&[("reason", "window_changes")])?
        .encode_counter::<NoLabelSet, _, u64>(&closed, None)
}

fn figures(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    let queued = snapshot.queued().map(|queued| {
        let help = "How long each call and message that began service had stood in the queue";
        ("queued", help, queued, QUEUED_BUCKETS)
    });
    let always = [
        (
            "lateness",
            "How long after its due time each wait that ran out ended",
            snapshot.lateness(),
            LATENESS_BUCKETS,
        ),
        (
            "cancelled_after",
            "How long each cancelled call had waited",
            snapshot.cancelled_after(),
            CANCELLED_AFTER_BUCKETS,
        ),
    ];
    for (name, help, figure, bounds) in always.into_iter().chain(queued) {
        let seconds = Some(&Unit::Seconds);
        let metric = encoder.encode_descriptor(name, help, seconds, MetricType::Histogram)?;
        HistogramBuckets { figure, bounds }.encode(metric)?;
    }
    Ok(())
}

/// What the server's queue holds and has counted, if it has one.
fn queue(encoder: &mut DescriptorEncoder<'_>, shared: &Shared) -> fmt::Result {
    let Some(counts) = shared.queue_counts() else { return Ok(()) };
    for (name, help, value) in [
        ("queue_standing", "Calls and messages that stand in the queue", counts.standing),
        ("queue_busy", "Workers of the queue that are busy", counts.busy),
    ] {
        encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
    }
    let help = "Calls and messages that were refused because the queue was full";
    encoder
        .encode_descriptor("queue_shed", help, None, COUNTER)?
        .encode_counter::<NoLabelSet, _, u64>(&counts.shed, None)?;
    let help = "The planned service of calls that had ended before it did";
    encoder
        .encode_descriptor("wasted", help, Some(&Unit::Seconds), COUNTER)?
        .encode_counter::<NoLabelSet, _, u64>(&counts.wasted.as_secs_f64(), None)
}

struct HistogramBuckets<'a> {
    figure: &'a DurationHistogram,
    bounds: &'static [u64],
}

impl EncodeMetric for HistogramBuckets<'_> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let mut buckets: Vec<_> = self.bounds.iter().map(|bound| (seconds(*bound), 0)).collect();
        buckets.push((f64::INFINITY, 0));
        // A single pass over the recorded values, which are in order: counting each bucket separately would
        // take one pass per bucket.
        let mut bucket = 0;
        for (nanos, count) in self.figure.recorded() {
            bucket += self.bounds[bucket..].iter().take_while(|bound| **bound < nanos).count();
            buckets[bucket].1 += count;
        }
        encoder.encode_histogram::<NoLabelSet>(
            self.figure.sum().as_secs_f64(),
            self.figure.count(),
            &buckets,
            None,
        )
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[expect(clippy::cast_precision_loss, reason = "the bounds are below 2^53")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;

    #[test]
    fn each_duration_is_in_the_right_bucket() {
        let shared = Shared::new(Config::default(), 1);
        for nanos in [0, 1, 9_999, 10_000, 10_010, 20_000, 99_000_000, 1_000_000_000, 1_001_000_000]
        {
            shared.counters.of(0).late(Duration::from_nanos(nanos));
        }
        let text = render(&shared, Format::Text);
        for (bound, count) in
            [("0.00001", 4), ("0.00002", 6), ("0.05", 6), ("0.1", 7), ("1.0", 8), ("+Inf", 9)]
        {
            let line = format!("longsync_lateness_seconds_bucket{{le=\"{bound}\"}} {count}");
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
    }

    #[test]
    fn openmetrics_is_converted_to_the_text_format() {
        let open_metrics = "# HELP a_calls Calls.\n# TYPE a_calls counter\na_calls_total{b=\"# EOF\"} 1\n\
            # HELP a_seconds Late.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n\
            a_seconds_sum 0.0\n# EOF\n";
        let text = "# HELP a_calls_total Calls.\n# TYPE a_calls_total counter\n\
            a_calls_total{b=\"# EOF\"} 1\n# HELP a_seconds Late.\n# TYPE a_seconds histogram\n\
            a_seconds_sum 0.0\n";
        assert_eq!(to_text(open_metrics), text);
    }
}
