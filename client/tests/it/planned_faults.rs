//! Planned faults, as `call`, `load` and `behavior` show them.

use serde_json::Value;

use crate::cli::{client, stderr, stdout};
use crate::harness::{TestServer, start};
use longsync_server::{Config, Limits, Options, RunningServer, start_with};

async fn json(args: &[&str]) -> Value {
    let output = client(args).await;
    let text = stdout(&output);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", stderr(&output)))
}

fn server() -> (TestServer, String) {
    let server = start(Limits::default());
    let url = server.target.to_string();
    (server, url)
}

/// A server with this behavior of its own.
fn behaving(behavior: &str) -> (RunningServer, String) {
    let options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        behavior: behavior.parse().unwrap(),
        ..Options::default()
    };
    let server = start_with(Config::new(options).unwrap()).unwrap();
    let url = server.url().clone();
    (server, url)
}

/// The text of a report as one line, however it was wrapped.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_failed_call_shows_the_fault_that_hit_it() {
    let (_server, url) = server();
    let behavior = "1ms; fail(100%, UNAVAILABLE, retry_info=1s)";
    let output = client(&["call", "--url", &url, "--behavior", behavior]).await;
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(64 + 14), "{text}");
    assert!(text.contains("UNAVAILABLE: planned by longsync"), "{text}");
    assert!(text.contains("fault: fail(100%, UNAVAILABLE, retry_info=1s)"), "{text}");

    let record = json(&["call", "--url", &url, "--behavior", behavior, "--json"]).await;
    let timing = &record["status"]["timing"];
    assert_eq!(timing["fault"], "fail(100%, UNAVAILABLE, retry_info=1s)");
    assert_eq!(timing["planned_ns"], 1_000_000);
}

/// What a fault does to an answer is not added by the network.
#[tokio::test]
async fn a_slow_answer_has_no_added() {
    let (_server, url) = server();
    for (behavior, fault, is_known) in
        [("1ms; slow(100%, 10KiB/s)", "slow(100%, 10KiB/s)", false), ("1ms", "", true)]
    {
        let record = json(&["call", "--url", &url, "--behavior", behavior, "--json"]).await;
        let answer = &record["answers"][0];
        assert_eq!(answer["timing"]["fault"], fault);
        assert_eq!(answer["added_ns"].is_i64(), is_known, "{record}");
    }
}

#[tokio::test]
async fn the_messages_of_an_exchange_show_their_faults() {
    let (_server, url) = server();
    let behavior = "0s; fail_first(1, ABORTED)";
    let args =
        ["call", "--url", &url, "--behavior", behavior, "--kind", "exchange", "--count", "3"];
    let text = stdout(&client(&args).await);
    // The messages have no names of their own, so they are attempts of one call.
    assert!(text.contains("fault: fail_first(1, ABORTED), in 1 of 3 answers"), "{text}");
    let record = json(&[&args[..], &["--json"]].concat()).await;
    let answers = record["answers"].as_array().unwrap();
    assert!(answers.iter().all(|answer| answer["failure"].is_null()), "no longer the first");
}

/// The table shows the first 20 answers.
#[tokio::test]
async fn faults_are_counted_among_all_answers_of_an_exchange() {
    let (_server, url) = server();
    let args = ["call", "--url", &url, "--behavior", "0s; fail(100%, ABORTED)"];
    let text =
        stdout(&client(&[&args[..], &["--kind", "exchange", "--count", "50"]].concat()).await);
    assert!(text.contains("fault: fail(100%, ABORTED), in 50 of 50 answers"), "{text}");
}

#[tokio::test]
async fn hung_messages_of_an_exchange_are_unanswered_and_fail_nothing() {
    let (_server, url) = server();
    let hang = ["call", "--url", &url, "--behavior", "0s; hang(100%)", "--kind", "exchange"];
    let args = [&hang[..], &["--count", "3"]].concat();
    let output = client(&args).await;
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
    assert!(text.contains("3 of 3 messages were never answered, as hang(100%) plans"), "{text}");
    let record = json(&[&args[..], &["--json"]].concat()).await;
    assert_eq!(record["unanswered"], 3, "{record}");
    assert_eq!(record["status"]["name"], "OK", "{record}");
    let answered = ["call", "--url", &url, "--kind", "exchange", "--count", "3", "--json"];
    assert_eq!(json(&answered).await["unanswered"], 0);
}

/// The server's own behavior is known from the answers that it does give.
#[tokio::test]
async fn a_server_that_hangs_by_itself_says_so_in_its_answers() {
    let (_server, url) = behaving("0s; hang(50%)");
    let args = ["call", "--url", &url, "--kind", "exchange", "--count", "64"];
    let output = client(&args).await;
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains(" of 64 messages were never answered, as hang(50%) plans"), "{text}");
    // Nothing explains why a message has no answer if none has one.
    let (_server, url) = behaving("0s; hang(100%)");
    let output = client(&["call", "--url", &url, "--kind", "exchange", "--count", "3"]).await;
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(64 + 13), "{text}");
    assert!(text.contains("after 0 of 3 answers"), "{text}");
}

