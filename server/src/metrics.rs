//! `/metrics`: the workers' counters, merged when they are read, in Prometheus's text form.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::counters::{Figure, Kind, Outcome, Snapshot};
use crate::worker::Shared;

pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

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
pub(crate) fn render(shared: &Arc<Shared>) -> String {
    let mut registry = Registry::with_prefix("longsync");
    registry.register_collector(Box::new(Workers(Arc::clone(shared))));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string does not fail");
    text
}

#[derive(Debug)]
struct Workers(Arc<Shared>);

impl Collector for Workers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.0.snapshot();
        calls(&mut encoder, &snapshot)?;
        held(&mut encoder, &snapshot, &self.0)?;
        figures(&mut encoder, &snapshot)
    }
}

fn calls(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    let help = "Calls that arrived";
    let mut started = encoder.encode_descriptor("calls_started", help, None, COUNTER)?;
    for kind in Kind::ALL {
        let count = snapshot.calls_started(kind);
        started
            .encode_family(&[("rpc", kind.name())])?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    let help = "Calls that ended, by how";
    let mut ended = encoder.encode_descriptor("calls_ended", help, None, COUNTER)?;
    for kind in Kind::ALL {
        for outcome in Outcome::ALL {
            let count = snapshot.calls_ended(kind, outcome);
            ended
                .encode_family(&[("rpc", kind.name()), ("outcome", outcome.name())])?
                .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
    }
    Ok(())
}

/// What the server holds now, and what it had no room for.
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
        .encode_counter::<NoLabelSet, _, u64>(&refused, None)
}

fn figures(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    for (name, help, figure, bounds) in [
        (
            "lateness",
            "How long after its due time each wait ended that ran out",
            snapshot.lateness(),
            LATENESS_BUCKETS,
        ),
        (
            "cancelled_after",
            "How long each cancelled call had waited",
            snapshot.cancelled_after(),
            CANCELLED_AFTER_BUCKETS,
        ),
    ] {
        let seconds = Some(&Unit::Seconds);
        let metric = encoder.encode_descriptor(name, help, seconds, MetricType::Histogram)?;
        Buckets { figure, bounds }.encode(metric)?;
    }
    Ok(())
}

struct Buckets<'a> {
    figure: &'a Figure,
    bounds: &'static [u64],
}

impl EncodeMetric for Buckets<'_> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let histogram = self.figure.histogram();
        let mut below = 0;
        let mut buckets = Vec::with_capacity(self.bounds.len() + 1);
        for bound in self.bounds {
            let up_to = if histogram.is_empty() { 0 } else { histogram.count_between(0, *bound) };
            buckets.push((seconds(*bound), up_to - below));
            below = up_to;
        }
        buckets.push((f64::INFINITY, histogram.len() - below));
        encoder.encode_histogram::<NoLabelSet>(
            self.figure.sum().as_secs_f64(),
            histogram.len(),
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
