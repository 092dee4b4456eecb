//! A race as JSON, schema `longsync.race/v1`: times are integers of nanoseconds.

use std::time::Duration;

use serde::Serialize;

use crate::race::outcome::{End, Race, Row, WayRun};
use crate::race::text::lesson;
use crate::status::code_name;

#[derive(Serialize)]
struct JsonRace {
    schema: &'static str,
    server: JsonServer,
    calls: usize,
    delay_ns: u64,
    interrupted: bool,
    ways: Vec<JsonWay>,
    lesson: String,
}

#[derive(Serialize)]
struct JsonServer {
    url: String,
    embedded: bool,
}

#[derive(Serialize)]
struct JsonWay {
    way: String,
    wall_ns: u64,
    speed_up: Option<f64>,
    most_in_flight: usize,
    threads: usize,
    connections: usize,
    streams: usize,
    memory_added_bytes: Option<u64>,
    failed: usize,
    unfinished: usize,
    trouble: Option<String>,
    calls: Vec<JsonCall>,
}

#[derive(Serialize)]
struct JsonCall {
    sent_ns: Option<u64>,
    done_ns: Option<u64>,
    waited_ns: Option<u64>,
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// A race as a JSON document.
///
/// # Errors
/// None that is known: all its values have a JSON form.
pub fn to_json(race: &Race) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&JsonRace {
        schema: "longsync.race/v1",
        server: JsonServer { url: race.target.to_string(), embedded: race.is_embedded },
        calls: race.calls,
        delay_ns: nanos(race.delay),
        interrupted: race.is_interrupted,
        ways: race.runs.iter().map(|run| way(race, run)).collect(),
        lesson: lesson(race),
    })
}

fn way(race: &Race, run: &WayRun) -> JsonWay {
    JsonWay {
        way: run.way.to_string(),
        wall_ns: nanos(run.wall),
        speed_up: race.speed_up(run),
        most_in_flight: run.most_in_flight(),
        threads: run.threads,
        connections: run.connections,
        streams: run.streams,
        memory_added_bytes: run.memory_added_bytes,
        failed: run.failed(),
        unfinished: run.unfinished(),
        trouble: run.trouble.clone(),
        calls: run.rows.iter().map(call).collect(),
    }
}

fn call(row: &Row) -> JsonCall {
    let (waited, status, message) = match &row.end {
        End::Answered { waited, .. } => (*waited, Some(code_name(tonic::Code::Ok)), None),
        End::Failed { code, message, .. } => (None, Some(code_name(*code)), Some(message.clone())),
        End::Unfinished => (None, None, None),
    };
    JsonCall {
        sent_ns: row.sent.map(nanos),
        done_ns: row.done().map(nanos),
        waited_ns: waited.map(nanos),
        status,
        message,
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
