//! Tips for flags of other programs, which this one calls something else or does not have.

use std::borrow::Cow;

use longsync_flags::Mistake;
use longsync_text::duration;

/// Names without their hyphens, and the tip for them.
const TIPS: &[(&[&str], &str)] = &[
    (
        &["addr", "address", "bind", "host", "hostname", "ip", "l", "b", "a", "http", "grpc"],
        "--listen sets the address, such as --listen 0.0.0.0:9000 for all interfaces",
    ),
    (
        &["P", "http-port", "grpc-port", "metrics-port", "admin-port", "health-port"],
        "one port serves everything: --port, or -p",
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
        "--delay sets how long a call takes, such as 250ms, or 'uniform(200ms, 300ms)' for a delay that varies per call",
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
        "--drain sets how long waiting calls may continue after a signal; the client's deadline limits how long a call may take",
    ),
    (
        &["n", "w", "j", "threads", "procs", "cpus", "concurrency", "worker-threads"],
        "--workers sets the number of threads that serve connections; each serves any number of calls",
    ),
    (
        &["max-conns", "max-clients", "worker-connections", "backlog"],
        "--max-connections limits open connections, --max-in-flight limits calls in flight",
    ),
    (
        &["max-recv-msg-size", "max-receive-message-size", "max-body-size", "client-max-body-size"],
        "--max-message-bytes limits the size of a request message",
    ),
    (
        &["error", "errors", "error-rate", "fail", "failure-rate", "status", "abort"],
        "faults are part of --behavior, such as '5ms; fail(10%, UNAVAILABLE)'",
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
        "TLS is not supported yet: the server speaks plaintext; put a proxy in front of it for TLS",
    ),
    (
        &["v", "verbose", "debug", "vv", "access-log", "log-level", "loglevel", "log-format"],
        "--log debug writes one line per call; -V prints the version",
    ),
    (
        &["q", "s", "quiet", "silent"],
        "--log off disables the log; Ctrl-C or SIGTERM stops the server",
    ),
    (
        &["c", "f", "config", "config-file", "conf", "C"],
        "there is no configuration file: use flags, or variables such as LONGSYNC_DELAY",
    ),
    (
        &["D", "daemon", "daemonize", "background", "detach"],
        "the server stays in the foreground: start it with & or as a service; once it prints its first line, it is listening",
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
        "reflection, health checks and /metrics are always on, and no proto file is needed",
    ),
    (
        &["T", "test", "dry-run", "check"],
        "--explain describes --behavior without starting a server",
    ),
    (
        &["4", "6", "ipv4", "ipv6"],
        "--listen takes either: 0.0.0.0:9000 for all IPv4 addresses, [::]:9000 for all IPv6 addresses",
    ),
];

/// The tip for a flag or a word that the server does not know.
pub(super) fn tip(mistake: &Mistake<'_>) -> Option<Cow<'static, str>> {
    tip_about(mistake.word)
}

fn tip_about(unknown: &str) -> Option<Cow<'static, str>> {
    let name = unknown.trim_start_matches('-');
    if name == unknown {
        return tip_about_value(unknown);
    }
    let known = TIPS.iter().find(|(names, _)| names.contains(&name));
    known.map(|(_, tip)| Cow::Borrowed(*tip))
}

/// The tip for a word that looks like the value of a missing flag.
fn tip_about_value(word: &str) -> Option<Cow<'static, str>> {
    if word.parse::<u16>().is_ok() {
        Some(format!("--port {word} listens on that port").into())
    } else if duration::parse(word).is_ok() {
        Some(format!("--delay {word} makes each call take that long").into())
    } else if word.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        Some(format!("--listen {word} listens on that address").into())
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

    /// A tip for a flag that exists would never be shown, and neither would the second tip for the same name.
    #[test]
    fn each_tip_is_for_unknown_names_and_each_name_has_one_tip() {
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
            assert!(!own.contains(*name), "{name} is an existing flag");
            assert!(seen.insert(name), "{name} has two tips");
        }
    }

    /// Each flag that a tip names exists.
    #[test]
    fn each_tip_names_existing_flags() {
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
    fn a_value_without_a_flag_gets_a_tip_with_one() {
        let said = |word| tip_about(word).unwrap_or_default();
        assert_eq!(said("8080"), "--port 8080 listens on that port");
        assert_eq!(said("250ms"), "--delay 250ms makes each call take that long");
        assert_eq!(said("0.0.0.0:80"), "--listen 0.0.0.0:80 listens on that address");
        for word in ["start", "99999", "", "-", "--", "--nonsense"] {
            assert_eq!(said(word), "", "{word}");
        }
        assert!(said("-l").starts_with("--listen") && said("--addr").starts_with("--listen"));
    }
}
