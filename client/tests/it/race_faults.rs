//! Races whose calls meet planned faults.

use std::time::Duration;

use longsync_client::race::{
    CallEnd, Protocol, Race, RaceCall, RaceDelays, RacePlanBuilder, RacePlanError, RaceProgress,
    Way, WayRun, run, to_json, to_text,
};
use longsync_connect::Target;
use longsync_server::Limits;
use tokio_util::sync::CancellationToken;

use crate::harness::{race_plan, start};

const ALL: [Way; 4] = [Way::Sequential, Way::Threads, Way::Tasks, Way::Exchange];
const CALLS: usize = 30;

/// A race of the server inside this process, by one seed.
fn plan(behavior: &str, ways: &[Way]) -> RacePlanBuilder {
    race_plan(None, CALLS, ways).delays(RaceDelays::drawn(behavior).unwrap()).seed(42)
}

/// A race of another server, which has a seed of its own.
fn elsewhere(behavior: &str, ways: &[Way], target: &Target) -> RacePlanBuilder {
    race_plan(Some(target), CALLS, ways).delays(RaceDelays::drawn(behavior).unwrap())
}

async fn race(plan: &RacePlanBuilder) -> Race {
    run(&plan.clone().build().unwrap(), &CancellationToken::new(), &RaceProgress::default())
        .await
        .unwrap()
}

/// The indices of the calls that this fault hit.
fn hit(run: &WayRun, fault: &str) -> Vec<usize> {
    let rows = run.rows.iter().enumerate();
    rows.filter(|(_, row)| row.fault() == Some(fault)).map(|(index, _)| index).collect()
}

/// The calls that fail as planned by the seed of these races, as the server reports.
async fn failing(protocol: Protocol) -> Vec<usize> {
    let plan = plan("5ms; fail(30%, UNAVAILABLE)", &ALL[..3]).protocol(protocol);
    let race = race(&plan).await;
    let failing = hit(&race.runs[0], "fail(30%, UNAVAILABLE)");
    assert!((1..CALLS).contains(&failing.len()), "{failing:?}");
    for run in &race.runs {
        assert_eq!(hit(run, "fail(30%, UNAVAILABLE)"), failing, "{}", run.way);
        assert_eq!(run.failed_as_planned(), failing.len());
        assert_eq!((run.failed_otherwise(), run.retried), (0, 0));
        assert_eq!(run.answered(), CALLS - failing.len());
        assert!(run.is_whole() && race.speed_up(run).is_some());
    }
    assert!(!race.has_failed());
    failing
}

fn status(row: &RaceCall) -> &str {
    match &row.end {
        CallEnd::Failed { status, .. } => status,
        other => panic!("{other:?}"),
    }
}

