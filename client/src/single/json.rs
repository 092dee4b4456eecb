//! One call as JSON, schema `longsync.call/v1`: times are integers of nanoseconds.

use longsync::v1::Timing;
use serde::Serialize;
use tonic::Status;

use crate::figures::nanos;
use crate::json::document;
use crate::single::outcome::{ReceivedAnswer, Single};
use longsync_connect::status::{code_name, failure_name, wrong_field};
use longsync_connect::timing::plausible;

#[derive(Serialize)]
struct JsonSingle {
    schema: &'static str,
    kind: String,
    url: String,
    /// `null` if the call did not connect.
    connect_ns: Option<u64>,
    service_time_ns: Option<u64>,
    interrupted: bool,
    /// The reason why the call was refused without being processed, if it was sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    status: Option<JsonStatus>,
    /// The number of messages that an exchange never answered, as planned; `null` for other kinds of calls, and
    /// for one that did not end well.
    unanswered: Option<u64>,
    answers: Vec<JsonAnswer>,
}

#[derive(Serialize)]
struct JsonStatus {
    code: i32,
    name: &'static str,
    message: String,
    field: Option<String>,
    timing: Option<JsonTiming>,
}

#[derive(Serialize)]
struct JsonAnswer {
    number: Option<u64>,
    count: Option<u64>,
    message: String,
    payload_bytes: usize,
    service_time_ns: u64,
    added_ns: Option<i64>,
    timing: Option<JsonTiming>,
    failure: Option<JsonFailure>,
}

#[derive(Serialize)]
struct JsonFailure {
    code: i32,
    name: &'static str,
    message: String,
}

#[derive(Serialize)]
struct JsonTiming {
    queued_ns: Option<u64>,
    planned_ns: Option<u64>,
    waited_ns: Option<u64>,
    deadline_left_ns: Option<u64>,
    behavior: String,
    rule: String,
    generation: u64,
    server: String,
    worker: u32,
    attempt: u32,
    fault: String,
}

/// One call as a JSON document.
///
/// # Errors
/// None are known: all values can be written as JSON.
pub fn to_json(single: &Single) -> serde_json::Result<String> {
    document(&JsonSingle {
        schema: "longsync.call/v1",
        kind: single.kind.to_string(),
        url: single.target.to_string(),
        connect_ns: single.connect.map(nanos),
        service_time_ns: single.service_time.map(nanos),
        interrupted: single.status.is_none(),
        refused: single.refusal.clone(),
        status: single
            .status
            .as_ref()
            .map(|status| json_status(status, single.failure_timing().as_ref())),
        unanswered: single.unanswered,
        answers: single.answers.iter().map(json_answer).collect(),
    })
}

fn json_status(status: &Status, timing: Option<&Timing>) -> JsonStatus {
    JsonStatus {
        code: status.code().into(),
        name: code_name(status.code()),
        message: status.message().to_owned(),
        field: wrong_field(status),
        timing: timing.map(json_timing),
    }
}

fn json_answer(answer: &ReceivedAnswer) -> JsonAnswer {
    JsonAnswer {
        number: answer.number,
        count: answer.count,
        message: answer.message.clone(),
        payload_bytes: answer.payload_bytes,
        service_time_ns: nanos(answer.service_time),
        added_ns: answer.added_ns(),
        timing: answer.timing.as_ref().map(json_timing),
        failure: answer.failure.as_ref().map(|failure| JsonFailure {
            code: failure.code,
            name: failure_name(failure.code),
            message: failure.message.clone(),
        }),
    }
}

fn json_timing(timing: &Timing) -> JsonTiming {
    JsonTiming {
        queued_ns: plausible(timing.queued.as_ref()).map(nanos),
        planned_ns: plausible(timing.planned.as_ref()).map(nanos),
        waited_ns: plausible(timing.waited.as_ref()).map(nanos),
        deadline_left_ns: plausible(timing.deadline_left.as_ref()).map(nanos),
        behavior: timing.behavior.clone(),
        rule: timing.rule.clone(),
        generation: timing.generation,
        server: timing.server.clone(),
        worker: timing.worker,
        attempt: timing.attempt,
        fault: timing.fault.clone(),
    }
}
