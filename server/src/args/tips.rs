//! What other programs call a flag that this one has by another name, or does not have.

use std::borrow::Cow;

use longsync_text::duration;

/// The names, without their hyphens, and what would be right.
const TIPS: &[(&[&str], &str)] = &[
    (
        &["addr", "address", "bind", "host", "hostname", "ip", "l", "b", "a", "http", "grpc"],
        "--listen is where the server listens, such as --listen 0.0.0.0:9000 for all addresses",
    ),
    (
        &["P", "http-port", "grpc-port", "metrics-port", "admin-port", "health-port"],
        "there is one port for everything: --port, or -p",
    ),
    (
        &[
            "d",
            "latency",
            "sleep",
            "wait",
            "response-time",
            "duration",
            "z",
            "jitter",
            "distribution",
        ],
        "--delay is how long a call takes, such as 250ms, or 'uniform(200ms, 300ms)' for one that differs from call to call",
    ),
    (
        &[
            "t",
            "timeout",
            "grace",
            "graceful-timeout",
            "grace-period",
            "shutdown-timeout",
            "stop-timeout",
        ],
        "--drain is how long waiting calls may go on after a signal; how long a call may take is said by its client's deadline",
    ),
    (
        &["n", "w", "j", "threads", "procs", "cpus", "concurrency", "worker-threads"],
        "--workers is how many threads serve connections; each serves any number of calls",
    ),
    (
        &["max-conns", "max-clients", "worker-connections", "backlog"],
        "--max-connections is how many connections may be open, --max-in-flight how many calls",
    ),
    (
        &["max-recv-msg-size", "max-receive-message-size", "max-body-size", "client-max-body-size"],
        "--max-message-bytes is how large a request may be",
    ),
    (
        &["error", "errors", "error-rate", "fail", "failure-rate", "status", "abort"],
        "there are no faults yet: calls are delayed, and answered",
    ),
    (
        &[
            "tls",
            "cert",
            "key",
            "cacert",
            "tls-cert",
            "tls-key",
            "k",
            "insecure",
            "plaintext",
            "https",
        ],
        "there is no TLS yet: the server speaks plaintext, and a proxy in front of it can speak TLS",
    ),
    (
        &["v", "verbose", "debug", "vv", "access-log", "log-level", "loglevel", "log-format"],
        "--log debug writes one line per call; -V is the version",
    ),
    (&["q", "s", "quiet", "silent"], "--log off writes no log; Ctrl-C or SIGTERM stops the server"),
    (
        &["c", "f", "config", "config-file", "conf", "C"],
        "there is no file to configure: each flag has a variable, such as LONGSYNC_DELAY",
    ),
    (
        &["D", "daemon", "daemonize", "background", "detach"],
        "it stays in the foreground: start it with & or as a service; it listens once it has printed its first line",
    ),
    (
        &[
            "reflection",
            "enable-reflection",
            "health",
            "metrics",
            "proto",
            "protoset",
            "import-path",
        ],
        "reflection, health checks and /metrics are always there, and no proto file is needed",
    ),
    (&["T", "test", "dry-run", "check"], "--explain says what --behavior does, and starts nothing"),
    (
        &["4", "6", "ipv4", "ipv6"],
        "--listen takes either: 0.0.0.0:9000 is all of IPv4, [::]:9000 of IPv6",
    ),
];

/// What would be right instead of a flag or a word that the server does not have.
pub(super) fn tip(unknown: &str) -> Option<Cow<'static, str>> {
    let name = unknown.trim_start_matches('-');
    if name == unknown {
        return tip_about_value(unknown);
    }
    let known = TIPS.iter().find(|(names, _)| names.contains(&name));
    known.map(|(_, tip)| Cow::Borrowed(*tip))
}

/// The same of a word that is the value of a flag which was left out.
fn tip_about_value(word: &str) -> Option<Cow<'static, str>> {
    if word.parse::<u16>().is_ok() {
        Some(format!("--port {word} listens on that port").into())
    } else if duration::parse(word).is_ok() {
        Some(format!("--delay {word} has calls take that long").into())
    } else if word.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        Some(format!("--listen {word} listens there").into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Args;

    /// A tip about a flag that there is would never be seen; one that names none, or one name in two places, is wrong.
    #[test]
    fn each_tip_is_about_names_that_the_server_does_not_have_and_has_only_once() {
        let command = Args::command();
        let own: HashSet<_> = command
            .get_arguments()
            .flat_map(|arg| {
                let short = arg.get_short().map(|short| short.to_string());
                short.into_iter().chain(arg.get_long().map(str::to_owned))
            })
            .collect();
        let mut seen = HashSet::new();
        for name in TIPS.iter().flat_map(|(names, _)| *names) {
            assert!(!own.contains(*name), "{name} is a flag of ours");
            assert!(seen.insert(name), "{name} is there twice");
        }
    }

    /// Each flag that a tip names exists.
    #[test]
    fn each_tip_names_flags_that_there_are() {
        let command = Args::command();
        for (_, tip) in TIPS {
            for word in tip.split(|c: char| c != '-' && !c.is_ascii_alphanumeric()) {
                let Some(long) = word.strip_prefix("--") else { continue };
                let is_own = command.get_arguments().any(|arg| arg.get_long() == Some(long));
                assert!(is_own, "{word} in {tip}");
            }
        }
    }

    #[test]
    fn a_value_without_its_flag_is_given_one() {
        let said = |word| tip(word).unwrap_or_default();
        assert_eq!(said("8080"), "--port 8080 listens on that port");
        assert_eq!(said("250ms"), "--delay 250ms has calls take that long");
        assert_eq!(said("0.0.0.0:80"), "--listen 0.0.0.0:80 listens there");
        for word in ["start", "99999", "", "-", "--", "--nonsense"] {
            assert_eq!(said(word), "", "{word}");
        }
        assert!(said("-l").starts_with("--listen") && said("--addr").starts_with("--listen"));
    }
}
