//! What reports look like, from figures that are given.

use std::time::Duration;

use longsync_client::race::{End, Race, Row, Way, WayRun, to_json, to_text};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn answered(sent: u64, done: u64) -> Row {
    let waited = Some(millis(done - sent - 1));
    Row { sent: Some(millis(sent)), end: End::Answered { done: millis(done), waited } }
}

fn way(way: Way, wall: u64, threads: usize, rows: Vec<Row>) -> WayRun {
    WayRun {
        way,
        wall: millis(wall),
        threads,
        connections: 1,
        streams: 1,
        memory_added_bytes: Some(2_000_000),
        rows,
        trouble: None,
    }
}

fn race(runs: Vec<WayRun>) -> Race {
    Race {
        calls: runs[0].rows.len(),
        delay: millis(100),
        target: "http://127.0.0.1:9000".parse().unwrap(),
        is_embedded: false,
        is_interrupted: false,
        runs,
    }
}

fn whole() -> Race {
    race(vec![
        way(
            Way::Sequential,
            306,
            1,
            vec![answered(0, 102), answered(102, 204), answered(204, 306)],
        ),
        way(Way::Tasks, 102, 1, vec![answered(0, 101), answered(0, 101), answered(1, 102)]),
    ])
}

fn troubled() -> Race {
    let failed = End::Failed {
        done: millis(40),
        code: tonic::Code::Unavailable,
        message: "the server is shutting down".to_owned(),
    };
    let mut troubled = race(vec![way(
        Way::Threads,
        80,
        3,
        vec![
            Row { sent: Some(millis(1)), end: failed },
            Row { sent: Some(millis(2)), end: End::Unfinished },
            Row::UNSENT,
        ],
    )]);
    troubled.is_interrupted = true;
    troubled.runs[0].trouble = Some("only 2 of 3 threads could be started: no more".to_owned());
    troubled
}

fn plain(race: &Race, columns: usize) -> String {
    anstream::adapter::strip_str(&to_text(race, columns)).to_string()
}

#[test]
fn a_race_as_text() {
    insta::assert_snapshot!(plain(&whole(), 80));
}

#[test]
fn a_race_that_went_wrong_as_text() {
    insta::assert_snapshot!(plain(&troubled(), 80));
}

#[test]
fn a_race_as_json() {
    insta::assert_snapshot!(to_json(&whole()).unwrap());
}

#[test]
fn a_race_that_went_wrong_as_json() {
    insta::assert_snapshot!(to_json(&troubled()).unwrap());
}

#[test]
fn a_long_waterfall_folds_in_the_middle() {
    let rows = (0..1_000).map(|index| answered(index, index + 100)).collect();
    let text = plain(&race(vec![way(Way::Tasks, 1_099, 1, rows)]), 60);
    assert!(text.contains("976 more"), "{text}");
    assert!(text.lines().count() < 50);
}
