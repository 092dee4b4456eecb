//! The errors for wrong command lines.

use std::fmt::Write as _;
use std::process::Output;

use longsync_server::Limits;

use crate::cli::{client, command, stderr, stdout};
use crate::harness::start;

/// The client's errors for these command lines, which it refuses with exit code 2 and an empty stdout.
async fn refused(lines: &[&[&str]]) -> String {
    let mut told = String::new();
    for args in lines {
        let output = client(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let said = stderr(&output).trim_end().replace('\n', "\n    ");
        let said = said.replace("\n    \n", "\n\n");
        writeln!(told, "{}\n    {said}\n", args.join(" ")).unwrap();
    }
    told
}

#[tokio::test]
async fn flags_of_other_tools_are_answered_with_ours() {
    let told = refused(&[
        &["call", "--plaintext"],
        &["call", "-plaintext"],
        &["call", "-k"],
        &["call", "--insecure=true"],
        &["load", "--cacert", "ca.pem"],
        &["load", "--proto", "a.proto"],
        &["load", "--call", "longsync.v1.LongSyncService.LongSync"],
        &["load", "--total", "100"],
        &["race", "--requests", "100"],
        &["--iterations", "100"],
        &["call", "-n", "100"],
        &["load", "--qps", "100"],
        &["load", "-qps", "100"],
        &["race", "--qps", "100"],
        &["race", "--rate", "100"],
        &["race", "-c", "4"],
        &["load", "--vus", "10"],
        &["load", "--threads", "2"],
        &["load", "-t", "2"],
        &["load", "-t2"],
        &["load", "-m", "10"],
        &["load", "-rate", "100"],
        &["load", "-connections=4"],
        &["race", "-delay", "1s"],
        &["race", "-calls", "100"],
        &["-calls", "4"],
        &["call", "-rate", "5"],
        &["call", "-n100"],
        &["call", "-XPOST"],
        &["call", "-delay", "1s"],
        &["call", "-data", "x"],
        &["call", "-data=x"],
        &["load", "-duration=10s"],
        &["load", "-rps", "5", "-color", "never"],
        &["load", "--rps", "x", "-t", "5s"],
        &["behavior", "1s", "--call-id", "-index", "--seed", "x"],
        &["behavior", "1s", "--explain"],
        &["call", "--proxy", "localhost:3128"],
        &["call", "--", "-plaintext"],
        &["load", "-d", "30s"],
        &["load", "-d30s"],
        &["load", "-d", "{\"delay\": \"1s\"}"],
        &["call", "-d", "{\"delay\": \"1s\", \"echoPayload\": true}"],
        &["call", "-X", "POST"],
        &["call", "-o", "out.json"],
        &["load", "--output", "out.json"],
        &["call", "--max-time", "5"],
        &["call", "--data", "{}"],
        &["race", "-d", "x"],
        &["load", "-D", "file"],
        &["call", "--header", "a:b"],
        &["call", "-v"],
        &["race", "--timeout", "5s"],
        &["--port", "9001"],
        &["-p", "9001"],
        &["--listen", "127.0.0.1:9000"],
        &["call", "localhost:9000"],
        &["load", "http://localhost:9000/long_sync"],
        &["localhost:9000"],
        &["https://localhost:9000"],
        &["call", "--dealy", "1s"],
        &["cal"],
    ])
    .await;
    insta::assert_snapshot!("flags_of_other_programs", told);
}

#[tokio::test]
async fn each_command_shows_its_own_usage() {
    for (args, usage) in [
        (
            &["--nonsense"][..],
            "Usage: longsync-client [OPTIONS]\n       longsync-client [--url <URL>] <COMMAND>\n",
        ),
        (
            &["--delay", "5"],
            "Usage: longsync-client [OPTIONS]\n       longsync-client [--url <URL>] <COMMAND>\n",
        ),
        (
            &["--ways", "tasks,tasks"],
            "Usage: longsync-client [OPTIONS]\n       longsync-client [--url <URL>] <COMMAND>\n",
        ),
        (&["race", "--nonsense"], "Usage: longsync-client race [OPTIONS]\n"),
        (&["race", "--delay", "5"], "Usage: longsync-client race [OPTIONS]\n"),
        (&["race", "--ways", "tasks,fibers"], "Usage: longsync-client race [OPTIONS]\n"),
        (&["race", "--ways", "tasks,tasks"], "Usage: longsync-client race [OPTIONS]\n"),
        (&["race", "--delay"], "Usage: longsync-client race [OPTIONS]\n"),
        (&["race", "--jitter", "--behavior", "1s"], "Usage: longsync-client race [OPTIONS]\n"),
        (&["call", "--nonsense"], "Usage: longsync-client call [OPTIONS]\n"),
        (&["call", "--delay", "5"], "Usage: longsync-client call [OPTIONS]\n"),
        (&["call", "--delay", "1s", "--behavior", "1s"], "Usage: longsync-client call [OPTIONS]\n"),
        (&["call", "--count", "3"], "Usage: longsync-client call [OPTIONS]\n"),
        (&["call", "--kind", "bidi"], "Usage: longsync-client call [OPTIONS]\n"),
        (&["load", "--nonsense"], "Usage: longsync-client load [OPTIONS]\n"),
        (&["load", "-z", "5"], "Usage: longsync-client load [OPTIONS]\n"),
        (&["load", "-n", "0"], "Usage: longsync-client load [OPTIONS]\n"),
        (&["load", "--sample", "5"], "Usage: longsync-client load [OPTIONS]\n"),
        (&["behavior"], "Usage: longsync-client behavior [OPTIONS] [TEXT]\n"),
        (&["behavior", "--seed", "x"], "Usage: longsync-client behavior [OPTIONS] [TEXT]\n"),
        (&["completions", "tcsh"], "Usage: longsync-client completions [OPTIONS] <SHELL>\n"),
    ] {
        let output = client(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = stderr(&output);
        assert!(said.contains(usage), "{args:?}: {said}");
        assert_eq!(said.matches("Usage:").count(), 1, "{args:?}: {said}");
    }
}

#[tokio::test]
async fn an_invalid_server_url_is_refused_by_every_command() {
    for url in
        ["https://h:1", "http://h:1/long_sync", "h", "h:99999", "unix:/run/s", "dns:///h:1", ""]
    {
        for command in ["race", "call", "load"] {
            let output = client(&[command, "--url", url]).await;
            assert_eq!(output.status.code(), Some(2), "{command} {url}");
            let said = stderr(&output);
            let why = url.parse::<longsync_connect::Target>().unwrap_err().to_string();
            assert!(
                said.contains(&format!("invalid value '{url}' for '--url <URL>': {why}")),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_may_be_given_without_the_scheme_and_before_the_command() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    let place = url.strip_prefix("http://").unwrap();
    for args in [
        &["call", "--url", place, "--delay", "1ms"][..],
        &["--url", place, "call", "--delay", "1ms"],
        &["--url", &url, "--color", "never", "call", "--delay", "1ms"],
        &[&format!("--url={url}"), "load", "-n", "5", "--delay", "1ms", "--quiet"],
        &["--url", &url, "race", "-n", "2", "--delay", "1ms"],
    ] {
        let before = server.stats.snapshot().calls_started(longsync_server::CallKind::LongSync);
        let output = client(args).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        let after = server.stats.snapshot().calls_started(longsync_server::CallKind::LongSync);
        assert!(after > before, "{args:?} called another server");
    }
}

#[tokio::test]
async fn flags_before_a_command_that_does_not_take_them_are_refused() {
    let told = refused(&[
        &["--url", "h:1", "behavior", "1s"],
        &["--url", "h:1", "completions", "bash"],
        &["--url", "h:1", "call", "--url", "h:2"],
        &["--delay", "1s", "call"],
        &["--jitter", "call"],
        &["--calls", "4", "load"],
        &["-n", "4", "race"],
        &["--url", "h:1", "--delay", "1s", "load"],
        &["--json", "behavior", "1s"],
        &["--url", "call", "--delay", "1s"],
    ])
    .await;
    insta::assert_snapshot!("before_a_command", told);
}

async fn with_stdin(args: &[&str], stdin: &'static [u8]) -> Output {
    use std::io::Write as _;
    use std::process::Stdio;

    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = move || {
        let mut client = command.spawn().unwrap();
        client.stdin.take().unwrap().write_all(stdin).unwrap();
        client.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn a_payload_comes_from_the_command_line_a_file_or_stdin() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    let file = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("payload_in_short");
    std::fs::write(&file, "from a file").unwrap();
    let from_file = format!("@{}", file.display());
    for (payload, shown) in [
        ("a text", "[6 bytes: a text]"),
        ("30s", "[3 bytes: 30s]"),
        ("{}", "[2 bytes: {}]"),
        (&*from_file, "[11 bytes: from a file]"),
        ("-", "[10 bytes: from stdin]"),
        ("@-", "[10 bytes: from stdin]"),
        ("@", "[10 bytes: from stdin]"),
    ] {
        let args = ["call", "--url", &url, "-d", payload, "--echo-payload"];
        let text = stdout(&with_stdin(&args, b"from stdin").await);
        assert!(text.starts_with(&format!("Done! {shown}\n")), "{payload}: {text}");
    }
    let args = ["load", "--url", &url, "-n", "3", "-d", "-", "-H", "x-a: b", "--json"];
    let output = with_stdin(&args, b"\xff from stdin").await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["plan"]["payload"]["base64"], "/yBmcm9tIHN0ZGlu", "{}", record["plan"]);
}

/// Every number of the client at the ends of its range, and beyond: it is either accepted, or refused with a
/// sentence that says what would be right.
#[tokio::test]
async fn numbers_beyond_their_range_are_refused() {
    let told = refused(&[
        &["--calls", "0"],
        &["--calls", "1000001"],
        &["--calls", "1.5"],
        &["--max-answer-bytes", "0"],
        &["--max-answer-bytes", "4294967296"],
        &["--behavior", "1s", "--seed", "18446744073709551616"],
        &["--cancel-after", "366d"],
        &["--sequential-max", "366d"],
        &["call", "-t", "0"],
        &["call", "-t", "0s"],
        &["call", "-t", "366d"],
        &["call", "--delay", "366d"],
        &["call", "--payload-bytes", "268435457"],
        &["call", "--response-bytes", "4294967296"],
        &["call", "--max-answer-bytes", "0"],
        &["call", "--kind", "stream", "--count", "4294967296"],
        &["load", "-t", "0"],
        &["load", "-r", "0"],
        &["load", "-c", "0"],
        &["load", "-c", "10000001"],
        &["load", "-n", "0"],
        &["load", "-n", "1000000000000001"],
        &["load", "-z", "0"],
        &["load", "--connections", "0"],
        &["load", "--connections", "100001"],
        &["load", "--workers", "0"],
        &["load", "--workers", "1025"],
        &["load", "-r", "1", "--max-in-flight", "0"],
        &["load", "-r", "1", "--max-in-flight", "10000001"],
        &["load", "--repeat", "0"],
        &["load", "--repeat", "10001"],
        &["load", "--sample", "0", "--sample-file", "calls.csv"],
        &["load", "--sample", "1000001", "--sample-file", "calls.csv"],
        &["load", "--max-answer-bytes", "0"],
        &["load", "--metrics", "127.0.0.1:65536"],
        &["load", "--metrics", "127.0.0.1:0"],
        &["load", "--concurrency-schedule", "constant(0, for=1s)"],
        &["behavior", "1s", "--deadline", "1s", "--attempts", "0"],
        &["behavior", "1s", "--deadline", "1s", "--attempts", "1001"],
        &["behavior", "1s", "--seed", "1", "--call-id", "a", "--attempt", "0"],
        &["behavior", "1s", "--seed", "1", "--call-id", "a", "--attempt", "4294967296"],
        &["behavior", "1s", "--seed", "1", "--call-id", "a", "--index", "18446744073709551616"],
    ])
    .await;
    insta::assert_snapshot!("numbers_beyond_their_range", told);
}
