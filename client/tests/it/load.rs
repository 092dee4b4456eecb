//! The command `load`, as a user runs it.

use std::path::PathBuf;
use std::process::Output;

use longsync_server::Limits;
use serde_json::Value;

use crate::cli::{client, stderr, stdout};
use crate::harness::{TestServer, start};
use crate::peer::{Peer, only};

/// Runs the command against a server.
pub(crate) async fn load(url: &str, args: &[&str]) -> Output {
    client(&[&["load", "--url", url], args].concat()).await
}

/// The same; checks its exit code, and returns its record.
pub(crate) async fn recorded(url: &str, args: &[&str], code: i32) -> Value {
    let output = load(url, &[args, &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
    record(&output)
}

/// The only document on stdout.
pub(crate) fn record(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {}", stdout(output)))
}

/// An empty folder of this name.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn url(server: &TestServer) -> String {
    server.target.to_string()
}

#[tokio::test]
async fn help_is_short_or_complete() {
    insta::assert_snapshot!("help_load_short", stdout(&client(&["load", "-h"]).await));
    insta::assert_snapshot!("help_load", stdout(&client(&["load", "--help"]).await));
}

#[tokio::test]
async fn a_wrong_command_line_is_refused_with_the_usage_of_its_command() {
    for (args, said) in [
        (["load", "--rate", "0"], "--rate 0 makes no calls"),
        (["load", "--rate", "x"], "`x` is not a rate"),
        (["load", "--name", " "], "write a name that is not blank"),
    ] {
        let output = client(&args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said_so = stderr(&output);
        assert!(said_so.contains(said), "{said_so}");
        assert!(!said_so.contains("longsync-client [OPTIONS]"), "{said_so}");
    }
    let output = client(&["load", "--rate", "0"]).await;
    assert!(stderr(&output).contains("Usage: longsync-client load [OPTIONS]"));
}

#[tokio::test]
async fn a_closed_loop_makes_exactly_the_given_number_of_calls() {
    let server = start(Limits::default());
    let record = recorded(&url(&server), &["-n", "100", "-c", "10", "--delay", "1ms"], 0).await;
    assert_eq!(
        (&record["schema"], &record["loop"]),
        (&"longsync.load/v1".into(), &"closed".into())
    );
    let counts = &record["counts"];
    assert_eq!((&counts["sent"], &counts["good"]), (&100.into(), &100.into()));
    assert_eq!(counts["statuses"]["OK"], 100);
    assert_eq!(record["figures"]["service_time"]["count"], 100);
    assert_eq!(record["figures"]["response_time"], Value::Null);
    assert_eq!(record["end"]["why"], "complete");
}

#[tokio::test]
async fn an_open_loop_has_response_times_and_added_times() {
    let server = start(Limits::default());
    let args = ["-r", "500", "-n", "200", "--delay", "5ms", "--warm-up", "100ms"];
    let record = recorded(&url(&server), &args, 0).await;
    let figures = &record["figures"];
    for figure in ["response_time", "service_time", "lag", "added", "planned", "waited", "lateness"]
    {
        assert_eq!(figures[figure]["count"], 200, "{figure}");
    }
    assert_eq!(figures["planned"]["percentiles"]["p50"]["value_ns"], 5_000_000);
    assert!(figures["response_time"]["shortest_ns"].as_u64() >= Some(5_000_000));
    assert_eq!((&record["loop"], &record["warm_up"]), (&"open".into(), &50.into()));
    let seconds = record["intervals"].as_array().unwrap();
    let ended = seconds.iter().map(|it| it["counts"]["ended"].as_u64().unwrap());
    assert_eq!(ended.sum::<u64>(), 200, "the intervals do not add up to the run");
}

#[tokio::test]
async fn a_record_is_written_next_to_the_text_and_its_plan_can_be_repeated() {
    let server = start(Limits::default());
    let folder = folder("load_plan");
    let [first, second] = ["first.json", "second.json"].map(|name| folder.join(name));
    let [first, second] = [&first, &second].map(|path| path.to_str().unwrap());
    let args =
        ["-r", "400/s", "--arrivals", "poisson", "-n", "50", "--behavior", "exponential(1ms)"];
    let about = ["--name", "a name", "--tag", "commit=1a2b", "--record", first, "--quiet"];
    let output = load(&url(&server), &[&args[..], &about].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");

    let output = client(&["load", "--plan", first, "--record", second, "--quiet"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let [first, second] = [first, second]
        .map(|path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap());
    assert_eq!((&first["name"], &first["tags"]["commit"]), (&"a name".into(), &"1a2b".into()));
    assert_eq!((&first["plan"], &first["seed"]), (&second["plan"], &second["seed"]));
    assert_eq!(second["name"], Value::Null);
    // The same seed gives the same call ids, from which the same delays are drawn.
    let planned = |record: &Value| record["figures"]["planned"]["histogram"].clone();
    assert_eq!(planned(&first), planned(&second));
}

#[tokio::test]
async fn a_missed_threshold_exits_with_99() {
    let server = start(Limits::default());
    let args = ["-n", "20", "-c", "2", "--delay", "5ms"];
    let limits = ["--threshold", "p50<1ms", "--threshold", "errors<1%", "--threshold", "p99<1m"];
    let record = recorded(&url(&server), &[&args[..], &limits].concat(), 99).await;
    let thresholds = record["thresholds"].as_array().unwrap();
    let passed: Vec<_> = thresholds.iter().map(|it| it["passed"].as_bool().unwrap()).collect();
    assert_eq!(passed, [false, true, true]);
    assert!(thresholds[0]["value"]["value_ns"].as_u64() >= Some(5_000_000), "{thresholds:?}");
    assert_eq!(thresholds[2]["marked"], true);
    recorded(&url(&server), &[&args[..], &limits[2..]].concat(), 0).await;
}

#[tokio::test]
async fn failed_calls_alone_are_not_a_failure() {
    let peer = Peer::answering(|stream| only(stream, &[("grpc-status", b"8")])).await;
    let url = peer.target.to_string();
    let args = ["-n", "20", "-c", "2"];
    let record = recorded(&url, &args, 0).await;
    assert_eq!(record["counts"]["statuses"]["RESOURCE_EXHAUSTED"], 20);
    assert_eq!((&record["counts"]["failed"], &record["counts"]["good"]), (&20.into(), &0.into()));
    recorded(&url, &[&args[..], &["--threshold", "p50<1m"]].concat(), 99).await;
    // They are good if their status is expected.
    let expected = ["--expect", "OK,resource_exhausted", "--threshold", "p50<1m"];
    let record = recorded(&url, &[&args[..], &expected].concat(), 0).await;
    assert_eq!(record["counts"]["good"], 20);
}

#[tokio::test]
async fn a_stop_rule_ends_the_run_and_exits_with_99() {
    let peer = Peer::answering(|stream| only(stream, &[("grpc-status", b"14")])).await;
    let args = ["-r", "500", "-z", "60s", "--stop-when", "errors>5%"];
    let record = recorded(&peer.target.to_string(), &args, 99).await;
    assert_eq!(
        (&record["end"]["why"], &record["end"]["rule"]),
        (&"stop_rule".into(), &"errors>5%".into())
    );
    assert_eq!(record["end"]["value"]["kind"], "share");
    assert!(record["recorded_ns"].as_u64() < Some(30_000_000_000));
}

#[tokio::test]
async fn a_client_that_is_the_bottleneck_reports_it_and_exits_with_98_if_strict() {
    let server = start(Limits::default());
    let args = ["-r", "2M/s", "-z", "200ms", "--delay", "0s"];
    let record = recorded(&url(&server), &args, 0).await;
    assert_eq!(record["verdict"]["client_bound"], true);
    assert!(record["counts"]["not_sent"]["late"].as_u64() > Some(1_000), "{}", record["counts"]);
    assert!(record["took_ns"].as_u64() < Some(5_000_000_000), "it did not end within its grace");
    let strict = ["--strict", "--threshold", "p50<1ns"];
    recorded(&url(&server), &[&args[..], &strict].concat(), 98).await;
    // Compared with 500 ms it does not matter if a busy machine wakes the client 10 ms late.
    let healthy = ["-r", "10", "-n", "5", "--delay", "500ms", "--strict"];
    recorded(&url(&server), &healthy, 0).await;
}

#[tokio::test]
async fn each_repetition_has_its_own_seed_and_files() {
    let server = start(Limits::default());
    let folder = folder("load_repeat");
    let named = folder.join("run-{n}.json");
    let args = ["-n", "10", "--delay", "0s", "--seed", "7", "--repeat", "3", "--quiet"];
    let files = ["--record", named.to_str().unwrap()];
    let output = load(&url(&server), &[&args[..], &files].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for number in 1..=3_u64 {
        let record = std::fs::read(folder.join(format!("run-{number}.json"))).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(
            (&record["seed"], &record["plan"]["seed"]),
            (&(6 + number).into(), &(6 + number).into())
        );
        assert_eq!(record["call_id_prefix"], format!("{}-", 6 + number));
    }
    let output = load(&url(&server), &["-n", "1", "--repeat", "2", "--record", "one.json"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("put {n} into one.json"), "{}", stderr(&output));
}

#[tokio::test]
async fn schedules_replays_and_bursts_make_their_calls() {
    let server = start(Limits::default());
    let folder = folder("load_schedules");
    let [points, times] =
        [("points.csv", "seconds,rate\n0,100\n0.5,100\n"), ("times", "0\n0.1\n0.1\n")].map(
            |(name, content)| {
                let path = folder.join(name);
                std::fs::write(&path, content).unwrap();
                path.to_str().unwrap().to_owned()
            },
        );
    for (args, calls) in [
        (&["--schedule", "step(from=50/s, to=100/s, by=50/s, every=200ms)"][..], 30),
        (&["--schedule-file", &points], 50),
        (&["--replay", &times, "--replay-speed", "2"], 3),
        (&["--arrivals", "at-once", "-n", "25"], 25),
        (&["--concurrency-schedule", "step(from=1, to=4, by=1, every=1s)", "-n", "40"], 40),
    ] {
        let record = recorded(&url(&server), &[args, &["--delay", "1ms"]].concat(), 0).await;
        assert_eq!(record["counts"]["good"], calls, "{args:?}");
    }
}

#[tokio::test]
async fn an_http_header_and_a_payload_reach_the_server() {
    let server = start(Limits::default());
    let folder = folder("load_payload");
    let payload = folder.join("payload");
    std::fs::write(&payload, [0xff; 1_000]).unwrap();
    let from_file = format!("@{}", payload.display());
    let args = [
        "-n",
        "5",
        "-c",
        "1",
        "-H",
        "x-longsync-behavior: 3ms",
        "--payload",
        &from_file,
        "--echo-payload",
    ];
    let record = recorded(&url(&server), &args, 0).await;
    assert_eq!(record["figures"]["planned"]["shortest_ns"], 3_000_000);
    assert_eq!(record["plan"]["metadata"][0][1], "3ms");
    assert!(record["plan"]["payload"]["base64"].as_str().unwrap().len() > 1_000);
    assert!(record["counts"]["bytes_in"].as_u64() > Some(5_000), "{}", record["counts"]);
}

#[cfg(unix)]
mod interrupted {
    use std::process::{Child, Stdio};
    use std::time::{Duration, Instant};

    use longsync_server::CallKind;
    use rustix::process::{Pid, Signal, kill_process};

    use super::*;
    use crate::cli::command;
    use crate::harness::eventually;

    /// A run of one minute, once it is under way.
    async fn under_way(server: &TestServer, args: &[&str]) -> Child {
        let url = url(server);
        let load = ["load", "--url", &url, "-z", "60s", "--json"];
        let mut command = command(&[&load[..], args].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        eventually(|| server.stats.snapshot().calls_in_flight() > 0).await;
        child
    }

    fn interrupt(child: &Child) {
        kill_process(Pid::from_child(child), Signal::INT).unwrap();
    }

    async fn ended(child: Child) -> Output {
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap()
    }

    /// Waits until no call has begun for a tenth of a second, and returns how many have begun.
    async fn none_begins(server: &TestServer) -> u64 {
        let started = || server.stats.snapshot().calls_started(CallKind::LongSync);
        let (mut before, mut since) = (started(), Instant::now());
        eventually(|| {
            let now = started();
            if std::mem::replace(&mut before, now) != now {
                since = Instant::now();
            }
            since.elapsed() > Duration::from_millis(100)
        })
        .await;
        before
    }

    #[tokio::test]
    async fn an_interrupt_stops_sending_and_waits_for_open_calls() {
        let server = start(Limits::default());
        let child = under_way(&server, &["-r", "100", "--delay", "300ms"]).await;
        interrupt(&child);
        let output = ended(child).await;
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        let record = record(&output);
        let counts = &record["counts"];
        assert_eq!(record["end"]["why"], "stopped");
        assert_eq!((&counts["unfinished"], &counts["failed"]), (&0.into(), &0.into()), "{counts}");
        assert!(counts["good"].as_u64() > Some(0), "{counts}");
    }

    #[tokio::test]
    async fn a_second_interrupt_waits_for_nothing_and_still_reports() {
        let server = start(Limits::default());
        let child = under_way(&server, &["-r", "1000", "--delay", "50s"]).await;
        interrupt(&child);
        // The first must be seen before the second is sent: pending signals of one kind are not counted.
        let sent = none_begins(&server).await;
        interrupt(&child);
        let output = ended(child).await;
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        let record = record(&output);
        assert_eq!(record["end"]["why"], "ended");
        assert_eq!(record["counts"]["unfinished"], sent);
    }

    #[tokio::test]
    async fn an_interrupt_ends_repetitions() {
        let server = start(Limits::default());
        let folder = folder("load_interrupted");
        let named = folder.join("{n}.json");
        let files = ["--repeat", "3", "--record", named.to_str().unwrap()];
        let child = under_way(&server, &[&["-c", "1"], &files[..]].concat()).await;
        interrupt(&child);
        assert_eq!(ended(child).await.status.code(), Some(130));
        assert!(folder.join("1.json").exists() && !folder.join("2.json").exists());
    }
}
