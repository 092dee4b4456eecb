//! `load` against servers that misbehave: its output and its exit code.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use longsync_server::{Behavior, CallKind, Config, Options, RunningServer, Stats, start_with};
use serde_json::Value;

use crate::cli::{client, stderr};
use crate::harness::eventually;
use crate::load::{load, record, recorded};
use crate::peer::{Peer, answer, done};

const MAX_CONCURRENT_STREAMS: u16 = 3;

/// The outcome of a run, without anything that differs from run to run.
fn told(code: Option<i32>, said: &str, record: Option<&Value>) -> String {
    let mut told = String::new();
    writeln!(told, "exit code: {code:?}").unwrap();
    for line in said.lines() {
        // Ports differ from run to run.
        let mut pieces = line.split("127.0.0.1:");
        let mut shown = pieces.next().unwrap().to_owned();
        for piece in pieces {
            shown.push_str("ADDRESS");
            shown.push_str(piece.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        }
        writeln!(told, "stderr: {shown}").unwrap();
    }
    if let Some(record) = record {
        writeln!(told, "end: {}", record["end"]["why"]).unwrap();
        for texts in record["errors"]["texts"].as_array().unwrap() {
            writeln!(told, "error: {}", texts["text"].as_str().unwrap()).unwrap();
        }
    }
    told
}

fn number(record: &Value, count: &str) -> u64 {
    record["counts"][count].as_u64().unwrap_or_else(|| panic!("{count}: {}", record["counts"]))
}

fn not_sent(record: &Value, why: &str) -> u64 {
    record["counts"]["not_sent"][why].as_u64().unwrap()
}

/// Checks that every call that was due is accounted for.
fn is_whole(record: &Value) {
    let counts = record["counts"]["not_sent"].as_object().unwrap().values();
    let not_sent: u64 = counts.map(|count| count.as_u64().unwrap()).sum();
    let [due, ended, unfinished] =
        ["due", "ended", "unfinished"].map(|count| number(record, count));
    assert_eq!(due, ended + unfinished + not_sent, "{}", record["counts"]);
    let seconds = record["intervals"].as_array().unwrap().iter();
    let ended_by_second: u64 = seconds.map(|it| it["counts"]["ended"].as_u64().unwrap()).sum();
    assert_eq!(ended_by_second, ended, "the seconds do not add up to all ended calls");
}

/// A server on this address, or on a free port.
fn server_at(listen: SocketAddr) -> RunningServer {
    let behavior = Behavior::constant(Duration::from_millis(2));
    let options = Options { listen, behavior, drain: Duration::ZERO, ..Options::default() };
    start_with(Config::new(options).unwrap()).unwrap()
}

/// Waits until the server has received a hundred calls.
async fn under_way(stats: Stats) {
    eventually(|| stats.snapshot().calls_started(CallKind::LongSync) >= 100).await;
}

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[tokio::test]
async fn a_missing_server() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = load(&format!("http://{free}"), &["-n", "10"]).await;
    assert!(output.stdout.is_empty());
    insta::assert_snapshot!("load_unreachable", told(output.status.code(), &stderr(&output), None));
    let record = recorded(&format!("http://{free}"), &["-n", "10"], 1).await;
    assert_eq!(record["end"]["why"], "not_started");
}

/// On a terminal, on which `starting` is drawn meanwhile. The terminal comes from util-linux's `script`;
/// without it, the test is skipped.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_a_terminal_the_error_stays_on_the_screen() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = env!("CARGO_BIN_EXE_longsync-client");
    let mut command = tokio::process::Command::new("script");
    let called = format!("'{client}' load --url http://{free} -n 10");
    command.args(["-q", "-e", "-c", &called, "/dev/null"]).stdin(std::process::Stdio::null());
    let output = match command.output().await {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => panic!("{error}"),
    };
    let text = crate::cli::stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let (drawn, screen) = text.rsplit_once("\x1b[J").expect("lines are drawn and erased");
    assert!(drawn.contains("starting") && screen.contains("cannot reach"), "{text:?}");
}

