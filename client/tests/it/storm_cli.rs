//! The command `storm`, as a user types it.

use std::fmt::Write as _;

use crate::cli::{client, stderr, stdout};

#[tokio::test]
async fn help_explains_the_experiment() {
    insta::assert_snapshot!("help_storm", stdout(&client(&["storm", "--help"]).await));
}

#[tokio::test]
async fn impossible_storms_are_refused_with_what_would_be_right() {
    let mut told = String::new();
    for args in [
        &["--load", "0%"][..],
        &["--load", "1001%"],
        &["--load", "0.8"],
        &["--load", "1000%"],
        &["--attempts", "0"],
        &["--attempts", "many"],
        &["--timeout", "0s"],
        &["--timeout", "soon"],
        &["--timeout", "20s"],
        &["--trigger", "crash 1s"],
        &["--trigger", "stall"],
        &["--trigger", "stall 2m"],
        &["--duration", "1s"],
        &["--duration", "3500ms"],
        &["--limit", "0"],
        &["--backoff-max", "40ms"],
        &["--backoff-max", "2m"],
        &["--backoff-max", "long"],
        &["--workers", "0"],
        &["--service", "0s"],
        &["--service", "1s"],
        &["--ways", "work,work"],
        &["--ways", "hope"],
        &["--rate", "100"],
        &["--svg", "-", "--json"],
    ] {
        let output = client(&[&["storm"], args].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let said = stderr(&output);
        let why = said.split("\n\nUsage:").next().unwrap().replace('\n', "\n    ");
        writeln!(told, "{}\n    {why}\n", args.join(" ")).unwrap();
    }
    insta::assert_snapshot!("storm_refused", told);
}

#[tokio::test]
async fn a_timeout_elsewhere_is_still_answered_with_the_deadline() {
    let said = stderr(&client(&["call", "--timeout", "1s"]).await);
    assert!(said.contains("write --deadline, or -t, instead of --timeout"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn after_an_interrupt_it_reports_what_there_is() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    use rustix::process::{Pid, Signal, kill_process};

    let mut command = crate::cli::command(&["storm", "--ways", "work", "--json", "--seed", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut said, mut begun) = (BufReader::new(child.stderr.take().unwrap()), String::new());
    said.read_line(&mut begun).unwrap();
    assert_eq!(begun, "work: way 1 of 1; 20s left\n");
    // It ends by itself only after 20 s.
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["interrupted"], true);
    assert_eq!(json["ways"][0]["complete"], false);
    assert_eq!(json["ways"][0]["recovery"], "unknown");
}