fn said(race: &Race) -> String {
    let text = anstream::adapter::strip_str(&to_text(race, 300)).to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_same_calls_fail_in_every_way_and_over_http() {
    let failing = failing(Protocol::Grpc).await;
    assert_eq!(self::failing(Protocol::Http).await, failing);
}

#[tokio::test]
async fn a_planned_failure_has_the_delay_and_the_wait_that_the_server_reported() {
    let race = race(&plan("5ms; fail(100%, 503, \"busy, sorry\")", &ALL)).await;
    for run in &race.runs {
        for row in &run.rows {
            assert_eq!(status(row), "UNAVAILABLE", "{}", run.way);
            assert_eq!(row.fault(), Some(r#"fail(100%, 503, "busy, sorry")"#));
            assert_eq!(row.planned(), Some(Duration::from_millis(5)));
            assert!(row.waited() >= row.planned() && row.done() >= row.waited());
        }
    }
    assert!(!race.has_failed());
}

/// Of these nothing is reported, but the shares are of the same number as those of `fail`, whose calls the
/// server names.
#[tokio::test]
async fn of_the_server_inside_the_calls_without_an_answer_are_known_by_its_seed() {
    let failing = failing(Protocol::Grpc).await;
    for (fault, shown) in [
        ("reset(30%)", "INTERNAL"),
        ("reset(30%, REFUSED_STREAM)", "UNAVAILABLE"),
        ("reset(30%, CANCEL)", "CANCELLED"),
        ("goaway(30%, ENHANCE_YOUR_CALM)", "UNAVAILABLE"),
        ("drop(30%)", "UNAVAILABLE"),
        ("drop(30%, rst)", "UNAVAILABLE"),
    ] {
        let grpc = plan(&format!("5ms; {fault}"), &ALL[..1]);
        let http = grpc.clone().protocol(Protocol::Http);
        for (plan, shown) in [(grpc, shown), (http, "UNAVAILABLE")] {
            let race = race(&plan).await;
            let run = &race.runs[0];
            assert_eq!(hit(run, fault), failing, "{fault}");
            assert_eq!(run.failed_otherwise() + run.retried, 0, "{fault}: {run:?}");
            assert!(failing.iter().all(|index| status(&run.rows[*index]) == shown), "{run:?}");
            assert!(run.is_whole() && !race.has_failed());
        }
    }
}

#[tokio::test]
async fn a_call_that_hangs_fails_at_the_deadline_and_a_message_at_the_end_of_its_stream() {
    let failing = failing(Protocol::Grpc).await;
    let deadline = Duration::from_millis(60);
    let race = race(&plan("hang(30%)", &ALL).deadline(deadline)).await;
    for run in &race.runs[..3] {
        assert_eq!(hit(run, "hang(30%)"), failing, "{}", run.way);
        for row in failing.iter().map(|index| &run.rows[*index]) {
            assert_eq!(status(row), "DEADLINE_EXCEEDED");
            assert!(row.done() >= row.sent.map(|sent| sent + deadline), "{row:?}");
        }
    }
    let exchange = &race.runs[3];
    let hung = hit(exchange, "hang(30%)").len();
    assert!((1..CALLS).contains(&hung));
    assert_eq!((exchange.answered(), exchange.failed_otherwise()), (CALLS - hung, 0));
    assert!(exchange.trouble.is_none(), "{exchange:?}");
}

#[tokio::test]
async fn every_call_of_every_way_is_a_first_attempt() {
    let server = start(Limits::default());
    for plan in [
        plan("fail_first(1, ABORTED)", &ALL),
        elsewhere("fail_first(1, ABORTED)", &ALL, &server.target),
        elsewhere("fail_first(1, ABORTED)", &ALL[..3], &server.target).protocol(Protocol::Http),
    ] {
        for run in race(&plan).await.runs {
            assert_eq!(hit(&run, "fail_first(1, ABORTED)").len(), CALLS, "{}", run.way);
        }
    }
}

#[tokio::test]
async fn calls_that_are_answered_in_spite_of_a_fault_name_it() {
    // A connection that goes away refuses the calls that come too late.
    for (fault, ways) in [
        ("slow(100%, 1MiB/s)", &ALL[..]),
        ("late_trailers(100%, 1ms)", &ALL),
        ("goaway(100%)", &[Way::Sequential, Way::Exchange]),
    ] {
        let race = race(&plan(fault, ways)).await;
        for run in &race.runs {
            assert_eq!(hit(run, fault).len(), CALLS, "{fault}: {}", run.way);
            assert_eq!(run.answered(), CALLS, "{fault}: {}", run.way);
        }
        let calls = format!("{fault} hit 30 calls, which were answered");
        assert_eq!(said(&race).matches(&calls).count(), ways.len(), "{}", said(&race));
    }
}

#[tokio::test]
async fn another_server_names_the_faults_that_have_an_answer() {
    let server = start(Limits::default());
    let fault = "fail(40%, RESOURCE_EXHAUSTED)";
    let grpc = elsewhere(&format!("2ms; {fault}"), &ALL, &server.target);
    let over_http = grpc.clone().ways(ALL[..3].iter().copied()).protocol(Protocol::Http);
    for plan in [grpc, over_http] {
        let race = race(&plan).await;
        for run in &race.runs {
            assert!(!hit(run, fault).is_empty(), "{}", run.way);
            assert_eq!(hit(run, fault).len(), run.failed(), "{}", run.way);
            assert!(run.is_whole());
        }
        assert_eq!(hit(&race.runs[1], fault), hit(&race.runs[0], fault));
        let json: serde_json::Value = serde_json::from_str(&to_json(&race).unwrap()).unwrap();
        let way = &json["ways"][0];
        assert_eq!(way["faults"][0]["fault"], fault);
        let calls = way["calls"].as_array().unwrap();
        let named = calls.iter().filter(|call| call["fault"] == fault).count();
        assert_eq!(way["faults"][0]["failed"], named);
    }
}

#[tokio::test]
async fn of_another_server_a_planned_reset_cannot_be_told_from_a_real_one() {
    let server = start(Limits::default());
    let faults = "reset(50%); fail(rest, ABORTED)";
    let race = race(&elsewhere(faults, &[Way::Tasks], &server.target)).await;
    let run = &race.runs[0];
    assert!(run.failed_otherwise() > 0 && run.failed_as_planned() > 0, "{run:?}");
    assert!(!race.has_failed() && !run.is_whole());
    let note = "(reset(50%) leaves no answer that could name it: here a planned failure cannot be told from \
                a real one)";
    assert!(said(&race).contains(note), "{}", said(&race));
}

/// In a later message, a fault of the call would be refused.
#[tokio::test]
async fn an_exchange_with_another_server_may_have_faults_of_the_call() {
    let server = start(Limits::default());
    let ways = [Way::Exchange];
    for (behavior, words) in [
        ("1ms; reset(100%)", "INTERNAL: the server reset the call: RST_STREAM INTERNAL_ERROR"),
        (
            "1ms; late_trailers(100%, 1ms)",
            "late_trailers(100%, 1ms) hit 30 calls, which were answered",
        ),
        (
            "1ms; fail(100%, ABORTED, at=2)",
            "30 calls failed, as planned by fail(100%, ABORTED, at=2)",
        ),
    ] {
        let race = race(&elsewhere(behavior, &ways, &server.target)).await;
        assert!(said(&race).contains(words), "{behavior}: {}", said(&race));
    }
}

#[tokio::test]
async fn the_stream_of_an_exchange_fails_as_planned_with_all_its_messages() {
    for fault in ["reset(100%)", "drop(100%)", "goaway(100%, NO_ERROR)"] {
        // The errors of its messages come too late.
        let behavior = format!("{fault}; fail_first(1, ABORTED)");
        let race = race(&plan(&behavior, &[Way::Exchange])).await;
        assert_eq!(hit(&race.runs[0], fault).len(), CALLS, "{fault}: {:?}", race.runs[0]);
        assert_eq!(race.runs[0].retried, 0, "{fault}");
    }
    let late = "reset(100%, at=1000)";
    let race = race(&plan(late, &[Way::Exchange])).await;
    assert_eq!(race.runs[0].answered(), CALLS);
    let words = "1 stream failed, as planned by reset(100%, at=1000), although all its messages were answered";
    assert!(said(&race).contains(words), "{}", said(&race));
}

#[tokio::test]
async fn other_calls_on_a_connection_that_is_dropped_are_counted_apart() {
    // Of those that wait, the first few are hit, and none is answered before.
    let race = race(&plan("200ms; drop(30%, when=before)", &[Way::Tasks])).await;
    let run = &race.runs[0];
    assert!(run.failed_as_planned() > 0 && run.failed_otherwise() > 0, "{run:?}");
    let said = said(&race);
    assert!(said.contains("other calls failed; the first: UNAVAILABLE"), "{said}");
    let note = "(drop(30%, when=before) also affects the other calls on its connection)";
    assert!(said.contains(note), "{said}");
    assert!(!race.has_failed());
}

#[tokio::test]
async fn a_server_whose_every_call_fails_teaches_the_same_about_waiting() {
    let race = race(&plan("20ms; fail(100%, INTERNAL)", &ALL)).await;
    let said = said(&race);
    assert!(said.contains("Waiting is not working: 30 calls of 20ms took "), "{said}");
    assert!(said.ends_with(" All of them failed, as planned: fail(100%, INTERNAL)."), "{said}");
}

#[test]
fn a_race_that_cannot_go_as_planned_is_refused() {
    let target = "http://127.0.0.1:9000".parse().unwrap();
    for fault in ["goaway(1%)", "drop(1%)"] {
        let why = elsewhere(fault, &ALL, &target).build().unwrap_err();
        assert!(matches!(why, RacePlanError::Behavior(_)), "{why}");
        assert!(why.to_string().contains("only the server's own --behavior may"), "{why}");
    }
    let hangs = plan("1ms; hang(10%)", &ALL);
    let why = hangs.clone().build().unwrap_err().to_string();
    assert_eq!(
        why,
        "hang(10%) leaves calls without an answer, and the race would wait forever: give a deadline"
    );
    let cancelled = hangs.clone().cancel_after(Duration::from_millis(5));
    let why = cancelled.clone().build().unwrap_err().to_string();
    assert!(why.contains("threads, which are not cancelled, would wait forever"), "{why}");
    assert!(cancelled.ways([Way::Tasks]).build().is_ok());
    assert!(hangs.deadline(Duration::from_millis(5)).build().is_ok());
}