/// Neither the cursor is moved on a terminal that cannot do that, nor are there sequences for colors if none are
/// wanted.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_terminal_gets_only_the_sequences_that_it_understands() {
    let server = server_at(anywhere());
    let client = env!("CARGO_BIN_EXE_longsync-client");
    let called = format!("'{client}' load --url {} -c 1 -z 1500ms", server.url());
    let on_terminal = async |variables: &[(&str, &str)]| {
        let mut command = tokio::process::Command::new("script");
        command.args(["-q", "-e", "-c", &called, "/dev/null"]).stdin(std::process::Stdio::null());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm").envs(variables.iter().copied());
        match command.output().await {
            Ok(output) => Some(crate::cli::stdout(&output)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("{error}"),
        }
    };
    let Some(usual) = on_terminal(&[]).await else { return };
    assert!(usual.contains("\x1b[1A\r\x1b[J") && usual.contains("\x1b[0m"), "{usual:?}");
    let dumb = on_terminal(&[("TERM", "dumb")]).await.unwrap();
    assert!(!dumb.contains('\x1b') && dumb.contains("good"), "{dumb:?}");
    for variable in [("NO_COLOR", "1"), ("CLICOLOR", "0")] {
        let plain = on_terminal(&[variable]).await.unwrap();
        assert!(plain.contains("\x1b[1A\r\x1b[J"), "{plain:?}");
        let colors = plain.split('\x1b').skip(1).any(|sequence| {
            sequence.find(char::is_alphabetic).is_some_and(|end| sequence[end..].starts_with('m'))
        });
        assert!(!colors, "{variable:?}: {plain:?}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_only_http1() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4_096]).await;
            let _ =
                socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let output = load(&url, &["-n", "10"]).await;
    insta::assert_snapshot!("load_http1", told(output.status.code(), &stderr(&output), None));
}

#[tokio::test]
async fn an_http2_server_without_grpc() {
    let page = |stream| crate::peer::page(stream, "404", "text/html", b"<h1>Not here</h1>");
    let peer = Peer::answering(page).await;
    let output = load(&peer.target.to_string(), &["-n", "10", "-c", "2", "--json"]).await;
    let record = record(&output);
    assert_eq!((number(&record, "good"), number(&record, "failed")), (0, 10));
    insta::assert_snapshot!(
        "load_page",
        told(output.status.code(), &stderr(&output), Some(&record))
    );
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[]).await?;
        wire.hold().await
    })
    .await;
    let args = ["-r", "20", "-n", "10", "--grace", "300ms", "--json"];
    let output = load(&peer.target.to_string(), &args).await;
    let record = record(&output);
    assert_eq!((number(&record, "unfinished"), number(&record, "sent")), (10, 10));
    is_whole(&record);
    insta::assert_snapshot!(
        "load_mute",
        told(output.status.code(), &stderr(&output), Some(&record))
    );
}

#[tokio::test]
async fn a_server_that_never_answers_and_calls_with_deadlines() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[]).await?;
        wire.hold().await
    })
    .await;
    let args = ["-r", "50", "-n", "10", "-t", "100ms", "--json"];
    let output = load(&peer.target.to_string(), &args).await;
    let record = record(&output);
    assert_eq!(record["counts"]["statuses"]["DEADLINE_EXCEEDED"], 10);
    assert_eq!((number(&record, "cut"), number(&record, "lower_bounds")), (10, 10));
    let failed = &record["figures"]["failed_service_time"];
    assert!(
        failed["longest_ns"].as_u64() < Some(110_000_000),
        "not recorded at the deadline: {failed}"
    );
    insta::assert_snapshot!(
        "load_mute_deadline",
        told(output.status.code(), &stderr(&output), Some(&record))
    );
}

#[tokio::test]
async fn a_server_that_allows_one_stream() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[(MAX_CONCURRENT_STREAMS, 1)]).await?;
        while let Some(stream) = wire.request().await? {
            tokio::time::sleep(Duration::from_millis(20)).await;
            wire.send(&answer(stream, &done())).await?;
        }
        Ok(())
    })
    .await;
    let url = peer.target.to_string();
    let record = recorded(&url, &["-r", "200", "-n", "100"], 0).await;
    assert!(not_sent(&record, "stream_limit") > 50, "{}", record["counts"]);
    is_whole(&record);
    // A closed loop cannot keep the given number of calls in flight.
    let output = load(&url, &["-c", "50", "-n", "100"]).await;
    insta::assert_snapshot!("load_one_stream", told(output.status.code(), &stderr(&output), None));
}

