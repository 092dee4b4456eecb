//! The flags that control how calls are answered.

use std::fs;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use longsync::v1::LongSyncRequest;
use rustix::process::Signal;

use super::{Running, command, ended, said, signal};
use crate::harness::Result;

const TAIL: &str = "lognormal(p50=10ms, p99=200ms)";

/// An empty folder for one test.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not UTF-8")
}

/// What the server planned for this request, as reported in `server-timing`.
async fn planned(server: &Running, target: &str) -> Result<String> {
    let answer = server.web().await?.get(target).await?;
    let timing =
        answer.headers().get("server-timing").context("the answer has no timing")?.to_str()?;
    Ok(timing.split(',').next().unwrap_or_default().to_owned())
}

fn start(args: &[&str]) -> Result<Running> {
    Running::start(command(&["--port", "0"]).args(args))
}

#[test]
fn an_explanation_is_printed_and_nothing_is_bound() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let addr = taken.local_addr()?.to_string();
    let mut asked = command(&["--explain", "--listen", &addr]);
    let output = ended(asked.args(["--behavior", "lognormal( p50=10ms,p99=200ms ) max 250ms"]))?;
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    let text = String::from_utf8(output.stdout)?;
    assert!(text.starts_with("lognormal(p50=10ms, p99=200ms) max 250ms\n"), "{text}");
    for row in
        ["  p50     10ms\n", "  p99     200ms\n", "  max     250ms\n", "of the law as written"]
    {
        assert!(text.contains(row), "{row} is not in {text}");
    }
    Ok(())
}

#[test]
fn a_queue_is_forecast_for_a_load_and_each_figure_has_its_source() -> Result<()> {
    let behavior = "5ms; queue(workers=8, limit=0)";
    let output = ended(&mut command(&["--explain", "--load", "800/s", "--behavior", behavior]))?;
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    let text = String::from_utf8(output.stdout)?;
    for row in [
        "\nat 800/s, arriving at random, first attempts without a deadline: 4.00 workers would be busy",
        "\n  refused       3 %         formula\n",
        "\n  stand         0 %         formula\n",
        "\n  p99 response  5ms         formula\n",
    ] {
        assert!(text.contains(row), "{row} is not in {text}");
    }
    Ok(())
}

