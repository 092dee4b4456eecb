//! The binary, run as a user would.

mod behavior;
mod faults;
mod refused;
mod variables;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Raw, Result, Web, eventually, ms, wait};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longsync-server"));
    command.args(args).stdin(Stdio::null()).env_remove("PORT");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LONGSYNC_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the command to its end.
fn ended(command: &mut Command) -> Result<Output> {
    Ok(command.output()?)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running server, which is killed when the test is over.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts the server; once its first line is printed, it can be called.
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout is not piped")?);
        let mut first = String::new();
        stdout.read_line(&mut first)?;
        let addr = first.trim_end().strip_prefix("longsync-server listening on http://");
        let addr = addr.with_context(|| format!("the first line was {first:?}"))?.parse()?;
        Ok(Self { child, stdout, addr })
    }

    async fn raw(&self) -> Result<Raw> {
        Raw::over(TcpStream::connect(self.addr).await?).await
    }

    async fn web(&self) -> Result<Web> {
        Web::http1(TcpStream::connect(self.addr).await?).await
    }

    /// Its exit status, and what it wrote to stderr.
    async fn ended(mut self) -> Result<(ExitStatus, String)> {
        let mut stderr = self.child.stderr.take().context("stderr is not piped")?;
        let waiting = tokio::task::spawn_blocking(move || {
            let mut said = String::new();
            stderr.read_to_string(&mut said)?;
            anyhow::Ok((self.child.wait()?, said))
        });
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .context("the server is still running")??
    }
}

#[test]
fn help_is_the_recorded_text() -> Result<()> {
    let help = ended(&mut command(&["--help"]))?;
    assert!(help.status.success());
    insta::assert_snapshot!("help", String::from_utf8(help.stdout)?);
    Ok(())
}

