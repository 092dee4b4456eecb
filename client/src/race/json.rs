//! A race as JSON, schema `longsync.race/v1`: times are integers of nanoseconds.

use std::time::Duration;

use serde::Serialize;

use crate::figures::nanos;
use crate::json::document;
use crate::race::delays::RaceDelays;
use crate::race::layout::Look;
use crate::race::lesson::lesson;
use crate::race::outcome::{CallEnd, FaultHits, Race, RaceCall, ServerView, WayRun};
use crate::race::plan::{Protocol, ThreadConnections};
use crate::race::words::notes;

#[derive(Serialize)]
struct JsonRace {
    schema: &'static str,
    server: JsonServer,
    protocol: &'static str,
    calls: usize,
    /// On average.
    delay_ns: u64,
    jitter: bool,
    behavior: Option<String>,
    seed: Option<u64>,
    cancel_after_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ns: Option<u64>,
    spin_ns: u64,
    sequential_max_ns: u64,
    thread_connections: &'static str,
    interrupted: bool,
    ways: Vec<JsonWay>,
    lesson: String,
}

#[derive(Serialize)]
struct JsonServer {
    /// `null` if a server inside this process was never started.
    url: Option<String>,
    embedded: bool,
}

#[derive(Serialize)]
struct JsonWay {
    way: String,
    skipped: bool,
    wall_ns: u64,
    measured_ns: u64,
    speed_up: Option<f64>,
    most_in_flight: usize,
    threads: usize,
    connections: usize,
    streams: usize,
    memory_added_bytes: Option<u64>,
    thread_switches: Option<u64>,
    answered: usize,
    failed: usize,
    cancelled: usize,
    projected: usize,
    unfinished: usize,
    /// Calls, or streams, which the server refused without processing them and which were sent again.
    retried: usize,
    server: Option<JsonServerView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<JsonFault>,
    notes: Vec<String>,
    calls: Vec<JsonCall>,
}

/// A planned fault, and how many calls it hit.
#[derive(Serialize)]
struct JsonFault {
    /// The clause of the server's behavior.
    fault: String,
    failed: usize,
    answered: usize,
}

#[derive(Serialize)]
struct JsonServerView {
    cancelled: u64,
    cancelled_after_mean_ns: Option<u64>,
    cancelled_after_p99_ns: Option<u64>,
}

#[derive(Serialize)]
struct JsonCall {
    /// The delay that the call asked for.
    delay_ns: Option<u64>,
    sent_ns: Option<u64>,
    done_ns: Option<u64>,
    planned_ns: Option<u64>,
    waited_ns: Option<u64>,
    /// `answered`, `failed`, `cancelled`, `projected` or `unfinished`.
    end: &'static str,
    /// For an answered call, its position in the order of answers, from 1.
    order: Option<usize>,
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// The planned fault that hit it, as a clause of the server's behavior.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// A race as a JSON document.
///
/// # Errors
/// None are known: all values can be written as JSON.
pub fn to_json(race: &Race) -> serde_json::Result<String> {
    let plan = &race.plan;
    document(&JsonRace {
        schema: "longsync.race/v1",
        server: JsonServer {
            url: race.target.as_ref().map(ToString::to_string),
            embedded: plan.target.is_none(),
        },
        protocol: match plan.protocol {
            Protocol::Grpc => "grpc",
            Protocol::Http => "http/1.1",
        },
        calls: plan.calls.get(),
        delay_ns: nanos(plan.delays.mean()),
        jitter: matches!(plan.delays, RaceDelays::Jittered(_)),
        behavior: match &plan.delays {
            RaceDelays::Drawn { behavior, .. } => Some(behavior.text().to_owned()),
            RaceDelays::Constant(_) | RaceDelays::Jittered(_) => None,
        },
        seed: plan.delays.seed(),
        cancel_after_ns: plan.cancel_after().map(nanos),
        deadline_ns: plan.deadline().map(nanos),
        spin_ns: nanos(plan.spin),
        sequential_max_ns: nanos(plan.sequential_max.value()),
        thread_connections: match plan.thread_connections {
            ThreadConnections::Shared => "shared",
            ThreadConnections::Own => "own",
        },
        interrupted: race.is_interrupted,
        ways: race.runs.iter().map(|run| way(race, run)).collect(),
        lesson: lesson(race),
    })
}

fn way(race: &Race, run: &WayRun) -> JsonWay {
    let order = run.order_of_answers();
    let calls = run.rows.iter().zip(order).enumerate();
    JsonWay {
        way: run.way.to_string(),
        skipped: run.is_skipped(),
        wall_ns: nanos(run.wall),
        measured_ns: nanos(run.measured()),
        speed_up: race.speed_up(run),
        most_in_flight: run.most_in_flight(),
        threads: run.threads,
        connections: run.connections,
        streams: run.streams,
        memory_added_bytes: run.cost.memory_added_bytes,
        thread_switches: run.cost.switches,
        answered: run.answered(),
        failed: run.failed(),
        cancelled: run.cancelled(),
        projected: run.projected(),
        unfinished: run.unfinished(),
        retried: run.retried,
        server: run.server.map(server),
        faults: run.faults().into_iter().map(fault).collect(),
        notes: notes(race, run),
        calls: calls
            .map(|(index, (row, order))| call(race.plan.delays.asked(index).delay, row, order))
            .collect(),
    }
}

fn fault(FaultHits { clause, failed, answered }: FaultHits<'_>) -> JsonFault {
    JsonFault { fault: clause.to_owned(), failed, answered }
}

fn server(view: ServerView) -> JsonServerView {
    JsonServerView {
        cancelled: view.cancelled,
        cancelled_after_mean_ns: view.cancelled_after_mean.map(nanos),
        cancelled_after_p99_ns: view.cancelled_after_p99.map(nanos),
    }
}

fn call(delay: Option<Duration>, row: &RaceCall, order: Option<usize>) -> JsonCall {
    let (status, message) = match &row.end {
        CallEnd::Answered { .. } => (Some("OK".to_owned()), None),
        CallEnd::Failed { status, message, .. } => (Some(status.clone()), Some(message.clone())),
        CallEnd::Cancelled { .. } | CallEnd::Projected { .. } | CallEnd::Unfinished => (None, None),
    };
    JsonCall {
        delay_ns: delay.map(nanos),
        sent_ns: row.sent.map(nanos),
        done_ns: row.done().map(nanos),
        planned_ns: row.planned().map(nanos),
        waited_ns: row.waited().map(nanos),
        end: Look::of(&row.end).word(),
        order,
        status,
        message,
        fault: row.fault().map(str::to_owned),
    }
}
