//! What the server refuses before it starts, and the exact words.

use std::fmt::Write as _;

use super::{command, ended, said};
use crate::harness::Result;

/// The error for a command line that is refused with exit code 2, indented.
fn told(args: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let mut refused = command(args);
    let output = ended(refused.envs(variables.iter().copied()))?;
    assert_eq!(output.status.code(), Some(2), "{args:?} {variables:?}: {}", said(&output));
    assert!(output.stdout.is_empty(), "{args:?} {variables:?}");
    let said = said(&output);
    let said = said.split("\n\nUsage:").next().unwrap_or_default();
    let said = said.split("\n\nFor more").next().unwrap_or_default();
    Ok(format!("    {}\n", said.replace('\n', "\n    ").replace("    \n", "\n")))
}

#[test]
fn invalid_arguments_are_refused_with_what_would_be_right() -> Result<()> {
    let mut all = String::new();
    for args in [
        &["--listen", "9000"][..],
        &["--listen", ":9000"],
        &["--listen", "127.0.0.1"],
        &["--port", "http"],
        &["-p", "http"],
        &["-p70000"],
        &["--port"],
        &["-port", "80"],
        &["--behavior", "soon"],
        &["--behavior", "5"],
        &["--delay", "5"],
        &["--delay=5sec"],
        &["--delay", "-1s"],
        &["--delay", "5 ms"],
        &["--delay", "2h"],
        &["--max-delay", "1s"],
        &["--delay", "1s", "--behavior", "1s"],
        &["--delay", "1s", "--delay", "2s"],
        &["--listen", "127.0.0.1:0", "--port", "0"],
        &["--seed", "-1"],
        &["--workers", "0"],
        &["--lame-duck", "5"],
        &["--drain", "soon"],
        &["--drain", "400d"],
        &["--spin", "10s"],
        &["--spin", "21ms"],
        &["--log", "loud"],
        &["--replay-dir", "/nowhere"],
        &["--replay-dir", "Cargo.toml"],
        &["--replay-dir", "Cargo.toml/below"],
        &["--behavior", "replay(\"nowhere\")", "--replay-dir", "src"],
        &["--max-message-bytes", "0"],
        &["--max-message-bytes", "4294967296"],
        &["--max-message-bytes", "4MiB"],
        &["--max-count", "0"],
        &["--max-response-bytes", "-1"],
        &["--max-unanswered", "0"],
        &["--max-streams", "0"],
        &["--max-in-flight", "0"],
        &["--max-buffered-bytes", "0"],
        &["--message-timeout", "0s"],
        &["--head-timeout", "0"],
        &["--max-connections", "0"],
        // Names that other programs use.
        &["-l", ":9000"],
        &["--addr=:9000"],
        &["--host", "0.0.0.0"],
        &["-d", "1s"],
        &["-c", "nginx.conf"],
        &["-t"],
        &["-plaintext"],
        &["--config", "longsync.toml"],
        &["--tls-cert", "cert.pem"],
        &["--error-rate", "1%"],
        &["--reflection"],
        &["--daemon"],
        &["--verbose"],
        &["--max-stream", "5"],
        &["--nonsense"],
        &["9000"],
        &["250ms"],
        &["0.0.0.0:9000"],
        &["start"],
    ] {
        writeln!(all, "longsync-server {}\n{}", args.join(" "), told(args, &[])?)?;
    }
    insta::assert_snapshot!("refused", all);
    Ok(())
}

/// The variable is named in place of its flag.
#[test]
fn a_wrong_value_of_each_variable_names_the_variable() -> Result<()> {
    let mut all = String::new();
    for name in longsync_flags::variables::SERVER {
        writeln!(all, "{name}=wrong longsync-server\n{}", told(&[], &[(name, "wrong")])?)?;
    }
    for (name, value) in [
        ("LONGSYNC_PORT", "tcp://10.0.0.1:9000"),
        ("LONGSYNC_PORT", ""),
        ("LONGSYNC_DELAY", ""),
        ("LONGSYNC_DELAY", "5"),
        ("LONGSYNC_SPIN", "10s"),
        ("LONGSYNC_MAX_MESSAGE_BYTES", "0"),
    ] {
        writeln!(all, "{name}={value} longsync-server\n{}", told(&[], &[(name, value)])?)?;
    }
    insta::assert_snapshot!("refused_variables", all);
    Ok(())
}
