//! Tests of what a scrape reads of a running load.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use longsync_stats::{
    CallRecord, Figures, Loop, Moment, NotSentReason, Recorder, ServerWait, StatusCode,
};

use super::*;

/// A second in which one call took 5 ms, of which it waited 4.8 on the server, one failed, and three were not
/// sent.
fn second() -> Figures {
    let mut recorder = Recorder::default();
    let [due, sent, done] = [0, 30_000, 5_000_000].map(Moment::from_nanos);
    let nanos = Duration::from_nanos;
    let (planned, waited) = (nanos(4_750_000), nanos(4_800_000));
    let waits = ServerWait { planned, waited, queued: nanos(0), is_faulty: false };
    for (code, waits) in [(0, Some(waits)), (14, None)] {
        recorder.sent(Some(due), sent);
        let call = CallRecord {
            due: Some(due),
            waits,
            ..CallRecord::new(sent, done, StatusCode::from(code))
        };
        recorder.ended(&call, None);
    }
    recorder.not_sent(due, NotSentReason::StreamLimit, 3);
    std::mem::take(recorder.figures())
}

/// A board of an open loop after the given number of these seconds.
fn board(seconds: u64) -> MetricsBoard {
    let mut board = MetricsBoard::default();
    let (one, mut all) = (second(), Figures::default());
    for number in 1..=seconds {
        all.merge(&one);
        board.second(&Live::of(Duration::from_secs(number), &one, &all));
    }
    board
}

#[test]
fn a_running_load_as_openmetrics() {
    insta::assert_snapshot!("metrics", board(2).text());
}

/// The text of a board after a second with these faults, and then one with those.
fn with_faults(seconds: &[Vec<String>]) -> String {
    let mut board = MetricsBoard::default();
    let (mut all, mut recorder) = (Figures::default(), Recorder::default());
    for (number, clauses) in (1..).zip(seconds) {
        for clause in clauses {
            recorder.fault(clause);
        }
        let one = std::mem::take(recorder.figures());
        all.merge(&one);
        board.second(&Live::of(Duration::from_secs(number), &one, &all));
    }
    board.text()
}

fn faults_in(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("longsync_load_faults_total")).collect()
}

#[test]
fn faults_are_counted_by_clause_over_all_seconds() {
    let [fail, slow] = [r#"fail(1%, ABORTED, "a\"b\n")"#, "slow(1%, 1B/s)"].map(str::to_owned);
    let text = with_faults(&[vec![fail.clone(), slow.clone(), fail], vec![slow]]);
    let expected = [
        r#"{clause="(other)"} 0"#,
        r#"{clause="fail(1%, ABORTED, \"a\\\"b\\n\")"} 2"#,
        r#"{clause="slow(1%, 1B/s)"} 2"#,
    ];
    assert_eq!(faults_in(&text), expected, "{text}");
}

/// A server may report any clauses, and as many as it likes.
#[test]
fn faults_are_bounded_and_their_counters_never_decrease() {
    let clauses = |numbers: std::ops::Range<u32>| -> Vec<String> {
        numbers.map(|number| format!("hang({number}%)")).collect()
    };
    let seconds = [
        // Before there is no room left for a clause of its own.
        vec!["(other)".to_owned()],
        clauses(0..90),
        clauses(60..150),
        // More than a second keeps apart.
        clauses(500..650),
        clauses(0..90),
    ];
    let mut before = Vec::<(String, u64)>::new();
    for end in 1..=seconds.len() {
        let text = with_faults(&seconds[..end]);
        let now: Vec<_> = faults_in(&text)
            .into_iter()
            .map(|line| {
                let (labels, count) = line.rsplit_once(' ').unwrap();
                (labels.to_owned(), count.parse::<u64>().unwrap())
            })
            .collect();
        assert!(now.len() <= 101, "{}", now.len());
        let total: u64 = now.iter().map(|(_, count)| count).sum();
        assert_eq!(total, seconds[..end].iter().map(|it| it.len() as u64).sum::<u64>());
        for (labels, less) in &before {
            let more = now.iter().find(|(same, _)| same == labels).map(|(_, count)| *count);
            assert!(more >= Some(*less), "{labels}: {less}, {more:?}");
        }
        let mut labels: Vec<_> = now.iter().map(|(labels, _)| labels).collect();
        labels.dedup();
        assert_eq!(labels.len(), now.len(), "two of the same labels");
        before = now;
    }
}

#[test]
fn counters_never_decrease_and_all_exist_from_the_first_scrape_on() {
    let values = |text: &str| {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples =
            samples.filter(|line| !line.contains("_in_flight") && !line.contains("_connections"));
        let split = samples.map(|line| line.rsplit_once(' ').unwrap());
        split
            .map(|(name, value)| (name.to_owned(), value.parse::<f64>().unwrap()))
            .collect::<Vec<_>>()
    };
    let scrapes = [0, 1, 2].map(|seconds| values(&board(seconds).text()));
    for pair in scrapes.windows(2) {
        let [before, after] = [&pair[0], &pair[1]];
        assert_eq!(before.len(), after.len());
        for ((name, less), (same, more)) in before.iter().zip(after) {
            assert!(name == same && less <= more, "{name}: {less}, {same}: {more}");
        }
        assert!(
            before.iter().zip(after).any(|((_, less), (_, more))| less < more),
            "the second was not counted"
        );
    }
}

#[test]
fn a_closed_loop_has_no_response_time_though_calls_were_not_sent() {
    let server = MetricsServer::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    for (kind, without) in [(Loop::Open, 4), (Loop::Closed, 0)] {
        let mut board = server.board(kind);
        let one = second();
        board.second(&Live::of(Duration::from_secs(1), &one, &one));
        let [all, bounded] = ["+Inf", "60.0"].map(|bound| {
            let text = board.text();
            let bucket = format!("response_time_seconds_bucket{{le=\"{bound}\"}} ");
            let count = text.split(&bucket).nth(1).unwrap().lines().next().unwrap();
            count.parse::<u64>().unwrap()
        });
        assert_eq!(all - bounded, without, "{kind:?}");
    }
}

fn get(server: &MetricsServer, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "{head} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn metrics_are_served_until_the_server_is_dropped() {
    let server = MetricsServer::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let mut board = server.board(Loop::Open);
    let one = second();
    board.second(&Live::of(Duration::from_secs(1), &one, &one));
    let answer = get(&server, "GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("application/openmetrics-text; version=1.0.0"), "{answer}");
    assert!(
        answer.contains("\nlongsync_load_due_total 5\n") && answer.ends_with("# EOF\n"),
        "{answer}"
    );
    assert!(get(&server, "GET /").contains(" 404 "));
    assert!(get(&server, "POST /metrics").contains(" 405 "));
    // A silent client keeps the server from neither answering nor ending.
    let silent = TcpStream::connect(server.address()).unwrap();
    assert!(get(&server, "GET /metrics").ends_with("# EOF\n"));
    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    drop(silent);
}

#[test]
fn an_address_in_use_is_an_error_before_anything_is_served() {
    let first = MetricsServer::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let second = MetricsServer::start(first.address());
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
}
