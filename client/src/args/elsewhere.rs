//! Flags of other programs, and their names here. The programs are ghz, hey, curl, grpcurl, h2load, wrk,
//! wrk2, oha, bombardier, vegeta, fortio and k6.

/// The equivalent of another program's flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    /// This long flag of longsync.
    Flag(&'static str),
    /// No single flag: a sentence that explains what to do instead.
    Otherwise(&'static str),
}

use Here::{Flag, Otherwise};

const NO_TLS: Here =
    Otherwise("there is no TLS yet, and http:// does not need a flag: leave it out");
const NO_PROTO: Here =
    Otherwise("the contract is built in: neither its .proto file nor reflection is needed");
const NO_METHOD: Here =
    Otherwise("a gRPC call has no HTTP method to choose; `race --http` sends GET /long_sync");
const RECORD: Here =
    Otherwise("--json prints JSON instead of text; `load --record FILE` writes it to a file");
const VERBOSE: Here =
    Otherwise("`call` shows where a call's time went, and --json prints every figure");
const PERCENTILES: Here =
    Otherwise("`load` prints percentiles anyway, and --json prints more of them");
const FROM_FILE: Here = Otherwise(
    "`--payload @FILE` sends the content of a file; --duration sets how long `load` runs",
);
const HTTP2: Here =
    Otherwise("calls are gRPC over HTTP/2 anyway; `race --http` makes them over HTTP/1.1");
const HTTP1: Here = Otherwise("`race --http` makes calls over HTTP/1.1");
const CONNECT: Here =
    Otherwise("connecting counts against --deadline, which limits the whole call");
const PORT: Here = Otherwise("the port is part of the URL: write --url HOST:PORT");
const NO_PROXY: Here =
    Otherwise("proxies are not supported: call the server itself, or a reverse proxy by its --url");
const OF_THE_SERVER: Here = Otherwise("that is a flag of `longsync-server`");
const STREAMS: Here = Otherwise(
    "`load --concurrency` sets how many calls are in flight, and --deadline how long a call may take",
);

/// Names without their hyphens: one letter is a short flag.
const ELSEWHERE: [(&[&str], Here); 35] = [
    (&["k", "insecure", "plaintext", "skipTLS", "skip-tls", "tls"], NO_TLS),
    (&["cacert", "cert", "key", "ca", "insecure-skip-tls-verify"], NO_TLS),
    (&["proto", "protoset", "import-path", "import-paths", "use-reflection"], NO_PROTO),
    (&["call"], Otherwise("`load` calls LongSync; `call --kind` chooses one of the four RPCs")),
    (&["X", "method", "request"], NO_METHOD),
    (&["total", "requests", "iterations", "number"], Flag("calls")),
    (&["qps", "query-per-second", "request-rate"], Flag("rate")),
    (&["vus", "users", "parallel", "max-concurrent-streams"], Flag("concurrency")),
    (&["clients"], Flag("connections")),
    (&["threads", "cpus", "cores"], Flag("workers")),
    (&["time", "max-duration"], Flag("duration")),
    (&["timeout", "max-time"], Flag("deadline")),
    (&["connect-timeout"], CONNECT),
    (&["m"], STREAMS),
    (&["data", "data-raw", "data-binary", "body"], Flag("payload")),
    (&["D", "data-file", "body-file", "payload-file", "binary-file"], FROM_FILE),
    (&["header", "headers", "rpc-header"], Flag("metadata")),
    (&["host", "address", "addr", "target", "uri", "server"], Flag("url")),
    (&["p", "port"], PORT),
    (&["listen", "drain", "lame-duck", "fixed"], OF_THE_SERVER),
    (&["explain"], Otherwise("`longsync-client behavior TEXT` shows what a behavior does")),
    (&["o", "output", "out", "summary-export"], RECORD),
    (&["O", "format"], RECORD),
    (&["v", "verbose", "debug"], VERBOSE),
    (&["latency", "latencies", "percentiles", "L"], PERCENTILES),
    (&["s", "silent"], Flag("quiet")),
    (&["http2", "http2-prior-knowledge", "h2", "h2c", "grpc"], HTTP2),
    (&["http1", "http1.1", "h1"], HTTP1),
    (&["stages", "stage", "load-schedule", "load-start", "load-step"], Flag("schedule")),
    (&["concurrency-start", "concurrency-step"], Flag("concurrency-schedule")),
    (&["skipFirst", "skip-first", "warmup", "warm-up-time"], Flag("warm-up")),
    (&["think-time"], Flag("think")),
    (&["config"], Flag("plan")),
    (&["compressed", "gzip", "enable-compression"], Otherwise("messages are not compressed")),
    (&["proxy"], NO_PROXY),
];

/// The equivalent of another program's flag with this name.
pub(super) fn here(name: &str) -> Option<Here> {
    ELSEWHERE.iter().find(|(names, _)| names.contains(&name)).map(|(_, here)| *here)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::{Command, CommandFactory as _};
    use longsync_flags::is_named;

    use super::*;
    use crate::args::Args;
    use crate::args::tips::has_long;

    #[test]
    fn every_name_is_listed_once() {
        let mut seen = HashSet::new();
        for name in ELSEWHERE.iter().flat_map(|(names, _)| *names) {
            assert!(seen.insert(name), "{name}");
        }
    }

    /// A command that calls a server is one for which users of other programs try their flags.
    #[test]
    fn every_name_is_unknown_to_every_command_that_calls_a_server() {
        let program = Args::command();
        let calling = || program.get_subcommands().filter(|each| has_long(each, "url"));
        let all = || calling().chain([&program]).flat_map(Command::get_arguments);
        for name in ELSEWHERE.iter().flat_map(|(names, _)| *names) {
            let hyphens = if name.len() == 1 { "-" } else { "--" };
            assert!(!all().any(|arg| is_named(arg, &format!("{hyphens}{name}"))), "{name}");
        }
    }

    #[test]
    fn every_suggested_flag_exists() {
        let program = Args::command();
        let ours = |long: &str| program.get_subcommands().any(|each| has_long(each, long));
        for (names, here) in ELSEWHERE {
            let sentence = match here {
                Flag(long) => &format!("--{long}"),
                Otherwise(sentence) => sentence,
            };
            for word in sentence.split(|c: char| c != '-' && !c.is_ascii_alphanumeric()) {
                if let Some(long) = word.strip_prefix("--") {
                    assert!(ours(long), "{word} in {sentence:?}, instead of {names:?}");
                }
            }
        }
    }

    /// The code in each tip begins with one of our programs or commands, which has the flags in it.
    #[test]
    fn every_suggested_command_exists_and_has_its_flags() {
        let program = Args::command();
        for (_, here) in ELSEWHERE {
            let Otherwise(sentence) = here else { continue };
            for code in sentence.split('`').skip(1).step_by(2) {
                let words: Vec<_> = code.split(' ').collect();
                let name = match &words[..] {
                    ["longsync-server"] => continue,
                    ["longsync-client", name, ..] => name,
                    [first, ..] if first.starts_with("--") => continue,
                    [name, ..] => name,
                    [] => panic!("no code in {sentence}"),
                };
                let command = program.find_subcommand(name);
                let command = command.unwrap_or_else(|| panic!("`{name}` in {sentence}"));
                for long in words.iter().filter_map(|word| word.strip_prefix("--")) {
                    assert!(has_long(command, long), "--{long} in {sentence}");
                }
            }
        }
    }
}
