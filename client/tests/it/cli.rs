//! The binary, as a user runs it.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use longsync_server::Limits;

use crate::harness::{TestServer, eventually, start};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longsync-client"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .env_remove("CLICOLOR_FORCE");
    command
}

/// Runs the client to its end, beside the server that runs on this test's own threads.
async fn client(args: &[&str]) -> Output {
    let mut command = command(args);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn call(server: &TestServer, args: &[&str]) -> Output {
    let url = server.target.to_string();
    client(&[&["call", "--url", &url], args].concat()).await
}

#[tokio::test]
async fn help_says_what_there_is() {
    insta::assert_snapshot!("help", stdout(&client(&["--help"]).await));
    insta::assert_snapshot!("help_call", stdout(&client(&["call", "--help"]).await));
}

#[tokio::test]
async fn with_no_arguments_but_shorter_delays_the_race_is_run() {
    let output = client(&["--delay", "100ms", "--calls", "4"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("4 calls of 100ms each\nto a server started inside this process"),
        "{text}"
    );
    for way in ["sequential:", "threads:", "tasks:", "exchange:", "Waiting is not working: 4 calls"]
    {
        assert!(text.contains(way), "{text}");
    }
    assert!(!text.contains('\u{1b}'), "a pipe gets no colours");
}

#[tokio::test]
async fn the_race_has_a_name_of_its_own_and_speaks_json() {
    let output =
        client(&["race", "--delay", "10ms", "--calls", "3", "--ways", "tasks,exchange", "--json"])
            .await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "longsync.race/v1");
    assert_eq!(json["delay_ns"], 10_000_000);
    assert_eq!(json["ways"][1]["way"], "exchange");
    for call in json["ways"][0]["calls"].as_array().unwrap() {
        assert!(call["done_ns"].as_u64() >= call["sent_ns"].as_u64());
        assert!(call["waited_ns"].as_u64() >= Some(10_000_000));
        assert_eq!((&call["status"], &call["end"]), (&"OK".into(), &"answered".into()));
    }
}

#[tokio::test]
async fn the_picture_is_written_as_svg_and_a_file_that_cannot_be_is_named() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("race.svg");
    let path = file.to_str().unwrap();
    let output = client(&["--delay", "10ms", "--calls", "2", "--svg", path]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("<svg "));

    let nowhere = folder.join("no such folder").join("race.svg");
    let output = client(&["--svg", nowhere.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no such folder") && stdout(&output).is_empty());
}

#[tokio::test]
async fn a_picture_is_replaced_only_by_another() {
    let file = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("earlier.svg");
    let path = file.to_str().unwrap();
    let earlier = "an earlier picture, ".repeat(10_000);
    std::fs::write(&file, &earlier).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = client(&["--url", &format!("http://{free}"), "--svg", path]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), earlier);

    let output = client(&["--delay", "1ms", "--calls", "2", "--svg", path]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let picture = std::fs::read_to_string(&file).unwrap();
    assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"));
}

#[tokio::test]
async fn colours_are_used_when_they_are_asked_for() {
    let output = client(&["--delay", "1ms", "--calls", "1", "--color", "always"]).await;
    assert!(stdout(&output).contains('\u{1b}'));
}

#[tokio::test]
async fn columns_say_how_wide_a_text_is_that_goes_elsewhere() {
    let mut command = command(&["--delay", "1ms", "--calls", "2", "--ways", "tasks"]);
    command.env("COLUMNS", "40");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = stdout(&output);
    let described = text.lines().find(|line| line.starts_with("tasks:")).unwrap();
    assert!(described.chars().count() <= 40 && !described.contains("connection"), "{text}");
}

#[tokio::test]
async fn a_call_prints_its_answer_and_a_table() {
    let server = start(Limits::default());
    let output = call(&server, &["--delay", "30ms", "--payload", "hello", "--echo-payload"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("Done! [5 bytes: hello]\n"), "{text}");
    for column in ["connect", "queued", "planned", "waited", "added", "service time", "30ms"] {
        assert!(text.contains(column), "{text}");
    }
}

#[tokio::test]
async fn a_call_of_each_kind_speaks_json() {
    let server = start(Limits::default());
    for (kind, answers) in [("unary", 1), ("stream", 2), ("collect", 1), ("exchange", 2)] {
        let count: &[&str] = if kind == "unary" { &[] } else { &["--count", "2"] };
        let args = [&["--kind", kind, "--delay", "5ms", "--json"], count].concat();
        let output = call(&server, &args).await;
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["schema"], "longsync.call/v1");
        assert_eq!(json["kind"], kind);
        assert_eq!(json["status"]["name"], "OK");
        assert_eq!(json["answers"].as_array().unwrap().len(), answers, "{kind}");
        assert!(json["answers"][0]["timing"]["waited_ns"].as_u64() >= Some(5_000_000), "{kind}");
    }
}

#[tokio::test]
async fn a_failed_call_exits_with_64_and_its_status_code() {
    let server = start(Limits::default());
    for (args, code) in [
        (["--behavior", "fail(1%)"], 64 + 3),
        (["--delay", "2h"], 64 + 3),
        (["--metadata", "grpc-timeout:5x"], 64 + 3),
        (["--deadline", "5ms"], 64 + 4),
    ] {
        assert_eq!(call(&server, &args).await.status.code(), Some(code), "{args:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_how_to_start_one() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    for (args, code) in [(["call", "--url", &url], 78), (["race", "--url", &url], 1)] {
        let output = client(&args).await;
        assert_eq!(output.status.code(), Some(code));
        let said = stderr(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(&url) && said.contains("longsync-server --listen"), "{said}");
    }
}

#[tokio::test]
async fn wrong_usage_exits_with_2_and_says_what_would_be_right() {
    for (args, right) in [
        (&["--url", "https://127.0.0.1:9000"][..], "http://127.0.0.1:9000"),
        (&["--url", "127.0.0.1:9000"], "http://127.0.0.1:9000"),
        (&["--calls", "0"], "1 to 1000000"),
        (&["--delay", "soon"], "250ms"),
        (&["--delay", "500"], "250ms"),
        (&["--ways", "tasks,fibers"], "sequential, threads, tasks, exchange"),
        (&["--ways", "tasks,tasks"], "once"),
        (&["--http", "--ways", "tasks,exchange"], "choose among sequential, threads and tasks"),
        (&["--cancel-after", "soon"], "250ms"),
        (&["--spin", "soon"], "250ms"),
        (&["--spin", "1ms", "--url", "http://127.0.0.1:9000"], "start that with --spin"),
        (
            &[
                "--spin",
                "1ms",
                "--url",
                "http://127.0.0.1:9000",
                "--cancel-after",
                "1ms",
                "--ways",
                "threads",
            ],
            "start that with --spin",
        ),
        (&["call", "--spin", "1ms"], "--help"),
        (&["--thread-connections", "none"], "shared, own"),
        (&["call", "--metadata", "nonsense"], "name:value"),
        (&["call", "--metadata", "content-type:text/plain"], "gRPC itself sets `content-type`"),
        (&["call", "--metadata", "TE:gzip"], "gRPC itself sets `te`"),
        (&["call", "--metadata", "grpc-timeout:1S", "--deadline", "1s"], "one of the two"),
        (&["call", "--count", "3"], "--count is for"),
        (&["call", "--delay", "1s", "--behavior", "1s"], "cannot be used with"),
        (&["call", "--echo-payload", "--response-bytes", "1"], "cannot be used with"),
        (&["--nonsense"], "--help"),
    ] {
        let output = client(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(right), "{args:?}: {}", stderr(&output));
    }
}

#[tokio::test]
async fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = client(&["completions", shell]).await;
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("exchange"), "{shell}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_ends_connecting_at_once() {
    use rustix::process::{Pid, Signal, kill_process};

    for command_name in ["call", "race"] {
        let (url, mut accepted) = silent();
        let mut command = command(&[command_name, "--url", &url]);
        let client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        accepted.recv().await.unwrap();
        kill_process(Pid::from_child(&client), Signal::INT).unwrap();
        let ended = tokio::task::spawn_blocking(move || client.wait_with_output().unwrap());
        // Half of what connecting may take.
        let output = tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(stdout(&output).contains("ended"), "{}", stdout(&output));
    }
}

#[tokio::test]
async fn a_deadline_bounds_connecting() {
    let (url, _accepted) = silent();
    let args = ["call", "--url", &url, "--deadline", "50ms"];
    let output = tokio::time::timeout(Duration::from_secs(5), client(&args)).await.unwrap();
    assert_eq!(output.status.code(), Some(64 + 4), "{}", stderr(&output));
    assert!(stdout(&output).contains("before there was a connection"), "{}", stdout(&output));
}

/// The URL of a peer that accepts connections and says nothing, and a word for each that it accepted.
fn silent() -> (String, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (accepted, receiver) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept() {
            held.push(socket);
            let _ = accepted.send(());
        }
    });
    (url, receiver)
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_ends_a_race_and_still_reports_what_was_measured() {
    use rustix::process::{Pid, Signal, kill_process};

    let server = start(Limits::default());
    let url = server.target.to_string();
    let mut command =
        command(&["--url", &url, "--delay", "60s", "--ways", "tasks,exchange", "--calls", "4"]);
    let race = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually(|| server.stats.snapshot().calls_in_flight() == 4).await;
    kill_process(Pid::from_child(&race), Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || race.wait_with_output().unwrap());
    let output = tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = stdout(&output);
    assert!(text.contains("4 calls not answered when the race was ended"), "{text}");
    assert!(!text.contains("exchange:"), "{text}");
}