#[tokio::test]
async fn half_of_the_connections_are_lost_during_a_run() {
    let peer = Peer::start(|mut wire, number| async move {
        wire.settings(&[]).await?;
        let mut answered = 0;
        while let Some(stream) = wire.request().await? {
            if number < 4 && number % 2 == 0 && answered == 10 {
                return Ok(());
            }
            wire.send(&answer(stream, &done())).await?;
            answered += 1;
        }
        Ok(())
    })
    .await;
    // Each loss ends at most the four calls in flight. At a rate, a busy machine sends many calls in a row, and any
    // number of them would be on a connection that is lost.
    let args = ["-c", "4", "-n", "200", "--connections", "4"];
    let record = recorded(&peer.target.to_string(), &args, 0).await;
    assert_eq!(number(&record, "connections_lost"), 2, "{}", record["counts"]);
    assert!(number(&record, "good") >= 190, "{}", record["counts"]);
    is_whole(&record);
}

#[tokio::test]
async fn a_server_that_is_killed_and_restarted() {
    let first = server_at(anywhere());
    let (url, address, stats) = (first.url(), first.local_addr(), first.stats());
    let killing = tokio::spawn(async move {
        under_way(stats).await;
        tokio::task::spawn_blocking(move || drop(first)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server_at(address)
    });
    let record = recorded(&url, &["-r", "200", "-z", "4s"], 0).await;
    let _second = killing.await.unwrap();
    assert!(number(&record, "connections_lost") >= 1, "{}", record["counts"]);
    assert!(not_sent(&record, "no_connection") > 0, "{}", record["counts"]);
    assert!(number(&record, "good") > 200, "{}", record["counts"]);
    assert_eq!(record["end"]["why"], "complete");
    is_whole(&record);
}

#[tokio::test]
async fn a_server_that_is_killed_for_good() {
    let server = server_at(anywhere());
    let (url, stats) = (server.url(), server.stats());
    let killing = tokio::spawn(async move {
        under_way(stats).await;
        tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
    });
    let args = ["load", "--url", &url, "-r", "200", "-z", "60s", "--grace", "1s", "--json"];
    let output = tokio::time::timeout(Duration::from_secs(20), client(&args)).await.unwrap();
    killing.await.unwrap();
    let record = record(&output);
    assert!(
        number(&record, "good") > 50,
        "the calls before the loss are not reported: {}",
        record["counts"]
    );
    assert_eq!((output.status.code(), &record["end"]["why"]), (Some(1), &"unreachable".into()));
    is_whole(&record);
}

/// The run ends before the grace has passed, and would otherwise seem to have been a good one.
#[tokio::test]
async fn a_server_that_is_killed_for_good_near_the_end() {
    for how in [["-c", "3"], ["-r", "200"]] {
        let server = server_at(anywhere());
        let (url, stats) = (server.url(), server.stats());
        let killing = tokio::spawn(async move {
            under_way(stats).await;
            tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
        });
        let output = load(&url, &[&how[..], &["-z", "3s", "--json"]].concat()).await;
        killing.await.unwrap();
        let record = record(&output);
        assert_eq!((output.status.code(), &record["end"]["why"]), (Some(1), &"unreachable".into()));
        let without = record["without_connection_ns"].as_u64().unwrap();
        assert!((1..=3_000_000_000).contains(&without), "{without}");
        assert!(number(&record, "good") > 50, "{}", record["counts"]);
        is_whole(&record);
    }
}

#[tokio::test]
async fn error_texts_are_escaped_in_records() {
    let peer = Peer::answering(|stream| {
        crate::peer::only(stream, &[("grpc-status", b"2"), ("grpc-message", b"%1b]0;owned%07%0a")])
    })
    .await;
    let output = load(&peer.target.to_string(), &["-n", "3", "-c", "1", "--json"]).await;
    let text = crate::cli::stdout(&output);
    assert!(text.contains("owned") && !text.replace('\n', "").contains(char::is_control), "{text}");
}

#[tokio::test]
async fn calls_not_sent_for_the_in_flight_limit_count_as_slower_than_any() {
    let server = server_at(anywhere());
    let record = recorded(
        &server.url(),
        &["-r", "500", "-n", "100", "--max-in-flight", "1", "--delay", "50ms"],
        0,
    )
    .await;
    assert!(not_sent(&record, "in_flight_limit") > 50, "{}", record["counts"]);
    let beyond = &record["figures"]["response_time"]["percentiles"]["p99"];
    assert!(beyond["beyond_ns"].is_u64() && beyond["value_ns"].is_null(), "{beyond}");
    is_whole(&record);
}
