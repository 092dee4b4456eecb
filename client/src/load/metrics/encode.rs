//! The numbers of a run in the text form of `OpenMetrics`.

use std::fmt;

use longsync_connect::Code;
use longsync_connect::status::code_name;
use longsync_stats::{Figure, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::snapshot::{BOUNDS, BucketCounts, MetricsSnapshot};

/// The status codes of gRPC: all are exported from the start, since a counter that appears later hides its
/// first calls.
const CODES: std::ops::RangeInclusive<i32> = 0..=16;
const COUNTER: MetricType = MetricType::Counter;

/// The metrics, including the end-of-file mark.
pub(super) fn text(snapshot: &MetricsSnapshot) -> String {
    let mut registry = Registry::with_prefix("longsync_load");
    registry.register_collector(Box::new(snapshot.clone()));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string does not fail");
    text
}

impl Collector for MetricsSnapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        calls(&mut encoder, self)?;
        now(&mut encoder, self)?;
        times(&mut encoder, self)
    }
}

fn calls(encoder: &mut DescriptorEncoder<'_>, snapshot: &MetricsSnapshot) -> fmt::Result {
    let help = "Calls that ended, by status";
    let mut ended = encoder.encode_descriptor("calls", help, None, COUNTER)?;
    for code in CODES {
        let name = code_name(Code::from_i32(code));
        let count = snapshot.counts.ended_with(StatusCode::from(code));
        ended
            .encode_family(&[("status", name)])?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    let help = "Calls that were due or, in a closed loop, sent";
    encoder
        .encode_descriptor("due", help, None, COUNTER)?
        .encode_counter::<NoLabelSet, _, u64>(&snapshot.due, None)?;
    let help = "Calls that were due and not sent, by reason";
    let mut not_sent = encoder.encode_descriptor("not_sent", help, None, COUNTER)?;
    for (why, count) in snapshot.counts.not_sent.by_reason() {
        not_sent
            .encode_family(&[("reason", why.name())])?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    let help = "Planned faults that hit calls, by clause, as far as the server reports them";
    let mut faults = encoder.encode_descriptor("faults", help, None, COUNTER)?;
    for (clause, count) in snapshot.faults.by_label() {
        faults
            .encode_family(&[("clause", clause)])?
            .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    Ok(())
}

fn now(encoder: &mut DescriptorEncoder<'_>, snapshot: &MetricsSnapshot) -> fmt::Result {
    for (name, help, value) in [
        ("in_flight", "Calls that were sent and have not ended", snapshot.in_flight),
        ("connections", "Open connections", snapshot.connections),
    ] {
        encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
    }
    Ok(())
}

fn times(encoder: &mut DescriptorEncoder<'_>, snapshot: &MetricsSnapshot) -> fmt::Result {
    for (figure, help, buckets) in [
        (
            Figure::ResponseTime,
            "From when a call was due until its good answer. Calls without one are above every bound, and not in \
             the sum",
            &snapshot.response_time,
        ),
        (
            Figure::ServiceTime,
            "From when a call was sent until its good answer",
            &snapshot.service_time,
        ),
        (
            Figure::Added,
            "Service time less the time that the server reports as waited. Values below zero count as zero",
            &snapshot.added,
        ),
        (Figure::Lag, "From when a call was due until it was sent", &snapshot.lag),
    ] {
        let seconds = Some(&Unit::Seconds);
        let mut metric =
            encoder.encode_descriptor(figure.name(), help, seconds, MetricType::Histogram)?;
        let (sum, counts) = in_seconds(buckets);
        metric.encode_histogram::<NoLabelSet>(sum, buckets.count(), &counts, None)?;
    }
    Ok(())
}

/// The sum, and each bound with the number of values between it and the one before.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
fn in_seconds(buckets: &BucketCounts) -> (f64, Vec<(f64, u64)>) {
    let bounds = BOUNDS.iter().map(|bound| *bound as f64 / 1e9).chain([f64::INFINITY]);
    (buckets.sum_ns as f64 / 1e9, bounds.zip(buckets.counts).collect())
}
