//! Why a load ended, whether the client was the bottleneck, and whether it met its thresholds.

use longsync_load::RunEnd;
use longsync_stats::{Quantile, Share, ThresholdResult, Value, WorkerTime};
use serde::Serialize;

use crate::figures::nanos;
use crate::load::report::Report;

#[derive(Serialize)]
pub(super) struct JsonEnd {
    /// `complete`, `stopped`, `ended`, `unreachable`, `stop_rule`, or `not_started`.
    why: &'static str,
    /// The rule that ended it.
    rule: Option<String>,
    /// The value that was measured over the ten seconds before.
    value: Option<JsonValue>,
    /// When it ended, from the beginning of recorded time.
    at_ns: Option<u64>,
}

impl JsonEnd {
    pub(super) fn of(report: &Report) -> Self {
        let (why, stopped) = match &report.load.end {
            _ if report.never_started => ("not_started", None),
            RunEnd::Complete => ("complete", None),
            RunEnd::Stopped => ("stopped", None),
            RunEnd::StopRule(stopped) => ("stop_rule", Some(stopped)),
            RunEnd::Unreachable => ("unreachable", None),
            _ => ("ended", None),
        };
        Self {
            why,
            rule: stopped.map(|stopped| stopped.rule.to_string()),
            value: stopped.map(|stopped| JsonValue::of(stopped.value)),
            at_ns: stopped.map(|stopped| stopped.at.as_nanos()),
        }
    }
}

#[derive(Serialize)]
pub(super) struct JsonVerdict {
    client_bound: bool,
    /// What was measured, and what would help.
    sentences: Vec<String>,
    /// How the processors were used meanwhile, if the system reports it.
    processors: Option<JsonProcessors>,
}

#[derive(Serialize)]
struct JsonProcessors {
    workers: Vec<JsonWorker>,
    /// What a hypervisor gave to other machines, in ticks of all processors.
    steal: Option<JsonShare>,
}

#[derive(Serialize)]
struct JsonShare {
    part: u64,
    whole: u64,
}

/// How a worker's thread spent its time.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names in JSON contain the unit")]
struct JsonWorker {
    wall_ns: u64,
    cpu_ns: u64,
    polled_ns: u64,
    /// Runnable, but without a core.
    runnable_ns: u64,
}

impl JsonVerdict {
    pub(super) fn of(report: &Report) -> Self {
        let verdict = report.verdict();
        Self {
            client_bound: verdict.is_client_bound(),
            sentences: verdict.sentences(),
            processors: report.load.workers.as_ref().map(|workers| JsonProcessors {
                workers: workers.iter().map(JsonWorker::of).collect(),
                steal: report.load.steal.map(JsonShare::of),
            }),
        }
    }
}

impl JsonWorker {
    fn of(time: &WorkerTime) -> Self {
        Self {
            wall_ns: nanos(time.wall),
            cpu_ns: nanos(time.cpu),
            polled_ns: nanos(time.polled),
            runnable_ns: nanos(time.runnable),
        }
    }
}

impl JsonShare {
    fn of(share: Share) -> Self {
        Self { part: share.part(), whole: share.whole() }
    }
}

#[derive(Serialize)]
pub(super) struct JsonThreshold {
    threshold: String,
    passed: bool,
    value: JsonValue,
    /// Whether it is a percentile with fewer than ten values above it.
    marked: bool,
}

impl JsonThreshold {
    pub(super) fn of(checked: &ThresholdResult) -> Self {
        Self {
            threshold: checked.threshold.to_string(),
            passed: checked.has_passed,
            value: JsonValue::of(checked.value),
            marked: checked.is_marked,
        }
    }
}

/// The measured value of a metric, in integers.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum JsonValue {
    Unmeasured,
    BelowZero,
    Time { value_ns: u64 },
    Beyond { beyond_ns: u64 },
    Share { part: u64, whole: u64 },
    Rate { calls: u64, time_ns: u64 },
}

impl JsonValue {
    fn of(value: Value) -> Self {
        match value {
            Value::Time(Quantile::BelowZero) => Self::BelowZero,
            Value::Time(Quantile::At(time)) => Self::Time { value_ns: nanos(time) },
            Value::Time(Quantile::Beyond(longest)) => Self::Beyond { beyond_ns: nanos(longest) },
            Value::Share(share) => Self::Share { part: share.part(), whole: share.whole() },
            Value::Rate { calls, time } => Self::Rate { calls, time_ns: nanos(time) },
            _ => Self::Unmeasured,
        }
    }
}