#[test]
fn a_load_without_anything_to_forecast_is_refused() -> Result<()> {
    for (args, right) in [
        (&["--load", "800/s"][..], "--explain"),
        (&["--explain", "--load", "800/s"], "the behavior has no queue to forecast"),
        (&["--explain", "--load", "0/s"], "without calls there is nothing to forecast"),
        (&["--explain", "--load", "800/d"], "`800/d` is not a rate"),
    ] {
        let output = ended(&mut command(args))?;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said(&output).contains(right), "{args:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    Ok(())
}

#[test]
fn explaining_an_invalid_behavior_exits_with_2() -> Result<()> {
    let output = ended(&mut command(&["--explain", "--behavior", "soon"]))?;
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("expected a delay"), "{}", said(&output));
    assert!(output.stdout.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_seed_is_on_the_second_line_and_the_same_one_draws_the_same() -> Result<()> {
    let mut seen = Vec::new();
    for seed in [&["--seed", "42"][..], &["--seed", "42"], &[]] {
        let mut server = start(&[&["--behavior", TAIL], seed].concat())?;
        let mut second = String::new();
        server.stdout.read_line(&mut second)?;
        let named = second.strip_prefix("  seed ").and_then(|rest| rest.split(';').next());
        let named: u64 = named.with_context(|| second.clone())?.parse()?;
        seen.push((named, planned(&server, "/long_sync?call_id=order-1").await?));
        assert!(second.contains(TAIL), "{second}");
    }
    assert_eq!((seen[0].0, &seen[0]), (42, &seen[1]));
    assert_ne!(seen[2].0, 42, "a random seed");
    // The seed that a server printed repeats its run.
    let again = start(&["--behavior", TAIL, "--seed", &seen[2].0.to_string()])?;
    assert_eq!(planned(&again, "/long_sync?call_id=order-1").await?, seen[2].1);
    Ok(())
}

#[test]
fn a_seed_must_be_a_whole_number() -> Result<()> {
    for seed in ["-1", "1.5", "now", "18446744073709551616"] {
        let output = ended(&mut command(&["--seed", seed]))?;
        assert_eq!(output.status.code(), Some(2), "{seed}");
        assert!(said(&output).contains("a whole number"), "{}", said(&output));
    }
    Ok(())
}

#[tokio::test]
async fn a_fixed_server_takes_no_delay_from_callers() -> Result<()> {
    let by_flag = start(&["--delay", "20ms", "--fixed"])?;
    let by_variable =
        Running::start(command(&["--port", "0", "--delay", "20ms"]).env("LONGSYNC_FIXED", "true"))?;
    for server in [by_flag, by_variable] {
        assert_eq!(planned(&server, "/long_sync").await?, "planned;dur=20.000");
        let refused = server.web().await?.get("/long_sync?delay=1ms").await?;
        assert_eq!(refused.status(), 400);
        assert!(refused.body().starts_with("delay: this server's behavior is fixed"));
    }
    Ok(())
}

#[tokio::test]
async fn a_recording_is_replayed_from_the_given_folder() -> Result<()> {
    let folder = folder("replayed")?;
    fs::create_dir(folder.join("below"))?;
    fs::write(folder.join("below/two.csv"), "ms,code\n7,OK\n9,OK\n")?;
    let text = "replay(\"below/two.csv\")";
    let server = start(&["--behavior", text, "--replay-dir", path(&folder)?, "--seed", "1"])?;
    let mut seen = Vec::new();
    for id in 0..40 {
        seen.push(planned(&server, &format!("/long_sync?call_id=order-{id}")).await?);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["planned;dur=7.000", "planned;dur=9.000"]);
    // Without the flag, the folder is the working directory.
    let mut here = command(&["--explain", "--behavior", text]);
    let output = ended(here.current_dir(&folder))?;
    let text = String::from_utf8(output.stdout)?;
    assert!(text.contains("  mean    8ms\n"), "{text} {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn the_environment_may_set_the_delay_instead_of_the_behavior() -> Result<()> {
    const BOTH: &[(&str, &str)] = &[("LONGSYNC_DELAY", "2ms"), ("LONGSYNC_BEHAVIOR", "3ms")];
    for (args, variables, delay) in [
        (&[][..], &[("LONGSYNC_DELAY", "2ms")][..], "2ms"),
        (&[], &[("LONGSYNC_BEHAVIOR", "3ms")], "3ms"),
        (&["--delay", "4ms"], &[("LONGSYNC_DELAY", "2ms")], "4ms"),
        (&["--delay", "4ms"], &[("LONGSYNC_BEHAVIOR", "3ms")], "4ms"),
        (&["--behavior", "4ms"], &[("LONGSYNC_DELAY", "2ms")], "4ms"),
        (&["--behavior", "4ms"], BOTH, "4ms"),
        (&["--delay", "4ms"], BOTH, "4ms"),
        // A variable that is overridden is ignored.
        (&["--delay", "4ms"], &[("LONGSYNC_BEHAVIOR", "soon"), ("LONGSYNC_DELAY", "")], "4ms"),
    ] {
        let mut explains = command(&["--explain"]);
        let output = ended(explains.args(args).envs(variables.iter().copied()))?;
        let text = String::from_utf8(output.stdout)?;
        assert!(text.contains(&format!("  always  {delay}\n")), "{text}");
    }
    for (args, variables, right) in [
        (
            &[][..],
            &[("LONGSYNC_DELAY", "soon")][..],
            "for 'LONGSYNC_DELAY': `soon` is not understood",
        ),
        (&[], BOTH, "LONGSYNC_BEHAVIOR and LONGSYNC_DELAY are both given: give only one of them"),
        (&["--delay", "1s", "--behavior", "1s"], &[], "--behavior and --delay are both given"),
    ] {
        let output = ended(command(&["--explain"]).args(args).envs(variables.iter().copied()))?;
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(right), "{}", said(&output));
        assert!(output.stdout.is_empty());
    }
    Ok(())
}

/// Runs a server that should refuse to replay `file` from `folder`. Returns what it said.
fn refused(folder: &Path, file: &str, flags: &[&str]) -> Result<String> {
    let behavior = format!("replay({file:?})");
    let args = ["--behavior", &behavior, "--replay-dir", path(folder)?];
    let output = ended(command(&args).args(flags))?;
    assert_eq!(output.status.code(), Some(2), "{file}");
    assert!(output.stdout.is_empty(), "{file}");
    Ok(said(&output))
}

#[test]
fn an_invalid_recording_is_named_with_its_line() -> Result<()> {
    let folder = folder("wrong")?;
    for (name, content) in [
        ("empty.csv", ""),
        ("negative.csv", "3ms\n-4ms\n"),
        ("unitless.csv", "3ms\n\n4\n"),
        ("long.csv", "ms,code\n3,OK\n4000000,OK\n5,OK\n"),
    ] {
        fs::write(folder.join(name), content)?;
    }
    // The file is sparse: it takes no room on the disk.
    fs::File::create(folder.join("large.csv"))?.set_len((1 << 30) + 1)?;
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status()?.success());
    for (file, right) in [
        ("missing.csv", "`missing.csv`: no such file\n"),
        ("empty.csv", "not a single value"),
        (".", "is a directory: name a file"),
        ("pipe", "is not a regular file: name one"),
        ("large.csv", "is larger than 1 GiB: record a part of it"),
        ("negative.csv", "line 2: `-4ms` is negative"),
        ("unitless.csv", "line 3: `4` has no unit"),
        ("long.csv", "line 3: 4000s is over this server's limit of 1h: leave it out"),
    ] {
        let said = refused(&folder, file, &[])?;
        assert!(said.contains(right), "{file}: {said}");
        assert!(said.contains("--behavior"), "{file}: {said}");
        assert_eq!(said.contains("raise --max-delay"), file == "long.csv", "{file}: {said}");
    }
    let long = refused(&folder, "negative.csv", &["--max-delay", "1ms"])?;
    assert!(long.contains("line 2"), "{long}");
    Ok(())
}

#[test]
fn a_recording_outside_the_folder_is_refused() -> Result<()> {
    let outside = folder("outside")?;
    let inside = outside.join("inside");
    fs::create_dir(&inside)?;
    let secret = outside.join("secret.csv");
    fs::write(&secret, "3ms\n")?;
    std::os::unix::fs::symlink(&secret, inside.join("link.csv"))?;
    std::os::unix::fs::symlink(&outside, inside.join("up"))?;
    for file in ["../secret.csv", "link.csv", "up/secret.csv", path(&secret)?] {
        let said = refused(&inside, file, &[])?;
        assert!(said.contains("is outside"), "{file}: {said}");
        assert!(said.contains("--replay-dir names the folder of the recordings"), "{file}: {said}");
    }
    let nowhere = refused(&outside.join("nowhere"), "secret.csv", &[])?;
    assert!(
        nowhere.contains("for '--replay-dir <DIRECTORY>': there is no such folder"),
        "{nowhere}"
    );
    Ok(())
}

#[tokio::test]
async fn the_log_line_of_a_call_says_how_long_it_was_queued() -> Result<()> {
    let behavior = "300ms; queue(workers=1, limit=1)";
    let args = ["--listen", "127.0.0.1:0", "--log", "debug", "--behavior", behavior];
    let server = Running::start(&mut command(&args))?;
    let raw = server.raw().await?;
    let asked = LongSyncRequest::default();
    let held = [("x-envoy-fault-delay-request", "1")];
    let mut calls = Vec::new();
    for headers in [&[][..], &[], &[], &held] {
        calls.push(raw.unary(&asked, headers).await?);
    }
    for call in calls {
        call.ended().await?;
    }
    signal(&server, Signal::TERM)?;
    let (_, said) = server.ended().await?;
    let lines: Vec<_> = said.lines().filter(|line| line.contains("call ended")).collect();
    let [shed, held, first, second] = &lines[..] else { anyhow::bail!("{said}") };
    for shed in [shed, held] {
        assert!(shed.contains("outcome=shed ") && !shed.contains("queued="), "{shed}");
    }
    assert!(first.contains("outcome=answered ") && first.contains("queued=\"0s\""), "{first}");
    assert!(second.contains("queued=\"") && !second.contains("queued=\"0s\""), "{second}");
    Ok(())
}