/// Variables that would matter to a listening server, such as PORT, are ignored.
#[test]
fn completions_name_the_flags_and_start_nothing() -> Result<()> {
    for shell in ["bash", "zsh", "fish"] {
        let printed =
            ended(command(&["completions", shell]).env("PORT", "a").env("LONGSYNC_DRAIN", "1s"))?;
        assert_eq!((printed.status.code(), said(&printed)), (Some(0), String::new()), "{shell}");
        assert!(String::from_utf8(printed.stdout)?.contains("lame-duck"), "{shell}");
    }
    let both = ended(&mut command(&["--drain", "1s", "completions", "bash"]))?;
    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stdout_fails_what_only_prints() -> Result<()> {
    for args in [&["--help"][..], &["-h"], &["--version"], &["completions", "zsh"], &["--explain"]]
    {
        let full = std::fs::File::options().write(true).open("/dev/full")?;
        let output = ended(command(args).stdout(full))?;
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let right =
            "longsync-server: cannot write to stdout: there is no space left on the device\n";
        assert_eq!(said(&output), right, "{args:?}");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stdout_is_reported_and_the_server_serves() -> Result<()> {
    let full = std::fs::File::options().write(true).open("/dev/full")?;
    let mut command = command(&["--listen", "127.0.0.1:0"]);
    let mut server = command.stdout(full).stderr(Stdio::piped()).spawn()?;
    let mut stderr = BufReader::new(server.stderr.take().context("stderr is not piped")?);
    let mut said = String::new();
    stderr.read_line(&mut said)?;
    kill_process(Pid::from_child(&server), Signal::TERM)?;
    let status = server.wait()?;
    assert!(
        said.ends_with("cannot write to stdout: there is no space left on the device\n"),
        "{said}"
    );
    assert_eq!(status.code(), Some(0));
    Ok(())
}

/// `CLICOLOR_FORCE` gives a pipe the colors of a terminal.
#[test]
fn errors_and_help_have_the_colors_that_the_environment_asks_for() -> Result<()> {
    for (variables, is_colored) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        for args in [&["--prot", "2"][..], &["--help"]] {
            let mut command = command(args);
            command.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
            let output = ended(command.envs(variables.iter().copied()))?;
            let printed = String::from_utf8(output.stdout.clone())? + &said(&output);
            assert_eq!(printed.contains('\u{1b}'), is_colored, "{args:?} {variables:?}: {printed}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn stdout_names_the_address_and_examples_and_stderr_stays_empty() -> Result<()> {
    let mut server = Running::start(&mut command(&["--listen", "localhost:0", "--delay", "20ms"]))?;
    assert!(server.addr.ip().is_loopback() && server.addr.port() != 0);
    let mut lines = String::new();
    for _ in 0..5 {
        server.stdout.read_line(&mut lines)?;
    }
    let addr = server.addr;
    for part in [
        "  seed ",
        "a call takes 20ms unless it says otherwise",
        &format!("try  http://{addr}/ in a browser"),
        &format!("curl 'http://{addr}/long_sync?delay=250ms'"),
        &format!(
            "grpcurl -plaintext -d '{{\"delay\":\"0.25s\"}}' {addr} longsync.v1.LongSyncService/LongSync"
        ),
        "Ctrl-C",
    ] {
        assert!(lines.contains(part), "{part} is not in {lines}");
    }
    assert_eq!(server.web().await?.get("/long_sync").await?.body(), "Done!");
    signal(&server, Signal::TERM)?;
    let (status, said) = server.ended().await?;
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    Ok(())
}

#[tokio::test]
async fn the_environment_sets_flags_and_the_command_line_takes_precedence() -> Result<()> {
    let mut with_env = command(&["--max-delay", "2s"]);
    with_env
        .env("LONGSYNC_LISTEN", "127.0.0.1:0")
        .env("LONGSYNC_BEHAVIOR", "30ms")
        .env("LONGSYNC_MAX_DELAY", "1s")
        .env("LONGSYNC_MAX_COUNT", "7");
    let server = Running::start(&mut with_env)?;
    let mut web = server.web().await?;
    let answer = web.get("/long_sync").await?;
    let timing =
        answer.headers().get("server-timing").context("the answer has no timing")?.to_str()?;
    assert!(timing.starts_with("planned;dur=30.000"), "{timing}");
    let refused = web.get("/long_sync?delay=3s").await?;
    assert!(refused.body().contains("at most 2s"), "{}", refused.body());
    Ok(())
}

#[test]
fn wrong_usage_exits_with_2_says_what_would_be_right_and_binds_nothing() -> Result<()> {
    for (args, right) in [
        (&["--listen", "9000"][..], "localhost:9000, or --port 9000"),
        (&["--listen", "nowhere.invalid:9000"], "127.0.0.1:9000"),
        (&["--behavior", "soon"], "at column 1: expected a delay: a duration such as 250ms"),
        (&["--behavior", "1s; hung(1%)"], "at column 5"),
        (&["--delay", "500"], "250ms, 1.5s or 2m"),
        (&["--delay", "-1s"], "250ms, 1.5s or 2m"),
        (&["--delay", "2h"], "--max-delay"),
        (&["--drain", "soon"], "250ms"),
        (&["--drain", "-1s"], "250ms"),
        (&["--workers", "0"], "from 1 to 1024"),
        (&["--workers", "many"], "from 1 to 1024"),
        (&["--max-streams", "0"], "from 1"),
        (&["--head-timeout", "0s"], "a duration above 0s, such as 10s"),
        (&["--message-timeout", "0ms"], "a duration above 0s, such as 10s"),
        (&["--head-timeout", "soon"], "250ms"),
        (&["--max-unanswered", "0"], "from 1"),
        (&["--max-connections", "0"], "from 1"),
        (&["--max-count", "-1"], "a whole number from 1 to 4294967295, without a sign or a unit"),
        (&["--max-in-flight", "-3"], "a whole number"),
        (&["--max-message-bytes", "5GiB"], "a whole number from 1 to 4294967295, without a sign"),
        (&["--log", "loud"], "off, error, warn, info or debug"),
        (&["--nonsense"], "--help"),
        (&["surplus"], "--help"),
    ] {
        let output = ended(&mut command(args))?;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said(&output).contains(right), "{args:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    let output = ended(command(&[]).env("LONGSYNC_WORKERS", "none"))?;
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("from 1 to 1024"), "{}", said(&output));
    Ok(())
}

#[test]
fn an_address_in_use_is_named_in_one_sentence_and_the_exit_code_is_1() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let addr = taken.local_addr()?.to_string();
    let output = ended(&mut command(&["--listen", &addr]))?;
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(&format!("{addr} is in use")) && said.contains("--listen"), "{said}");
    assert!(output.stdout.is_empty());
    Ok(())
}

/// 192.0.2.0/24 is reserved for documentation, so no machine has such an address (RFC 5737).
#[test]
fn a_foreign_address_is_refused_with_one_that_the_machine_has() -> Result<()> {
    let output = ended(&mut command(&["--listen", "192.0.2.1:9000"]))?;
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("192.0.2.1 is not an address of this machine"), "{said}");
    assert!(said.contains("127.0.0.1:9000"), "{said}");
    assert!(output.stdout.is_empty());
    Ok(())
}

#[tokio::test]
async fn logs_are_one_line_per_call_at_debug_and_on_stderr() -> Result<()> {
    let server = Running::start(&mut command(&[
        "--listen",
        "127.0.0.1:0",
        "--log",
        "debug",
        "--drain",
        "0s",
    ]))?;
    let raw = server.raw().await?;
    for id in ["first", "second"] {
        let mut request = wait(ms(5));
        request.call_id = id.to_owned();
        let traceparent = format!("00-0af7651916cd43dd8448eb211c80319c-{id:0>16}-01");
        raw.unary(&request, &[("traceparent", &traceparent)]).await?.ended().await?;
    }
    signal(&server, Signal::TERM)?;
    let (_, said) = server.ended().await?;
    let calls: Vec<_> = said.lines().filter(|line| line.contains("call ended")).collect();
    let [first, second] = calls[..] else { anyhow::bail!("{said}") };
    for (line, id) in [(first, "first"), (second, "second")] {
        let traceparent =
            format!("traceparent=\"00-0af7651916cd43dd8448eb211c80319c-{id:0>16}-01\"");
        let peer = "peer=127.0.0.1:";
        for part in ["rpc=LongSync", "outcome=answered", id, "5ms", &traceparent, peer] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }
    Ok(())
}

fn signal(server: &Running, signal: Signal) -> Result<()> {
    Ok(kill_process(Pid::from_child(&server.child), signal)?)
}

async fn in_flight(server: &Running) -> Result<u64> {
    let metrics = server.web().await?.get("/metrics").await?.into_body();
    let line = metrics.lines().find_map(|line| line.strip_prefix("longsync_calls_in_flight "));
    Ok(line.context("calls in flight are missing from the metrics")?.parse()?)
}

async fn waits_for(server: &Running, calls: u64) -> Result<()> {
    let waiting = async {
        while in_flight(server).await? != calls {
            tokio::time::sleep(ms(5)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await?
}

#[tokio::test]
async fn a_signal_lets_waiting_calls_end_and_the_exit_code_is_0() -> Result<()> {
    for kind in [Signal::TERM, Signal::INT] {
        let server = Running::start(&mut command(&["--listen", "127.0.0.1:0", "--drain", "10s"]))?;
        let raw = server.raw().await?;
        let call = raw.unary(&wait(ms(400)), &[]).await?;
        waits_for(&server, 1).await?;
        signal(&server, kind)?;
        assert_eq!(call.ended().await?.status.code(), tonic::Code::Ok);
        assert_eq!(server.ended().await?.0.code(), Some(0));
    }
    Ok(())
}

#[tokio::test]
async fn calls_over_the_drain_end_as_unavailable_and_the_exit_code_is_0() -> Result<()> {
    let server = Running::start(&mut command(&["--listen", "127.0.0.1:0", "--drain", "100ms"]))?;
    let raw = server.raw().await?;
    let call = raw.unary(&wait(Duration::from_secs(600)), &[]).await?;
    waits_for(&server, 1).await?;
    signal(&server, Signal::TERM)?;
    assert_eq!(call.ended().await?.status.code(), tonic::Code::Unavailable);
    assert_eq!(server.ended().await?.0.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn a_second_signal_ends_at_once_with_130() -> Result<()> {
    let server = Running::start(&mut command(&["--listen", "127.0.0.1:0", "--drain", "1h"]))?;
    let (raw, other) = (server.raw().await?, server.raw().await?);
    let _waiting = raw.unary(&wait(Duration::from_secs(600)), &[]).await?;
    waits_for(&server, 1).await?;
    signal(&server, Signal::INT)?;
    // An idle connection is closed when the drain begins: by then, the first signal has been received.
    eventually(|| other.driver.is_finished()).await;
    signal(&server, Signal::INT)?;
    assert_eq!(server.ended().await?.0.code(), Some(130));
    Ok(())
}

/// Runs `first` in a shell, which then becomes the server.
fn after(first: &str, args: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("{first} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_longsync-server")]).args(args);
    shell.env_remove("PORT");
    shell
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_files_it_keeps_serving_and_accepts_again_when_there_are_some() -> Result<()> {
    let args = ["--listen", "127.0.0.1:0", "--workers", "1", "--drain", "0s"];
    let server = Running::start(&mut after("ulimit -n 1024", &args))?;
    let raw = server.raw().await?;
    raw.unary(&wait(ms(0)), &[]).await?.ended().await?;
    // A lower limit than the one at its start.
    let few = rustix::process::Rlimit { current: Some(64), maximum: Some(64) };
    rustix::process::prlimit(
        Some(Pid::from_child(&server.child)),
        rustix::process::Resource::Nofile,
        few,
    )?;
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(TcpStream::connect(server.addr).await?);
    }
    // Connections that were already open are served all the time.
    raw.unary(&wait(ms(50)), &[]).await?.ended().await?;
    drop(sockets);
    let again = async { server.raw().await?.unary(&wait(ms(0)), &[]).await?.ended().await };
    let ended = tokio::time::timeout(Duration::from_secs(20), again).await??;
    assert_eq!(ended.status.code(), tonic::Code::Ok);
    signal(&server, Signal::TERM)?;
    let (status, said) = server.ended().await?;
    assert_eq!(status.code(), Some(0));
    assert!(said.contains("cannot accept connections"), "{said}");
    assert!(said.lines().count() < 50, "it does not spin: {said}");
    Ok(())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_few_files_most_are_for_connections_and_the_reserve_stays_free() -> Result<()> {
    // Each worker opens files, one of them with its first wait.
    for (files, workers, least) in [(64, "2", 30), (300, "40", 76)] {
        let args = ["--listen", "127.0.0.1:0", "--workers", workers, "--drain", "0s"];
        let mut server = Running::start(&mut after(&format!("ulimit -n {files}"), &args))?;
        let mut second = String::new();
        server.stdout.read_line(&mut second)?;
        let told = second.trim_end().rsplit_once("at most ").context("the line has no number")?.1;
        let told: usize = told.split(' ').next().context("the line has no number")?.parse()?;
        // Files that this test has inherited are open in the server, too.
        let open =
            Command::new("sh").args(["-c", "echo /proc/$$/fd/*"]).stdin(Stdio::null()).output()?;
        let inherited =
            String::from_utf8(open.stdout)?.split_whitespace().count().saturating_sub(3);
        assert!(told + inherited >= least, "{second}, and {inherited} files are inherited");
        let mut all = Vec::new();
        for _ in 0..told {
            let raw = server.raw().await?;
            let ended = raw.unary(&wait(ms(1)), &[]).await?.ended();
            tokio::time::timeout(Duration::from_secs(20), ended)
                .await
                .context(second.clone())??;
            all.push(raw);
        }
        let open = std::fs::read_dir(format!("/proc/{}/fd", server.child.id()))?.count();
        assert!(open <= files - 8, "{open} of {files} files are open");
        signal(&server, Signal::TERM)?;
        let (status, said) = server.ended().await?;
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    }
    Ok(())
}

#[test]
fn options_that_need_more_files_than_allowed_are_refused_before_anything_is_bound() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let addr = taken.local_addr()?.to_string();
    for (args, right) in [
        (&["--workers", "1", "--max-connections", "1000"][..], "--max-connections 1000"),
        (&["--workers", "16"], "--workers 16"),
    ] {
        let args = [&["--listen", &addr][..], args].concat();
        let output = ended(&mut after("ulimit -n 64", &args))?;
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for part in [right, "does not fit", "64", "ulimit -n"] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        assert!(!said.contains("in use") && output.stdout.is_empty(), "{said}");
    }
    let output = ended(&mut after("ulimit -n 8", &["--listen", &addr]))?;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the limit on open files, 8, is too low to start"), "{said}");
    Ok(())
}

/// The server with SIGHUP as in a terminal, although these tests may run under `nohup`: ignored signals are
/// inherited by child processes, and no shell can undo that.
#[cfg(target_os = "linux")]
fn with_hang_up(args: &[&str]) -> Command {
    let mut env = Command::new("env");
    env.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_longsync-server")]).args(args);
    env.stdin(Stdio::null()).env_remove("PORT");
    env
}

/// On other systems, it is unknown whether SIGHUP is ignored, so it keeps its default action.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn hang_up_drains_unless_it_was_ignored_at_the_start() -> Result<()> {
    let args = ["--listen", "127.0.0.1:0", "--drain", "10s"];
    let server = Running::start(&mut with_hang_up(&args))?;
    let raw = server.raw().await?;
    let call = raw.unary(&wait(ms(300)), &[]).await?;
    waits_for(&server, 1).await?;
    signal(&server, Signal::HUP)?;
    assert_eq!(call.ended().await?.status.code(), tonic::Code::Ok);
    assert_eq!(server.ended().await?.0.code(), Some(0));

    let server = Running::start(&mut after("trap '' HUP", &args))?;
    signal(&server, Signal::HUP)?;
    let raw = server.raw().await?;
    let ended = raw.unary(&wait(ms(50)), &[]).await?.ended().await?;
    assert_eq!(ended.status.code(), tonic::Code::Ok);
    signal(&server, Signal::TERM)?;
    assert_eq!(server.ended().await?.0.code(), Some(0));
    Ok(())
}

/// An HTTP/2 preface, SETTINGS, and then unsolicited PING acknowledgements: h2 warns about each.
fn unasked_pings(count: usize) -> Vec<u8> {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const PING_ACK: &[u8] = b"\0\0\x08\x06\x01\0\0\0\0unasked!";
    let mut bytes = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SETTINGS].concat();
    bytes.extend(std::iter::repeat_n(PING_ACK, count).flatten());
    bytes
}

async fn send(server: &Running, bytes: &[u8]) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(server.addr).await?;
    socket.write_all(bytes).await?;
    Ok(socket)
}

#[tokio::test]
async fn a_stderr_that_nobody_reads_blocks_neither_calls_nor_the_exit() -> Result<()> {
    let args = ["--listen", "127.0.0.1:0", "--workers", "1", "--log", "debug", "--drain", "0s"];
    let mut server = Running::start(&mut command(&args))?;
    let raw = server.raw().await?;
    // Each logs a line of more than 100 bytes; together, they are more than the pipe and the queue have room
    // for.
    for _ in 0..40 {
        let mut calls = Vec::new();
        for _ in 0..100 {
            calls.push(raw.unary(&wait(ms(0)), &[]).await?);
        }
        for call in calls {
            let ended = tokio::time::timeout(Duration::from_secs(20), call.ended()).await??;
            assert_eq!(ended.status.code(), tonic::Code::Ok);
        }
    }
    signal(&server, Signal::TERM)?;
    let unread = server.child.stderr.take();
    let ending = tokio::task::spawn_blocking(move || server.child.wait());
    let status = tokio::time::timeout(Duration::from_secs(20), ending)
        .await
        .context("the server is still running")??;
    assert_eq!(status?.code(), Some(0));
    drop(unread);
    Ok(())
}

#[tokio::test]
async fn a_client_can_cause_ten_log_lines_of_a_kind_per_second_and_no_more() -> Result<()> {
    let args = ["--listen", "127.0.0.1:0", "--workers", "1", "--drain", "0s", "--log", "h2=warn"];
    let server = Running::start(&mut command(&args))?;
    let start = std::time::Instant::now();
    let _socket = send(&server, &unasked_pings(2_000)).await?;
    // By then, all earlier acknowledgements have been read.
    let pinged = send(&server, &unasked_pings(1)).await?;
    server.raw().await?.unary(&wait(ms(50)), &[]).await?.ended().await?;
    drop(pinged);
    signal(&server, Signal::TERM)?;
    let (_, said) = server.ended().await?;
    let most = 10 * (1 + usize::try_from(start.elapsed().as_secs())?);
    let lines = said.lines().filter(|line| line.contains("WARN")).count();
    assert!((1..=most).contains(&lines), "{lines} lines: {said}");
    assert!(said.contains("more log lines from h2::"), "{said}");
    Ok(())
}

/// This log was asked for, and a sample would be of no use.
#[tokio::test]
async fn each_call_has_its_line_however_many_there_are_per_second() -> Result<()> {
    let args = ["--listen", "127.0.0.1:0", "--drain", "0s", "--log", "debug"];
    let server = Running::start(&mut command(&args))?;
    let raw = server.raw().await?;
    for _ in 0..50 {
        raw.unary(&wait(ms(0)), &[]).await?.ended().await?;
    }
    signal(&server, Signal::TERM)?;
    let (_, said) = server.ended().await?;
    assert_eq!(said.matches("call ended").count(), 50, "{said}");
    Ok(())
}

#[tokio::test]
async fn a_level_alone_logs_no_warnings_of_libraries() -> Result<()> {
    let args = ["--listen", "127.0.0.1:0", "--drain", "0s", "--log", "debug"];
    let server = Running::start(&mut command(&args))?;
    let _socket = send(&server, &unasked_pings(100)).await?;
    server.raw().await?.unary(&wait(ms(50)), &[]).await?.ended().await?;
    signal(&server, Signal::TERM)?;
    let (_, said) = server.ended().await?;
    assert!(!said.contains("h2::"), "{said}");
    Ok(())
}

#[tokio::test]
async fn protocols_other_than_http_are_reported_at_warn_once_per_minute() -> Result<()> {
    let server = Running::start(&mut command(&["--listen", "127.0.0.1:0", "--drain", "0s"]))?;
    for _ in 0..3 {
        for foreign in [
            &b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..],
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
        ] {
            let mut socket = send(&server, foreign).await?;
            // The server answers 400, or closes the connection.
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    }
    signal(&server, Signal::TERM)?;
    let (_, said) = server.ended().await?;
    let lines: Vec<_> = said.lines().filter(|line| line.contains("WARN")).collect();
    let [tls, proxy] = lines[..] else { anyhow::bail!("{said}") };
    assert!(tls.contains("speaks TLS") && proxy.contains("PROXY protocol"), "{said}");
    assert!(lines.iter().all(|line| line.contains("peer=127.0.0.1:")), "{said}");
    Ok(())
}

/// The address on which a server started like this listens, and what it wrote to stderr.
async fn address(command: &mut Command) -> Result<(SocketAddr, String)> {
    let server = Running::start(command)?;
    let addr = server.addr;
    signal(&server, Signal::TERM)?;
    Ok((addr, server.ended().await?.1))
}

#[tokio::test]
async fn a_server_on_all_addresses_never_suggests_calling_them() -> Result<()> {
    for (listen, called) in [("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "[::1]")] {
        if std::net::TcpListener::bind(listen).is_err() {
            println!("cannot listen on {listen}: this machine has no IPv6");
            continue;
        }
        let mut server = Running::start(&mut command(&["--listen", listen]))?;
        let (ip, port) = (server.addr.ip(), server.addr.port());
        assert!(ip.is_unspecified(), "the first line has another address: {ip}");
        let mut lines = String::new();
        for _ in 0..4 {
            server.stdout.read_line(&mut lines)?;
        }
        assert!(lines.contains(&format!("curl 'http://{called}:{port}/long_sync")), "{lines}");
        // A shell would take unquoted brackets for a pattern.
        let quote = if ip.is_ipv6() { "'" } else { "" };
        let named = format!(" {quote}{called}:{port}{quote} longsync.v1.");
        assert!(lines.contains(&named), "{lines}");
        assert!(!lines.contains("0.0.0.0") && !lines.contains("[::]"), "{lines}");
        // A client that calls it like that is shown an address that others can call.
        let answer = server.web().await?.get(&format!("http://{}/", server.addr)).await?;
        assert!(answer.body().contains(&format!("{called}:{port}/long_sync")), "{}", answer.body());
        assert!(!answer.body().contains("0.0.0.0") && !answer.body().contains("[::]"));
    }
    Ok(())
}

#[tokio::test]
async fn a_flag_takes_precedence_over_our_variables_and_those_over_port() -> Result<()> {
    let free = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        anyhow::Ok(listener.local_addr()?.port().to_string())
    };
    let (port, other) = (free()?, free()?);
    let elsewhere = format!("127.0.0.2:{other}");
    for (args, listen, ours, foreign) in [
        (&["--port", &port][..], None, None, None),
        (&["--port", &port], Some(&elsewhere), None, Some(&other)),
        (&["--port", &port], None, Some(&other), None),
        (&["--port", &port], Some(&elsewhere), Some(&other), None),
        (&[], None, Some(&port), Some(&other)),
        (&[], None, None, Some(&port)),
    ] {
        let mut command = command(args);
        let variables = [("LONGSYNC_LISTEN", listen), ("LONGSYNC_PORT", ours), ("PORT", foreign)];
        for (name, value) in variables {
            value.map(|value| command.env(name, value));
        }
        let (addr, said) = address(&mut command).await?;
        assert_eq!(addr.to_string(), format!("127.0.0.1:{port}"), "{args:?} {variables:?}");
        let is_foreign = args.is_empty() && ours.is_none();
        assert_eq!(said.contains("because PORT is set in the environment"), is_foreign, "{said}");
    }
    let mut listens = command(&["--listen", "127.0.0.1:0"]);
    listens.env("LONGSYNC_PORT", &port).env("PORT", &port);
    let (addr, said) = address(&mut listens).await?;
    assert!(addr.port().to_string() != port && said.is_empty(), "{addr} {said}");
    Ok(())
}

#[test]
fn two_addresses_from_one_source_and_an_invalid_port_are_refused() -> Result<()> {
    for (args, variables, right) in [
        (&["--port", "0", "--listen", "127.0.0.1:0"][..], &[][..], "give only one of them"),
        (
            &[],
            &[("LONGSYNC_PORT", "0"), ("LONGSYNC_LISTEN", "127.0.0.1:0")],
            "LONGSYNC_LISTEN and LONGSYNC_PORT are both given",
        ),
        (&["--port", "65536"], &[], "a port from 0 to 65535"),
        (&["--port", "http"], &[], "a port from 0 to 65535"),
        (&["--port", "-1"], &[], "a port from 0 to 65535"),
        (&[], &[("LONGSYNC_PORT", "")], "a port from 0 to 65535"),
        (&[], &[("PORT", "tcp://10.0.0.1:80")], "PORT in the environment is `tcp://10.0.0.1:80`"),
        (&[], &[("PORT", "http")], "or override it with --listen or --port"),
    ] {
        let mut command = command(args);
        command.envs(variables.iter().copied());
        let output = ended(&mut command)?;
        assert_eq!(output.status.code(), Some(2), "{args:?} {variables:?}");
        assert!(said(&output).contains(right), "{args:?} {variables:?}: {}", said(&output));
        assert!(output.stdout.is_empty(), "{args:?} {variables:?}");
    }
    Ok(())
}
