//! A storm as JSON, schema `longsync.storm/v1`: times are integers of nanoseconds.

use serde::Serialize;

use crate::figures::nanos;
use crate::json::document;
use crate::storm::lesson::lesson;
use crate::storm::outcome::{Recovery, Storm, StormRun};
use crate::storm::plan::StormPlan;
use crate::storm::series::{SLOT, Slot};
use crate::storm::words::notes;

#[derive(Serialize)]
struct JsonStorm {
    schema: &'static str,
    workers: u32,
    service_ns: u64,
    load: f64,
    calls_per_second: f64,
    trigger: String,
    timeout_ns: u64,
    attempts: u32,
    backoff_max_ns: u64,
    duration_ns: u64,
    seed: u64,
    interrupted: bool,
    /// Why nothing was run, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    ways: Vec<JsonStormWay>,
    lesson: String,
}

#[derive(Serialize)]
struct JsonStormWay {
    way: String,
    /// How calls that nobody waits for end: `free` or `work`.
    abandoned: &'static str,
    limit: u32,
    complete: bool,
    /// When the server, which started empty, had settled: `goodput_before` is counted from the next slot on.
    settled_ns: u64,
    trigger_start_ns: u64,
    trigger_end_ns: u64,
    goodput_before: Option<f64>,
    goodput_lowest: Option<u64>,
    goodput_last: Option<f64>,
    /// `whole`, `not_whole` or `unknown`.
    recovery: &'static str,
    /// From the end of the trigger; `null` unless it is whole.
    whole_after_ns: Option<u64>,
    attempts_per_call: Option<f64>,
    late: u64,
    notes: Vec<String>,
    slot_ns: u64,
    /// One of each per slot.
    slots: Vec<JsonSlot>,
}

#[derive(Serialize)]
struct JsonSlot {
    due: u64,
    good: u64,
    attempts: u64,
    shed: u64,
    timed_out: u64,
    failed: u64,
    standing: u64,
}

/// A storm as a JSON document.
///
/// # Errors
/// None are known: all values can be written as JSON.
pub fn to_json(storm: &Storm) -> serde_json::Result<String> {
    document(&json(storm, None))
}

/// The JSON document of a storm that could not be run, with the reason.
///
/// # Errors
/// None are known: all values can be written as JSON.
pub fn unrun_to_json(
    plan: &StormPlan,
    why: &str,
    is_interrupted: bool,
) -> serde_json::Result<String> {
    let storm = Storm { plan: plan.clone(), runs: Vec::new(), is_interrupted };
    document(&json(&storm, Some(why.to_owned())))
}

fn json(storm: &Storm, error: Option<String>) -> JsonStorm {
    let plan = &storm.plan;
    JsonStorm {
        schema: "longsync.storm/v1",
        workers: plan.workers,
        service_ns: nanos(plan.service),
        load: plan.load.fraction(),
        calls_per_second: plan.rate().calls_per_second(),
        trigger: plan.trigger.to_string(),
        timeout_ns: nanos(plan.timeout),
        attempts: plan.attempts,
        backoff_max_ns: nanos(plan.backoff_max),
        duration_ns: nanos(plan.duration),
        seed: plan.seed(),
        interrupted: storm.is_interrupted,
        error,
        ways: storm.runs.iter().map(|run| way(plan, run)).collect(),
        lesson: lesson(storm),
    }
}

fn way(plan: &StormPlan, run: &StormRun) -> JsonStormWay {
    let (recovery, whole_after) = match run.recovery() {
        Recovery::After(after) => ("whole", Some(nanos(after))),
        Recovery::Not => ("not_whole", None),
        Recovery::Unknown => ("unknown", None),
    };
    JsonStormWay {
        way: run.way.to_string(),
        abandoned: if run.way.works_on_abandoned() { "work" } else { "free" },
        limit: plan.limit_of(run.way),
        complete: run.is_complete,
        settled_ns: nanos(run.settled),
        trigger_start_ns: nanos(run.trigger.start),
        trigger_end_ns: nanos(run.trigger.end),
        goodput_before: run.goodput_before(),
        goodput_lowest: run.lowest(),
        goodput_last: run.goodput_last(),
        recovery,
        whole_after_ns: whole_after,
        attempts_per_call: run.attempts_per_call(),
        late: run.late,
        notes: notes(plan, run),
        slot_ns: nanos(SLOT),
        slots: run.slots.iter().map(slot).collect(),
    }
}

fn slot(slot: &Slot) -> JsonSlot {
    let Slot { due, good, attempts, shed, timed_out, failed, standing } = *slot;
    JsonSlot { due, good, attempts, shed, timed_out, failed, standing }
}