#[tokio::test]
async fn a_load_counts_faults_by_clause() {
    let (_server, url) = server();
    let behavior = "0s; fail(20%, UNAVAILABLE); fail(10%, ABORTED, when=before); slow(20%, 1MiB/s)";
    let args = ["load", "--url", &url, "--behavior", behavior, "-n", "500", "--json"];
    let record = json(&[&args[..], &["--call-id-prefix", "x", "--seed", "1"]].concat()).await;
    let count = |clause: &str| {
        let clauses = record["faults"]["clauses"].as_array().unwrap();
        let found = clauses.iter().find(|it| it["clause"] == clause);
        found.and_then(|it| it["count"].as_u64()).unwrap_or(0)
    };
    let statuses = &record["counts"]["statuses"];
    assert_eq!(count("fail(20%, UNAVAILABLE)"), statuses["UNAVAILABLE"].as_u64().unwrap());
    assert_eq!(count("fail(10%, ABORTED, when=before)"), statuses["ABORTED"].as_u64().unwrap());
    assert!(count("slow(20%, 1MiB/s)") > 50, "{record}");
    let added = record["figures"]["added"]["count"].as_u64().unwrap();
    let good = record["counts"]["good"].as_u64().unwrap();
    assert_eq!(added + count("slow(20%, 1MiB/s)"), good, "only calls without a fault");
}

#[tokio::test]
async fn a_load_says_that_resets_have_no_report() {
    let (_server, url) = server();
    let args = ["load", "--url", &url, "--behavior", "0s; reset(50%)", "-n", "100", "-c", "4"];
    let output = client(&args).await;
    let text = stdout(&output).replace('\n', " ");
    assert!(text.contains("cannot be told from a real one"), "{text}");
    assert!(!text.contains("planned faults"), "{text}");
    let record = json(&[&args[..], &["--json"]].concat()).await;
    assert!(record["counts"]["broken"]["reset"].as_u64().unwrap() > 10);
    assert_eq!(record["faults"]["clauses"].as_array().unwrap().len(), 0);
}

/// A call that hangs leaves no more of a report than one that was reset.
#[tokio::test]
async fn a_load_says_that_calls_that_hang_have_no_report() {
    let (_server, url) = server();
    let args = ["load", "--url", &url, "--behavior", "0s; hang(10%)", "-t", "100ms", "-n", "200"];
    let text = unwrapped(&stdout(&client(&[&args[..], &["-c", "50"]].concat()).await));
    assert!(text.contains("DEADLINE_EXCEEDED"), "{text}");
    assert!(text.contains("a planned one cannot be told from a real one"), "{text}");
}

#[tokio::test]
async fn a_message_after_the_first_has_no_fault_of_the_call() {
    for clause in [
        "reset(100%)",
        "goaway(100%)",
        "drop(100%)",
        "slow(100%, 1KiB/s)",
        "late_trailers(100%, 1s)",
    ] {
        let behavior = format!("5ms; {clause}");
        let args = ["behavior", &behavior, "--call-id", "a", "--seed", "7"];
        let text = unwrapped(&stdout(&client(&args).await));
        assert!(text.contains(&format!("{clause} hits it")), "{text}");
        let args = [&args[..], &["--index", "1"]].concat();
        let text = unwrapped(&stdout(&client(&args).await));
        assert!(text.contains("message 1 of call `a` waits 5ms"), "{text}");
        assert!(!text.contains("hits it"), "{text}");
        let record = json(&[&args[..], &["--json"]].concat()).await;
        assert!(record["draw"]["fault"].is_null(), "{record}");
    }
    let args = ["behavior", "5ms; hang(100%)", "--call-id", "a", "--seed", "7", "--index", "1"];
    let text = unwrapped(&stdout(&client(&args).await));
    assert!(text.contains("waits 5ms, and in an exchange hang(100%) hits it"), "{text}");
}

#[tokio::test]
async fn a_call_does_not_wait_for_a_fault_that_comes_before_its_delay() {
    let sentence = async |behavior: &str| {
        let args = ["behavior", behavior, "--call-id", "a", "--seed", "7"];
        unwrapped(&stdout(&client(&args).await))
    };
    let clause = "fail(100%, ABORTED, when=before)";
    let text = sentence(&format!("5ms; {clause}")).await;
    assert!(text.contains(&format!("call `a` does not wait: {clause} hits it at once")), "{text}");
    let clause = "reset(100%, when=before, at=2)";
    let text = sentence(&format!("5ms; {clause}")).await;
    let first = "hits it at once; a stream or an exchange waits 5ms for its first answer";
    assert!(text.contains(&format!("call `a` does not wait: {clause} {first}")), "{text}");
}

#[tokio::test]
async fn a_behavior_shows_its_faults_and_the_one_that_hits_a_call() {
    let behavior = "5ms; fail(20%, UNAVAILABLE); hang(rest)";
    let args = ["behavior", behavior, "--call-id", "a", "--seed", "7"];
    let text = stdout(&client(&args).await);
    assert!(text.contains("  fail(20%, UNAVAILABLE): 20 % of the calls"), "{text}");
    assert!(text.contains("  hang(rest): 80 % of the calls"), "{text}");
    let record = json(&[&args[..], &["--json"]].concat()).await;
    assert_eq!(record["faults"][0]["share"], 0.2);
    let fault = record["draw"]["fault"].as_str().unwrap();
    assert!(text.contains(&format!("waits 5ms, and {fault} hits it")), "{text}");
}
