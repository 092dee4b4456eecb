//! The binary, as a user runs it.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use longsync_server::Limits;

use crate::harness::{TestServer, eventually, start};
use crate::peer::{Peer, only};

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longsync-client"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .env_remove("CLICOLOR_FORCE");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LONGSYNC_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the client to its end, next to the server on this test's own threads.
pub(crate) async fn client(args: &[&str]) -> Output {
    let mut command = command(args);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn call(server: &TestServer, args: &[&str]) -> Output {
    let url = server.target.to_string();
    client(&[&["call", "--url", &url], args].concat()).await
}

#[tokio::test]
async fn help_lists_commands_and_flags() {
    insta::assert_snapshot!("help", stdout(&client(&["--help"]).await));
    insta::assert_snapshot!("help_call", stdout(&client(&["call", "--help"]).await));
    insta::assert_snapshot!("help_behavior", stdout(&client(&["behavior", "--help"]).await));
}

#[tokio::test]
async fn without_a_command_the_race_is_run() {
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
    assert!(!text.contains('\u{1b}'), "a pipe got colors");
}

#[tokio::test]
async fn the_race_is_also_a_command_and_prints_json() {
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
async fn a_large_race_announces_its_cost_on_stderr_before_it_starts() {
    let large = ["--calls", "10000", "--delay", "0s", "--ways", "exchange"];
    let output = client(&[&large[..], &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(document(&output)["calls"], 10_000);
    let said = stderr(&output);
    assert!(said.starts_with("10,000 calls per way: about "), "{said}");
    assert!(said.contains("\nexchange: about "), "{said}");
    let small = client(&["--calls", "2", "--delay", "0s"]).await;
    assert_eq!(stderr(&small), "");
}

#[tokio::test]
async fn the_seed_of_drawn_delays_is_shown_and_reproduces_them() {
    let args = ["--behavior", "exponential(5ms) max 50ms", "--calls", "4", "--ways", "tasks"];
    let delays = |json: &serde_json::Value| {
        let calls = json["ways"][0]["calls"].as_array().unwrap().iter();
        calls.map(|call| call["planned_ns"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let first = document(&client(&[&args[..], &["--json"]].concat()).await);
    assert_eq!(first["behavior"], "exponential(5ms) max 50ms");
    let seed = first["seed"].as_u64().unwrap().to_string();
    let again = document(&client(&[&args[..], &["--json", "--seed", &seed]].concat()).await);
    assert_eq!(delays(&again), delays(&first));

    let text = stdout(&client(&[&args[..], &["--seed", &seed]].concat()).await);
    let headline = format!("4 calls of exponential(5ms) max 50ms, seed {seed}\n");
    assert!(text.starts_with(&headline), "{text}");
}

#[tokio::test]
async fn the_picture_is_written_as_svg_and_a_file_that_cannot_be_written_is_named() {
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
async fn colors_are_used_if_asked_for() {
    let output = client(&["--delay", "1ms", "--calls", "1", "--color", "always"]).await;
    assert!(stdout(&output).contains('\u{1b}'));
}

#[tokio::test]
async fn no_word_acts_on_the_terminal_of_its_error() {
    let (word, shown) = ("\u{202e}\u{1b}[31mred", r"\u{202e}\u{1b}[31mred");
    let below = format!("nowhere/{word}");
    for args in [
        &["race", "--delay", word][..],
        &["race", "--svg", &below],
        &["call", "--url", word],
        &["call", "--payload", &format!("@{word}")],
        &["load", "--plan", word],
        &["load", "--replay", word],
        &["load", "--record", &below],
        &["behavior", word],
        &["behavior", "--fit", word],
        &["completions", word],
        &[word],
    ] {
        let output = client(args).await;
        let said = stderr(&output);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {said}");
        assert!(said.contains(shown), "{args:?}: {said:?}");
        assert!(!said.contains(['\u{202e}', '\u{1b}']), "{args:?}: {said:?}");
    }
    let long = "x".repeat(70_000);
    for args in [&["call", "--url", &long][..], &["load", "--plan", &long], &["--delay", &long]] {
        let said = stderr(&client(args).await);
        assert!(said.contains("xxx") && said.len() < 2_000, "{} bytes", said.len());
    }
}

/// `CLICOLOR_FORCE` gives a pipe the colors of a terminal.
#[tokio::test]
async fn errors_and_help_have_the_colors_that_are_asked_for() {
    for args in [
        &["race", "--cals", "2"][..],
        &["--nonsense"],
        &["race", "--deadline", "0s"],
        &["call", "--count", "3"],
        &["--help"],
    ] {
        for (color, is_forced, is_colored) in [
            (&[][..], false, false),
            (&["--color", "always"], false, true),
            (&[], true, true),
            (&["--color", "never"], true, false),
            (&["--color=never"], true, false),
        ] {
            let mut command = command(&[args, color].concat());
            if is_forced {
                command.env("CLICOLOR_FORCE", "1");
            }
            let output = tokio::task::spawn_blocking(move || command.output().unwrap());
            let output = output.await.unwrap();
            let said = stdout(&output) + &stderr(&output);
            assert_eq!(said.contains('\u{1b}'), is_colored, "{args:?} {color:?}: {said}");
            let code = if args == ["--help"] { 0 } else { 2 };
            assert_eq!(output.status.code(), Some(code), "{args:?} {color:?}: {said}");
        }
    }
}

#[tokio::test]
async fn columns_set_the_width_of_text_that_is_not_on_a_terminal() {
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
async fn a_call_takes_a_header_a_deadline_and_a_payload_by_short_flags() {
    let server = start(Limits::default());
    let file = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("payload");
    std::fs::write(&file, "from a file").unwrap();
    let from_file = format!("@{}", file.display());
    let args =
        ["-H", "x-longsync-behavior: 3ms", "-t", "5s", "--payload", &from_file, "--echo-payload"];
    let text = stdout(&call(&server, &args).await);
    assert!(text.starts_with("Done! [11 bytes: from a file]\n") && text.contains("3ms"), "{text}");
    let text = stdout(&call(&server, &["--payload-bytes", "7", "--echo-payload"]).await);
    assert!(text.starts_with("Done! [7 bytes"), "{text}");
}

#[tokio::test]
async fn a_call_shows_its_behavior() {
    let server = start(Limits::default());
    let args = ["--behavior", "mix( 100% : 1ms )", "--call-id", "order-1"];
    let text = stdout(&call(&server, &args).await);
    assert!(text.ends_with("\nbehavior: mix(100%: 1ms)\n"), "{text}");
}

#[tokio::test]
async fn a_call_of_each_kind_prints_json() {
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
async fn a_missing_server_is_named_with_the_command_that_starts_one() {
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
        (&["--calls", "0"], "1 to 1000000"),
        (&["--delay", "soon"], "250ms"),
        (&["--delay", "500"], "250ms"),
        (&["--ways", "tasks,fibers"], "sequential, threads, tasks, exchange"),
        (&["--ways", "tasks,tasks"], "once"),
        (&["--http", "--ways", "tasks,exchange"], "choose from sequential, threads and tasks"),
        (&["--cancel-after", "soon"], "250ms"),
        (&["--spin", "soon"], "250ms"),
        (&["--spin", "10s"], "for '--spin <DURATION>': a spin of 10s keeps a core busy"),
        (&["--spin", "10s"], "write at most 20ms, such as 200us"),
        (&["load", "--spin", "21ms"], "write at most 20ms, such as 200us"),
        (&["--spin", "1ms", "--url", "http://127.0.0.1:9000"], "start that server with --spin"),
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
            "start that server with --spin",
        ),
        (&["call", "--spin", "1ms"], "--help"),
        (&["--thread-connections", "none"], "shared, own"),
        (&["call", "--metadata", "nonsense"], "name:value"),
        (&["call", "--metadata", "content-type:text/plain"], "gRPC itself sets `content-type`"),
        (&["call", "--metadata", "TE:gzip"], "gRPC itself sets `te`"),
        (&["call", "--metadata", "Connection:close"], "HTTP/2 cannot carry it"),
        (&["call", "--metadata", "proxy-connection:x"], "HTTP/2 cannot carry it"),
        (&["call", "--metadata", "keep-alive:x"], "HTTP/2 cannot carry it"),
        (&["call", "--metadata", "transfer-encoding:chunked"], "HTTP/2 cannot carry it"),
        (&["call", "--metadata", "upgrade:h2c"], "HTTP/2 cannot carry it"),
        (&["call", "--metadata", "content-length:5"], "`content-length` follows from the request"),
        (&["load", "-H", "content-length:5"], "`content-length` follows from the request"),
        (&["call", "--metadata", "Host:foo"], "`host` follows from the request"),
        (&["call", "--metadata", "x:caf\u{e9}"], "is not plain ASCII"),
        (&["call", "--metadata", "grpc-timeout:1S", "--deadline", "1s"], "give one of the two"),
        (&["call", "--count", "3"], "--count is for"),
        (&["call", "--delay", "1s", "--behavior", "1s"], "cannot be used with"),
        (&["race", "--delay", "1s", "--behavior", "1s"], "cannot be used with"),
        (&["race", "--jitter", "--behavior", "1s"], "cannot be used with"),
        (&["--behavior", "lognormal(p50=1s)"], "at column 17: expected"),
        (&["--behavior", "1s; stall(for=1s)"], "a stall belongs to a server, and a race sends"),
        (
            &["race", "--behavior", "200ms; queue(workers=1, limit=1)"],
            "start `longsync-server --behavior ...` with it, and give that server's address with --url",
        ),
        (&["--behavior", "replay(\"a\")"], "a replay belongs to a server"),
        (
            &["--url", "localhost:9000", "--behavior", "1ms; drop(1%)"],
            "leave --url out, and the server inside this process has it",
        ),
        (
            &["race", "--behavior", "1ms; hang(5%)"],
            "hang(5%) leaves calls without an answer, and the race would wait forever: give a --deadline, such",
        ),
        (
            &["race", "--behavior", "1ms; hang(5%)", "--cancel-after", "1s"],
            "and threads, which are not cancelled, would wait forever: give a --deadline, such",
        ),
        (&["--behavior", "366d"], "longer than a year"),
        (&["--behavior", ""], "an empty text is not a behavior: write a delay such as 250ms"),
        (&["call", "--behavior", ""], "an empty text is not a behavior: write a delay such as"),
        (&["load", "--behavior", " "], "an empty text is not a behavior: write a delay such as"),
        (&["--seed", "1"], "give both or neither"),
        (
            &["--behavior", "1s", "--seed", "-1"],
            "write a whole number from 0 to 18446744073709551615",
        ),
        (
            &["--behavior", "1s", "--seed", "1", "--url", "http://127.0.0.1:9"],
            "start that server with --seed",
        ),
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

    for command_name in ["call", "race", "load"] {
        let (url, mut accepted) = silent();
        let mut command = command(&[command_name, "--url", &url]);
        let client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        accepted.recv().await.unwrap();
        kill_process(Pid::from_child(&client), Signal::INT).unwrap();
        let ended = tokio::task::spawn_blocking(move || client.wait_with_output().unwrap());
        // Half of the time limit for connecting.
        let output = tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        let said = if command_name == "load" { stderr(&output) } else { stdout(&output) };
        assert!(said.contains("ended"), "{command_name}: {said}");
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

/// The URL of a peer that accepts connections and stays silent, and a signal for each that it accepted.
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
async fn an_interrupt_ends_a_race_and_its_results_are_still_reported() {
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

/// The only document on stdout.
fn document(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {}", stdout(output)))
}

#[tokio::test]
async fn a_missing_server_is_in_the_document_too() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let output = client(&["race", "--url", &url, "--json", "--ways", "tasks,threads"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1);
    let json = document(&output);
    assert_eq!(
        (&json["schema"], &json["interrupted"]),
        (&"longsync.race/v1".into(), &false.into())
    );
    for way in json["ways"].as_array().unwrap() {
        assert_eq!(way["skipped"], true);
        assert!(way["notes"][0].as_str().unwrap().contains("cannot reach"), "{way}");
    }
    let output = client(&["call", "--url", &url, "--json"]).await;
    assert_eq!(output.status.code(), Some(78));
    let json = document(&output);
    assert_eq!(
        (&json["status"]["name"], &json["interrupted"]),
        (&"UNAVAILABLE".into(), &false.into())
    );
}

#[tokio::test]
async fn a_picture_that_cannot_be_written_is_in_the_document_too() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let nowhere = folder.join("no such folder").join("race.svg");
    let output = client(&["--json", "--svg", nowhere.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(document(&output)["ways"][0]["notes"][0].as_str().unwrap().contains("no such folder"));
}

#[tokio::test]
async fn a_race_without_an_answered_call_has_failed() {
    let peer = Peer::answering(|stream| only(stream, &[("grpc-status", b"13")])).await;
    let url = peer.target.to_string();
    let output = client(&["race", "--url", &url, "--calls", "3"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).contains("3 calls failed; the first: INTERNAL"), "{}", stdout(&output));
    let output = client(&["race", "--url", &url, "--calls", "3", "--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(document(&output)["ways"][1]["failed"], 3);
    // It has not failed if half of its calls were answered, or if they were cancelled on purpose.
    let server = start(Limits { max_in_flight: 1, ..Limits::default() });
    let url = server.target.to_string();
    let some = client(&["--url", &url, "--calls", "3", "--ways", "tasks", "--delay", "20ms"]).await;
    assert_eq!(some.status.code(), Some(0), "{}", stdout(&some));
    let given_up = ["--calls", "2", "--ways", "tasks", "--delay", "60s", "--cancel-after", "10ms"];
    assert_eq!(client(&given_up).await.status.code(), Some(0));
    // Nor if they failed as planned.
    let planned = ["--calls", "2", "--behavior", "1ms; fail(100%, UNAVAILABLE)"];
    assert_eq!(client(&planned).await.status.code(), Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_race_prints_exactly_one_document() {
    use rustix::process::{Pid, Signal, kill_process};

    // No call was answered by then, which alone would mean exit code 1.
    let server = start(Limits::default());
    let url = server.target.to_string();
    let mut command = command(&["--url", &url, "--delay", "60s", "--ways", "tasks", "--json"]);
    let race = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually(|| server.stats.snapshot().calls_in_flight() == 8).await;
    kill_process(Pid::from_child(&race), Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || race.wait_with_output().unwrap());
    let output = tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let json = document(&output);
    assert_eq!((&json["interrupted"], &json["ways"][0]["unfinished"]), (&true.into(), &8.into()));
}

/// Runs the client with this stdout, and interrupts it once `is_due` returns true.
#[cfg(target_os = "linux")]
async fn interrupted(args: &[&str], stdout: Stdio, is_due: impl FnMut() -> bool) -> Output {
    use rustix::process::{Pid, Signal, kill_process};

    let mut command = command(args);
    let client = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    eventually(is_due).await;
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || client.wait_with_output().unwrap());
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap()
}

#[cfg(target_os = "linux")]
fn full() -> Stdio {
    std::fs::File::options().write(true).open("/dev/full").unwrap().into()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_interrupt_exits_with_130_even_if_nothing_can_be_written() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    let race = ["race", "--url", &url, "--delay", "60s", "--ways", "tasks", "--calls", "1"];
    let call = ["call", "--url", &url, "--delay", "60s"];
    let json = ["--json"];
    for (args, is_full, words) in [
        ([&race[..], &["--svg", "/dev/full"]].concat(), false, "cannot write /dev/full"),
        ([&race[..], &["--svg", "/dev/full", "--json"]].concat(), false, "cannot write /dev/full"),
        ([&race[..], &json].concat(), true, "cannot write to stdout"),
        (call.to_vec(), true, "cannot write to stdout"),
        ([&call[..], &json].concat(), true, "cannot write to stdout"),
    ] {
        let in_flight = || server.stats.snapshot().calls_in_flight();
        eventually(|| in_flight() == 0).await;
        let stdout = if is_full { full() } else { Stdio::piped() };
        let output = interrupted(&args, stdout, || in_flight() == 1).await;
        assert_eq!(output.status.code(), Some(130), "{args:?}: {}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains(words) && said.contains("no space left"), "{args:?}: {said}");
        if !is_full && args.contains(&"--json") {
            assert_eq!(document(&output)["interrupted"], true);
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_stdout_fails_help_the_version_and_a_completion_script() {
    for args in [&["--help"][..], &["call", "-h"], &["--version"], &["completions", "zsh"]] {
        let mut command = command(args);
        command.stdout(full());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said =
            "longsync-client: cannot write to stdout: there is no space left on the device\n";
        assert_eq!(stderr(&output), said, "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_cannot_be_written_fails_a_race_and_is_named() {
    let args = ["race", "--calls", "1", "--delay", "1ms", "--ways", "tasks", "--json", "--svg"];
    let output = client(&[&args[..], &["/dev/full"]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("cannot write /dev/full: there is no space left on the device"),
        "{output:?}"
    );
    assert_eq!(document(&output)["ways"][0]["answered"], 1);
    // A pipe has no length that could be set.
    let output = client(&[&args[..], &["/dev/stderr"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("<svg "), "{}", stderr(&output));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_few_files_a_document_is_printed_and_nothing_panics() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    for files in 4..=10 {
        for (name, code) in [("call", 78), ("race", 1), ("load", 1)] {
            let mut command = Command::new("sh");
            let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
            let client = env!("CARGO_BIN_EXE_longsync-client");
            command.args(["-c", &script, client, name, "--json", "--url", &url]);
            let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
            let output = ended.await.unwrap();
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(code), "{name}, {files} files: {said}");
            assert_eq!(said.lines().count(), 1, "{name}, {files} files: {said}");
            assert!(!said.contains("os error"), "{name}, {files} files: {said}");
            assert!(document(&output)["schema"].is_string());
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_limit_that_is_too_low_for_the_connections_is_not_blamed_on_the_server() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    let with = |soft: u64, hard: u64| {
        let client = env!("CARGO_BIN_EXE_longsync-client");
        let script = format!("ulimit -Sn {soft}; ulimit -Hn {hard}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, client, "load", "--url", &url, "--connections", "60"]);
        command.args(["-n", "60", "--delay", "1ms"]);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let output = with(40, 40).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = stderr(&output);
    for part in ["limit on open files", "fewer connections", "hard limit (`ulimit -Hn`)"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    // The client may raise its own soft limit.
    let output = with(40, 400).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// A client that reads the answers of an endless stream while nobody reads its stdout.
#[cfg(target_os = "linux")]
async fn unread(server: &TestServer, more: &[&str]) -> std::process::Child {
    let url = server.target.to_string();
    let stream = ["call", "--url", &url, "--kind", "stream", "--count", "100000"];
    let mut command = command(&[&stream[..], &["--delay", "0s"], more].concat());
    let client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = client.stdout.as_ref().unwrap();
    // The pipe is full when it has not grown for a while.
    let (mut before, mut since) = (0, std::time::Instant::now());
    eventually(|| {
        let now = rustix::io::ioctl_fionread(stdout).unwrap();
        if now == 0 || std::mem::replace(&mut before, now) != now {
            since = std::time::Instant::now();
        }
        since.elapsed() > Duration::from_millis(300)
    })
    .await;
    client
}

#[cfg(target_os = "linux")]
async fn ended(client: &mut std::process::Child) -> std::process::ExitStatus {
    let mut status = None;
    eventually(|| {
        status = client.try_wait().unwrap();
        status.is_some()
    })
    .await;
    status.unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_deadline_ends_a_call_whose_answers_nobody_reads() {
    use std::io::Read as _;

    let server = start(Limits::default());
    let mut client = unread(&server, &["--deadline", "2s"]).await;
    eventually(|| server.stats.snapshot().calls_in_flight() == 0).await;
    assert_eq!(ended(&mut client).await.code(), Some(64 + 4));
    let mut said = String::new();
    client.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("nobody reads the output"), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_interrupts_end_a_call_whose_answers_nobody_reads() {
    use rustix::process::{Pid, Signal, kill_process};

    let server = start(Limits::default());
    let mut client = unread(&server, &[]).await;
    assert_eq!(server.stats.snapshot().calls_in_flight(), 1, "the server is not held up");
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    eventually(|| server.stats.snapshot().calls_in_flight() == 0).await;
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    assert_eq!(ended(&mut client).await.code(), Some(130));
}

#[tokio::test]
async fn text_from_a_server_never_reaches_a_pipe_unescaped() {
    let peer = Peer::answering(|stream| {
        only(stream, &[("grpc-status", b"2"), ("grpc-message", b"%1b]0;owned%07%0a%c2%9b%7f")])
    })
    .await;
    let url = peer.target.to_string();
    for args in [
        &["call"][..],
        &["call", "--json"],
        &["call", "--color", "always"],
        &["race", "--calls", "1", "--ways", "tasks"],
        &["race", "--calls", "1", "--ways", "tasks", "--json"],
    ] {
        let output = client(&[args, &["--url", &url]].concat()).await;
        let text = stdout(&output).replace("\u{1b}[0m", "").replace("\u{1b}[1m", "");
        let text = text.replace("\u{1b}[31m", "").replace("\u{1b}[2m", "").replace('\n', "");
        assert!(!text.contains(char::is_control), "{args:?}: {text:?}");
        assert!(text.contains("owned"), "{text}");
    }
}

/// An HTTP/1.1 server that answers every request with this head, and this body the given number of times.
async fn http1_server(head: &'static str, body: &'static [u8], times: usize) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = vec![0; 4_096];
                let _ = socket.read(&mut read).await;
                let _ = socket.write_all(head.as_bytes()).await;
                for _ in 0..times {
                    // The client has read enough.
                    if socket.write_all(body).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn an_endless_http_body_is_ended() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
    let url = http1_server(head, &[b'x'; 10_000], usize::MAX).await;
    let args = ["race", "--http", "--url", &url, "--calls", "2", "--ways", "tasks"];
    for (more, most) in [(&[][..], "4,194,304"), (&["--max-answer-bytes", "100"], "100")] {
        let output = client(&[&args[..], more].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let text = stdout(&output).replace('\n', " ").replace("    ", " ");
        assert!(text.contains("RESOURCE_EXHAUSTED"), "{text}");
        assert!(text.contains(&format!("more than {most} bytes")), "{text}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn http_bodies_are_counted_and_not_kept() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4194304\r\n\r\n";
    let url = http1_server(head, &[b'x'; 16_384], 255).await;
    let args = ["race", "--http", "--url", &url, "--calls", "60", "--ways", "tasks", "--json"];
    let race = document(&client(&args).await);
    let way = &race["ways"][0];
    assert_eq!(way["failed"], 60, "they were cut short");
    let added = way["memory_added_bytes"].as_u64().unwrap();
    assert!(added < 60 * 1024 * 1024, "{added} bytes for 60 bodies of 4 MiB");
}

#[tokio::test]
async fn an_http_error_page_is_shown_by_its_first_line() {
    let head = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 30\r\nconnection: close\r\n\r\n";
    let url = http1_server(head, b"\r\n<h1>\x1b[31mBad</h1>\nmore......\n", 1).await;
    let output =
        client(&["race", "--http", "--url", &url, "--calls", "1", "--ways", "tasks"]).await;
    let text = stdout(&output);
    assert!(text.contains(r"1 call failed: HTTP 502: <h1>\u{1b}[31mBad</h1>"), "{text}");
}
