//! A behavior as JSON, schema `longsync.behavior/v1`: times are integers of nanoseconds, shares are from 0 to
//! 1.

use longsync_behavior::explain::DelayFigures;
use longsync_behavior::{Fault, FaultClause, Percent};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{BehaviorReport, FittedData};
use crate::figures::nanos;
use crate::json::document;

#[derive(Serialize)]
struct JsonBehavior<'a> {
    schema: &'static str,
    text: &'a str,
    attempts: Vec<JsonAttempt<'a>>,
    faults: Vec<JsonFault>,
    queue: Option<String>,
    stall: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<JsonDeadline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draw: Option<JsonDraw<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fit: Option<JsonFit>,
}

#[derive(Serialize)]
struct JsonFault {
    clause: String,
    /// Of the calls; `null` for `fail_first`.
    share: Option<f64>,
}

#[derive(Serialize)]
struct JsonAttempt<'a> {
    attempt: u32,
    /// The last attempt with the same delays; `null` if all later ones have them.
    last_attempt: Option<u32>,
    mean_ns: u64,
    min_ns: u64,
    max_ns: u64,
    percentiles: JsonPercentiles<'a>,
    beyond: f64,
}

/// An object with a member such as `p99.9_ns` per percentile.
struct JsonPercentiles<'a>(&'a DelayFigures);

impl Serialize for JsonPercentiles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let percentiles = &self.0.percentiles;
        let mut map = serializer.serialize_map(Some(percentiles.len()))?;
        for (percent, delay) in percentiles {
            map.serialize_entry(&format!("p{percent}_ns"), &nanos(*delay))?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct JsonDeadline {
    deadline_ns: u64,
    attempts: u32,
    /// The share of each attempt.
    beyond: Vec<f64>,
    left: f64,
}

#[derive(Serialize)]
struct JsonDraw<'a> {
    seed: u64,
    call_id: &'a str,
    attempt: u32,
    index: u64,
    delay_ns: u64,
    /// The clause of the fault that hits it; `null` if none does.
    fault: Option<String>,
}

#[derive(Serialize)]
struct JsonFit {
    data: &'static str,
    count: Option<u64>,
    zeros: f64,
    ks: f64,
    worst: Option<JsonWorst>,
    guess_above: Option<JsonGuess>,
}

#[derive(Serialize)]
struct JsonWorst {
    percent: f64,
    data_ns: u64,
    law_ns: u64,
}

#[derive(Serialize)]
struct JsonGuess {
    share: f64,
    from_ns: u64,
    to_ns: u64,
}

/// The report as JSON.
///
/// # Errors
/// None are known: all values can be written as JSON.
pub fn to_json(report: &BehaviorReport) -> serde_json::Result<String> {
    let behavior = &report.behavior;
    document(&JsonBehavior {
        schema: "longsync.behavior/v1",
        text: behavior.text(),
        attempts: report.figures.iter().map(attempt).collect(),
        faults: behavior.faults().shares().map(|(share, clause)| fault(share, clause)).collect(),
        queue: behavior.queue().map(ToString::to_string),
        stall: behavior.stall().map(ToString::to_string),
        deadline: report.patience.as_ref().map(|patience| JsonDeadline {
            deadline_ns: nanos(patience.deadline.value()),
            attempts: patience.attempts,
            beyond: patience.beyond(behavior),
            left: patience.left(behavior),
        }),
        draw: report.asked.as_ref().map(|asked| {
            let (delay, fault) = asked.draw(behavior);
            JsonDraw {
                seed: asked.seed,
                call_id: &asked.call_id,
                attempt: asked.attempt,
                index: asked.index,
                delay_ns: nanos(delay),
                fault: fault.map(ToString::to_string),
            }
        }),
        fit: report.fitting.as_ref().map(fit),
    })
}

fn fault(share: Percent, clause: &FaultClause) -> JsonFault {
    let is_by_attempt = matches!(clause.fault(), Fault::FailFirst { .. });
    JsonFault { clause: clause.to_string(), share: (!is_by_attempt).then(|| share.fraction()) }
}

fn attempt(figures: &DelayFigures) -> JsonAttempt<'_> {
    JsonAttempt {
        attempt: figures.first,
        last_attempt: figures.last,
        mean_ns: nanos(figures.mean),
        min_ns: nanos(figures.min),
        max_ns: nanos(figures.max),
        percentiles: JsonPercentiles(figures),
        beyond: figures.beyond,
    }
}

fn fit(fitting: &FittedData) -> JsonFit {
    let fitted = &fitting.fitted;
    JsonFit {
        data: fitting.form(),
        count: fitting.count(),
        zeros: share(fitted.zero_share),
        ks: fitted.ks,
        worst: fitted.worst.map(|worst| JsonWorst {
            percent: worst.percent,
            data_ns: worst.asked_ns,
            law_ns: worst.law_ns,
        }),
        guess_above: fitted.guess_above.map(|guess| JsonGuess {
            share: share(guess.share),
            from_ns: guess.from_ns,
            to_ns: guess.to_ns,
        }),
    }
}

/// A share, from millionths of a percent.
fn share(millionths: u32) -> f64 {
    Percent::from_millionths(millionths).unwrap_or_default().fraction()
}
