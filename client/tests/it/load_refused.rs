//! Plans that `load` refuses before it begins.

use std::fmt::Write as _;

use crate::cli::{command, stderr};
use crate::load::folder;

/// Command lines that are refused with exit code 2 before any call: the error for each, without clap's frame.
#[tokio::test]
async fn plans_that_make_no_sense_are_refused_with_what_would_be_right() {
    let folder = folder("load_refused");
    for (name, content) in [
        ("points.csv", "seconds,rate\n0,100\n1,fast\n"),
        ("once.csv", "0,100\n"),
        ("times", "0\n2.5\n2.4\n"),
        ("good-times", "0\n2.5\n"),
        ("empty", ""),
        ("race.json", "{\"schema\": \"longsync.race/v1\"}"),
        ("broken.json", "{\"schema\": \"longsync.load/v1\", \"plan\": {\"rate\": 5}}"),
        ("wrong.json", "{\"rate\": \"5/s\", \"concurrency\": 5}"),
        ("text", "not JSON"),
        ("exists.json", "an earlier record"),
    ] {
        std::fs::write(folder.join(name), content).unwrap();
    }
    std::fs::write(folder.join("bytes"), [0xff; 10]).unwrap();
    let mut told = String::new();
    for args in [
        &["-r", "0"][..],
        &["-r", "0/s", "-z", "5s"],
        &["--schedule", "constant(0/s, for=10s)"],
        &["-r", "2000", "-c", "64"],
        &["-r", "2000/m"],
        &["--rps", "fast"],
        &["-c", "0"],
        &["-c", "many"],
        &["-n", "0"],
        &["-n", "1.5"],
        &["-z", "0s"],
        &["-z", "10"],
        &["--schedule", "staircase(5/s)"],
        &["--schedule", "constant(5/s)"],
        &["--schedule-file", "points.csv"],
        &["--schedule-file", "once.csv"],
        &["--schedule-file", "nowhere.csv"],
        &["--schedule-file", "bytes"],
        &["--schedule-file", "."],
        &["--replay", "times"],
        &["--replay", "empty"],
        &["--replay", "good-times", "-r", "5"],
        &["--replay", "good-times", "--arrivals", "poisson"],
        &["--replay", "good-times", "--warm-up", "1s"],
        &["--replay-speed", "2"],
        &["--arrivals", "poisson"],
        &["--arrivals", "sometimes"],
        &["--arrivals", "at-once"],
        &["-r", "5", "--think", "1ms"],
        &["-r", "5", "--warm-up", "soon"],
        &["--schedule", "line(from=0/s, to=5/s, in=5s)", "--warm-up", "1s"],
        &["--max-in-flight", "5"],
        &["--threshold", "p99"],
        &["--threshold", "p99>250ms"],
        &["--threshold", "p101<1s"],
        &["--threshold", "speed<1s"],
        &["--threshold", "lag.p99<1ms"],
        &["--stop-when", "p99<250ms"],
        &["--stop-when", "errors>5"],
        &["--expect", "OK,FINE"],
        &["--connections", "some"],
        &["--workers", "0"],
        &["--workers", "2000000000"],
        &["--workers", "99999999999999999999"],
        &["--connections", "1", "--workers", "2"],
        &["--spin", "often"],
        &["--payload", "@nowhere"],
        &["--payload-bytes", "4294967295"],
        &["-H", "nonsense"],
        &["-H", "te:gzip"],
        &["-t", "1s", "-H", "grpc-timeout:1S"],
        &["--delay", "1s", "--behavior", "1s"],
        &["--url", "https://127.0.0.1:9000"],
        &["--plan", "race.json"],
        &["--plan", "broken.json"],
        &["--plan", "wrong.json"],
        &["--plan", "text"],
        &["--plan", "nowhere.json"],
        &["--plan", "wrong.json", "-r", "5"],
        &["--tag", "alone"],
        &["--tag", "a=1", "--tag", "a=2"],
        &["--repeat", "0"],
        &["--repeat", "2", "--record", "one.json"],
        &["--repeat", "2", "--seed", "18446744073709551615"],
        &["--record", "exists.json"],
        &["--record", "same", "--svg", "./same"],
        &["--sample", "100"],
        &["--sample-file", "calls.csv"],
        &["--metrics", "everywhere"],
    ] {
        let mut command = command(&[&["load"], args].concat());
        command.current_dir(&folder);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let said = stderr(&output);
        let said = said.split("\n\nUsage:").next().unwrap().split("\n\nFor more").next().unwrap();
        writeln!(told, "load {}\n    {}\n", args.join(" "), said.replace('\n', "\n    ")).unwrap();
    }
    insta::assert_snapshot!("load_refused", told);
    let kept = std::fs::read_to_string(folder.join("exists.json")).unwrap();
    assert_eq!(kept, "an earlier record");
}
