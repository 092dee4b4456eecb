//! What the client reads from the environment.

use std::process::Output;

use longsync_server::Limits;

use crate::cli::{command, stderr, stdout};
use crate::harness::start;
use crate::load::folder;

/// Runs the client to its end with these environment variables.
async fn client(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = command(args);
    command.envs(variables.iter().copied());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The URL of an address at which nobody listens.
fn nowhere() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{free}")
}

#[tokio::test]
async fn every_command_that_calls_reads_the_url_variable_and_the_flag_overrides_it() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    let nowhere = nowhere();
    let brief: &[&[&str]] = &[
        &["--calls", "2", "--delay", "1ms", "--ways", "tasks"],
        &["race", "--calls", "2", "--delay", "1ms", "--ways", "tasks"],
        &["call", "--delay", "1ms"],
        &["load", "-n", "2", "-c", "1", "--delay", "1ms"],
    ];
    for args in brief {
        let output = client(args, &[("LONGSYNC_URL", &url)]).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        let output = client(args, &[("LONGSYNC_URL", &nowhere)]).await;
        assert!(matches!(output.status.code(), Some(1 | 78)), "{args:?}: {output:?}");
        assert!(stderr(&output).contains(&nowhere), "{args:?}: {}", stderr(&output));
        for overridden in [&nowhere, "ftp://nowhere", ""] {
            let output =
                client(&[args, &["--url", &url][..]].concat(), &[("LONGSYNC_URL", overridden)])
                    .await;
            assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        }
    }
}

#[tokio::test]
async fn an_invalid_url_variable_is_named_and_only_affects_commands_that_call() {
    let wrong = [("LONGSYNC_URL", "ftp://nowhere")];
    for args in [&["--calls", "1"][..], &["race"], &["call"], &["load", "-n", "1"]] {
        let output = client(args, &wrong).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = stderr(&output);
        assert!(said.contains("invalid value 'ftp://nowhere' for 'LONGSYNC_URL'"), "{said}");
        assert!(said.contains("--url overrides it"), "{said}");
    }
    for args in [&["behavior", "5ms"][..], &["completions", "bash"], &["--help"]] {
        let output = client(args, &wrong).await;
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{args:?}");
    }
}

#[tokio::test]
async fn a_flag_before_the_command_overrides_an_invalid_variable() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    for args in [&["call", "--delay", "1ms"][..], &["race", "-n", "2", "--delay", "1ms"]] {
        let args = [&["--url", &url][..], args].concat();
        let output = client(&args, &[("LONGSYNC_URL", "ftp://nowhere")]).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_url_variable_that_is_not_utf_8_is_named() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    for args in [&["--calls", "1"][..], &["race"], &["call"], &["load", "-n", "1"]] {
        let mut command = command(args);
        command.env("LONGSYNC_URL", OsStr::from_bytes(b"localhost:1\xff"));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let right = "the variable LONGSYNC_URL is not valid UTF-8: set it to a text in UTF-8";
        assert!(stderr(&output).contains(right), "{args:?}: {}", stderr(&output));
    }
}

#[tokio::test]
async fn the_url_of_a_plan_overrides_the_variable() {
    let server = start(Limits::default());
    let folder = folder("variable_beside_a_plan");
    let plan = folder.join("plan.json");
    let written = serde_json::json!({
        "url": server.target.to_string(), "calls": 2, "concurrency": 1, "delay_ns": 1_000_000
    });
    std::fs::write(&plan, written.to_string()).unwrap();
    let args = ["load", "--plan", plan.to_str().unwrap()];
    for variable in [nowhere(), "ftp://nowhere".to_owned()] {
        let output = client(&args, &[("LONGSYNC_URL", &variable)]).await;
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let both = client(&[&args[..], &["--url", "http://127.0.0.1:1"]].concat(), &[]).await;
    assert_eq!(both.status.code(), Some(2), "{}", stderr(&both));
}

#[tokio::test]
async fn an_unknown_variable_is_reported_once_with_the_nearest_name() {
    let variables = [
        ("LONGSYNC_UROL", "http://127.0.0.1:1"),
        // Only the server reads `LONGSYNC_HEAD_TIMEOUT`, so that it is not suggested.
        ("LONGSYNC_TIMEOUT", "1s"),
        ("LONGSYNC_DRAIN", "1s"),
        ("LONGSYNC_CLIENT", "/bin/true"),
    ];
    let right = "longsync-client: the variable `LONGSYNC_TIMEOUT` has no effect: --help lists those that do\n\
                 longsync-client: the variable `LONGSYNC_UROL` has no effect: did you mean LONGSYNC_URL?\n";
    let output = client(&["--calls", "1", "--delay", "1ms", "--json"], &variables).await;
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), right));
    let wrong = client(&["call", "--count", "x"], &variables).await;
    assert!(stderr(&wrong).starts_with(right), "{}", stderr(&wrong));
    let help = client(&["--help"], &variables).await;
    assert_eq!(stderr(&help), "");
    assert!(stdout(&help).contains("[env: LONGSYNC_URL="), "{}", stdout(&help));
}
