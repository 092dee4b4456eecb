//! A load as JSON, schema `longsync.load/v1`: the complete record. Times are whole nanoseconds.

mod counts;
mod ended;
mod figure;
mod interval;
mod machine;
mod plan;

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longsync_stats::Figure;
use serde::Serialize;

use self::counts::JsonCounts;
use self::ended::{JsonEnd, JsonThreshold, JsonVerdict};
use self::figure::JsonFigure;
use self::interval::JsonInterval;
use self::machine::JsonMachine;
pub use self::plan::read_plan;
use super::report::Report;
use super::settings::WrittenPlan;
use crate::figures::nanos;
use crate::json::document;

/// The name of the schema, docs/schemas/longsync.load.v1.json.
pub(super) const SCHEMA: &str = "longsync.load/v1";

#[derive(Serialize)]
struct JsonLoad<'a> {
    schema: &'static str,
    name: Option<&'a str>,
    tags: &'a BTreeMap<String, String>,
    seed: u64,
    /// The prefix of call ids, before the call's number.
    call_id_prefix: Option<String>,
    /// `open` or `closed`.
    #[serde(rename = "loop")]
    kind: &'static str,
    plan: &'a WrittenPlan,
    machine: JsonMachine,
    versions: JsonVersions,
    servers: &'a [String],
    /// When recorded time began, by the wall clock.
    started_at: String,
    started_at_ns: u64,
    recorded_ns: u64,
    took_ns: u64,
    end: JsonEnd,
    verdict: JsonVerdict,
    thresholds: Vec<JsonThreshold>,
    /// The number of calls in the warm-up, of which nothing else is recorded.
    warm_up: u64,
    /// How many connections were open when recorded time began.
    connections: usize,
    /// The mean number of streams that the server allowed on each of them then.
    streams_per_connection: u64,
    without_connection_ns: u64,
    lost_workers: usize,
    counts: JsonCounts,
    errors: JsonErrors<'a>,
    faults: JsonFaults<'a>,
    succession: JsonSuccession,
    figures: BTreeMap<&'static str, Option<JsonFigure>>,
    intervals: Vec<JsonInterval>,
}

#[derive(Serialize)]
struct JsonVersions {
    #[serde(rename = "longsync-client")]
    client: &'static str,
}

/// The correlation of successive good calls of a worker, in the order of their ends.
#[derive(Serialize)]
struct JsonSuccession {
    /// Of the logarithms of their times, from -1 to 1.
    correlation: Option<f64>,
    dependent: bool,
}

/// The error texts of failed calls.
#[derive(Serialize)]
struct JsonErrors<'a> {
    texts: Vec<JsonText<'a>>,
    /// How many calls failed with other texts.
    other: u64,
}

/// The planned faults that hit calls, as far as the server reported them.
#[derive(Serialize)]
struct JsonFaults<'a> {
    clauses: Vec<JsonClause<'a>>,
    /// How many calls were hit by other clauses.
    other: u64,
}

#[derive(Serialize)]
struct JsonClause<'a> {
    clause: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct JsonText<'a> {
    text: &'a str,
    count: u64,
}

/// A load as a JSON document: its record.
///
/// # Errors
/// None that is known: all its values have a JSON form.
pub fn to_json(report: &Report) -> serde_json::Result<String> {
    let (settings, load) = (&report.settings, &report.load);
    let figures = Figure::ALL.into_iter();
    document(&JsonLoad {
        schema: SCHEMA,
        name: settings.name.as_deref(),
        tags: &settings.tags,
        seed: settings.seed,
        call_id_prefix: settings.call_id_prefix(),
        kind: if settings.is_closed { "closed" } else { "open" },
        plan: &settings.plan,
        machine: JsonMachine::here(),
        versions: JsonVersions { client: env!("CARGO_PKG_VERSION") },
        servers: &load.servers,
        started_at: prost_types::Timestamp::from(load.started_at).to_string(),
        started_at_ns: since_epoch(load.started_at),
        recorded_ns: nanos(load.recorded),
        took_ns: nanos(load.took),
        end: JsonEnd::of(report),
        verdict: JsonVerdict::of(report),
        thresholds: report.thresholds().iter().map(JsonThreshold::of).collect(),
        warm_up: load.warm_up,
        connections: load.connections,
        streams_per_connection: load.streams_per_connection,
        without_connection_ns: nanos(load.without_connection),
        lost_workers: load.lost_workers,
        counts: JsonCounts::of(&load.figures.counts),
        errors: errors(report),
        faults: faults(report),
        succession: JsonSuccession {
            correlation: load.succession.correlation(),
            dependent: load.succession.is_dependent(),
        },
        figures: figures.map(|figure| (figure.name(), JsonFigure::of(report, figure))).collect(),
        intervals: load.intervals.iter().map(JsonInterval::of).collect(),
    })
}

fn errors(report: &Report) -> JsonErrors<'_> {
    let texts = report.load.texts.by_count().into_iter();
    JsonErrors {
        texts: texts.map(|(text, count)| JsonText { text, count }).collect(),
        other: report.load.texts.other(),
    }
}

fn faults(report: &Report) -> JsonFaults<'_> {
    let clauses = report.load.figures.faults.by_count().into_iter();
    JsonFaults {
        clauses: clauses.map(|(clause, count)| JsonClause { clause, count }).collect(),
        other: report.load.figures.faults.other(),
    }
}

/// The buckets of a distribution in the form of other tools: `HdrHistogram`'s V2, compressed with DEFLATE, in
/// base64.
fn histogram(encoded: &[u8]) -> String {
    STANDARD.encode(encoded)
}

/// A wall clock that is set to a time before 1970 is not recorded.
fn since_epoch(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, nanos)
}
