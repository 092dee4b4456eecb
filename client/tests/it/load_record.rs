//! The record of a load, and how other tools read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longsync_client::load::{Report, read_plan, to_json};
use longsync_stats::{Distribution, Figure, Percentile, Quantile};
use serde_json::{Map, Value, json};

use crate::loads;

fn record(report: &Report) -> Value {
    serde_json::from_str(&to_json(report).unwrap()).unwrap()
}

/// The record without anything that differs between machines, with only the lengths of histograms, and the
/// first of each long list.
fn shown(report: &Report) -> String {
    let mut record = record(report);
    let machine = record["machine"].as_object_mut().unwrap();
    for (_, value) in machine.iter_mut() {
        *value = json!("(here)");
    }
    record["versions"]["longsync-client"] = json!("(this)");
    shorten(&mut record);
    for list in ["/intervals", "/errors/texts"] {
        let list = record.pointer_mut(list).unwrap().as_array_mut().unwrap();
        let more = list.len().saturating_sub(1);
        list.truncate(1);
        list.push(json!(format!("({more} more)")));
    }
    serde_json::to_string_pretty(&record).unwrap()
}

fn shorten(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "histogram" => {
                        *text = format!("({} bytes)", STANDARD.decode(&*text).unwrap().len());
                    }
                    value => shorten(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        _ => {}
    }
}

fn distribution(value: &Value) -> Distribution {
    let mut read = match value["histogram"].as_str() {
        Some(text) => Distribution::from_v2_deflate(&STANDARD.decode(text).unwrap()).unwrap(),
        None => Distribution::default(),
    };
    read.add_beyond(value["beyond"].as_u64().unwrap());
    read
}

#[test]
fn a_record_is_complete() {
    insta::assert_snapshot!("open", shown(&loads::open()));
    insta::assert_snapshot!("troubled", shown(&loads::troubled()));
}

#[test]
fn a_closed_loop_has_no_times_from_when_calls_were_due() {
    let record = record(&loads::closed());
    assert_eq!(record["loop"], "closed");
    assert_eq!(
        (&record["figures"]["response_time"], &record["figures"]["lag"]),
        (&Value::Null, &Value::Null)
    );
    assert!(record["figures"]["service_time"]["count"].as_u64() > Some(0));
}

#[test]
fn histograms_contain_the_measured_values() {
    let report = loads::open();
    let record = record(&report);
    for figure in Figure::ALL {
        let value = &record["figures"][figure.name()];
        let measured = match figure {
            Figure::ResponseTime => report.load.figures.response_time(),
            figure => report.load.figures.get(figure).clone(),
        };
        if value.is_null() {
            assert_eq!(measured.count(), 0, "{}", figure.name());
            continue;
        }
        let read = distribution(value);
        assert!(read.buckets().eq(measured.buckets()), "{}", figure.name());
        assert_eq!(read.beyond(), measured.beyond(), "{}", figure.name());
        let p99 = &value["percentiles"]["p99"];
        match measured.percentile(Percentile::P99).unwrap() {
            Quantile::At(p99_is) => {
                assert_eq!(p99["value_ns"], u64::try_from(p99_is.as_nanos()).unwrap());
            }
            Quantile::Beyond(longest) => {
                assert_eq!(p99["beyond_ns"], u64::try_from(longest.as_nanos()).unwrap());
            }
            Quantile::BelowZero => assert_eq!(p99["below_zero"], true),
        }
    }
}

#[test]
fn the_intervals_of_a_record_add_up_to_the_run() {
    for report in [loads::open(), loads::closed(), loads::troubled(), loads::queued()] {
        let record = record(&report);
        let intervals = record["intervals"].as_array().unwrap();
        for figure in Figure::ALL {
            let mut sum = Distribution::default();
            for interval in intervals {
                let histogram = &interval["histograms"][figure.name()];
                if !histogram.is_null() {
                    sum.merge(&distribution(histogram));
                }
            }
            let whole = report.load.figures.get(figure);
            assert!(sum.buckets().eq(whole.buckets()), "{}", figure.name());
        }
        for count in ["due", "sent", "ended", "good", "failed", "unfinished"] {
            let sum: u64 = intervals.iter().map(|it| it["counts"][count].as_u64().unwrap()).sum();
            assert_eq!(record["counts"][count], sum, "{count}");
        }
    }
}

/// Times are whole nanoseconds, and no number except a correlation has a fraction.
#[test]
fn times_are_integers() {
    fn check(name: &str, value: &Value) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| check(name, value)),
            Value::Array(values) => values.iter().for_each(|value| check(name, value)),
            Value::Number(number) => {
                assert!(
                    number.is_u64() || number.is_i64() || name == "correlation",
                    "{name}: {number}"
                );
            }
            _ => {}
        }
    }
    for load in [loads::open, loads::closed, loads::troubled, loads::queued, loads::empty] {
        check("", &record(&load()));
    }
}

#[test]
fn a_load_that_did_not_begin_has_a_record() {
    let settings = loads::open().settings;
    let record = record(&Report::not_started(settings, "cannot reach it"));
    assert_eq!(record["end"]["why"], "not_started");
    assert_eq!(record["errors"]["texts"], json!([{"text": "cannot reach it", "count": 1}]));
    assert_eq!((&record["counts"]["due"], &record["intervals"]), (&json!(0), &json!([])));
    assert_eq!(record["figures"]["response_time"], Value::Null);
}

#[test]
fn the_plan_of_a_record_is_read_back() {
    let report = loads::open();
    let json = to_json(&report).unwrap();
    assert_eq!(read_plan(json.as_bytes()), Ok(report.settings.plan.clone()));
    let plan: Map<String, Value> = record(&report)["plan"].as_object().unwrap().clone();
    let alone = serde_json::to_vec(&plan).unwrap();
    assert_eq!(read_plan(&alone), Ok(report.settings.plan));
}
