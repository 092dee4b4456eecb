//! Measure 1: how late a delay ends, by the server's clock, and what a client sees beyond it.

use std::iter;
use std::time::Duration;

use longsync_text::duration::text;

use crate::generate::RunResult;
use crate::machine::cores;
use crate::measure::{
    Bench, GENERATOR_CORE, PATIENCE, SERVER_CORE, TableMeasure, fill, nanos, said,
};
use crate::peers::PeerServer;
use crate::process::{Cores, Process};
use crate::table::{Table, Unit};

const SIDES: [PeerServer; 4] =
    [PeerServer::Longsync, PeerServer::LongsyncSpin, PeerServer::Tonic, PeerServer::GrpcGo];
const DELAYS: [Duration; 3] =
    [Duration::from_micros(200), Duration::from_millis(1), Duration::from_millis(10)];

/// The servers with which ours is compared.
const PEERS: [PeerServer; 2] = [PeerServer::Tonic, PeerServer::GrpcGo];
/// The names of the two figures used in the conclusion.
const LATE: [&str; 2] = ["late_p50_ns", "late_p99_ns"];

/// The arrival of calls.
#[derive(Debug, Clone, Copy)]
enum CallPattern {
    /// This many in flight, each starting when another ends.
    AtATime(usize),
    /// This many per second, however they end.
    Rate(u64),
}

const LOADS: [CallPattern; 4] = [
    CallPattern::AtATime(1),
    CallPattern::AtATime(64),
    CallPattern::Rate(5_000),
    CallPattern::Rate(20_000),
];

impl CallPattern {
    fn in_words(self) -> String {
        match self {
            Self::AtATime(1) => "one call at a time".to_owned(),
            Self::AtATime(calls) => format!("{calls} calls at a time"),
            Self::Rate(calls) => format!("{calls} calls/s"),
        }
    }

    /// The number of calls in a turn: enough for one second, but at most what fits into the turn.
    fn calls(self, bench: &Bench, delay: Duration) -> u64 {
        let within = |time: Duration| match self {
            // Roughly the cost of a call besides its delay.
            Self::AtATime(calls) => {
                time.as_nanos() * calls as u128 / (delay + Duration::from_micros(200)).as_nanos()
            }
            Self::Rate(calls) => time.as_nanos() * u128::from(calls) / 1_000_000_000,
        };
        let [least, most] = [Duration::from_secs(1), bench.turn].map(within);
        u64::try_from(most.min(least.max(bench.calls.into())).max(1)).unwrap_or(u64::MAX)
    }
}

pub(crate) fn figures(bench: &Bench) -> Vec<TableMeasure<'_>> {
    let figure = |(delay, load): (Duration, CallPattern)| {
        let calls = load.calls(bench, delay);
        let title = format!("{} ({calls} calls per round), us", subject(delay, load));
        TableMeasure::new(title, move |title| measure(bench, title, delay, load))
    };
    DELAYS.iter().flat_map(|delay| LOADS.map(|load| (*delay, load))).map(figure).collect()
}

/// The start of a title.
fn subject(delay: Duration, load: CallPattern) -> String {
    format!("A delay of {}, {}", text(delay), load.in_words())
}

pub(crate) fn conclusion(tables: &[Table]) -> Option<String> {
    let simple = subject(Duration::from_millis(1), CallPattern::AtATime(1));
    let table = tables.iter().find(|table| table.title.starts_with(&simple))?;
    let late = |side: PeerServer| {
        let [p50, p99] = LATE.map(|late| table.median(side.name(), late));
        let [p50, p99] = [p50?, p99?].map(|late| Unit::Micros.shown(late));
        Some(format!("{}: {p50} us at p50, {p99} us at p99", side.name()))
    };
    let ours = late(PeerServer::Longsync)?;
    let all: Vec<String> = iter::once(ours).chain(PEERS.into_iter().filter_map(late)).collect();
    Some(format!("{simple}, has this lateness: {}.{}", all.join("; "), against_peers(tables)))
}

/// The number of tables in which ours is less late at p99 than each peer, and the exceptions; empty without a
/// peer.
fn against_peers(tables: &[Table]) -> String {
    let p99 = |table: &Table, side: PeerServer| table.median(side.name(), LATE[1]);
    let mut compared = 0;
    let mut later = Vec::new();
    for table in tables {
        let best = PEERS
            .into_iter()
            .filter_map(|peer| Some((peer, p99(table, peer)?)))
            .min_by(|(_, one), (_, other)| one.total_cmp(other));
        let (Some(ours), Some((peer, theirs))) = (p99(table, PeerServer::Longsync), best) else {
            continue;
        };
        compared += 1;
        if ours >= theirs {
            let subject = table.title.split(" (").next().unwrap_or_default();
            let subject = subject.replacen('A', "a", 1);
            let [ours, theirs] = [ours, theirs].map(|late| Unit::Micros.shown(late));
            later.push(format!("{subject} ({ours} us; {}: {theirs} us)", peer.name()));
        }
    }
    if compared == 0 {
        return String::new();
    }
    let less = compared - later.len();
    let exceptions = if later.is_empty() {
        String::new()
    } else {
        format!("; the exceptions: {}", later.join("; "))
    };
    format!(
        " At p99 longsync-server is less late than each peer in {less} of {compared} loads{exceptions}."
    )
}

fn measure(bench: &Bench, title: &str, delay: Duration, load: CallPattern) -> Table {
    let calls = load.calls(bench, delay);
    let measured = bench
        .in_turn(title, &SIDES, PeerServer::name, |server| turn(bench, server, delay, load, calls));
    let table = Table::new(title)
        .column_with_ratio(LATE[0], "late p50", Unit::Micros)
        .column_with_ratio(LATE[1], "late p99", Unit::Micros)
        .column(
            "service_time_beyond_planned_p50_ns",
            "client: service time - planned, p50",
            Unit::Micros,
        )
        .column("service_time_beyond_planned_p99_ns", "p99", Unit::Micros);
    fill(
        table,
        &SIDES,
        PeerServer::name,
        &measured,
        &[
            &|generated: &RunResult| nanos(generated.lateness.p50_ns),
            &|generated: &RunResult| nanos(generated.lateness.p99_ns),
            &|generated: &RunResult| nanos(generated.over.p50_ns),
            &|generated: &RunResult| nanos(generated.over.p99_ns),
        ],
    )
}

fn turn(
    bench: &Bench,
    server: PeerServer,
    delay: Duration,
    load: CallPattern,
    calls: u64,
) -> anyhow::Result<RunResult> {
    let serving = match server {
        PeerServer::LongsyncSpin => bench.peers.serve(server, 1, SERVER_CORE)?,
        _ => bench.peers.serve(server, cores(), Cores::Any)?,
    };
    let mut command = bench.peers.generate(&serving.target);
    command.args(["--calls", &calls.to_string(), "--delay", &text(delay)]);
    let connections = match load {
        CallPattern::AtATime(1) => "1",
        _ => "4",
    };
    command.args(["--connections", connections]);
    match load {
        CallPattern::AtATime(calls) => command.args(["--in-flight", &calls.to_string()]),
        CallPattern::Rate(rate) => command.args(["--rate", &rate.to_string()]),
    };
    // A spinning server would take the generator's core.
    let at = if server == PeerServer::LongsyncSpin { GENERATOR_CORE } else { Cores::Any };
    let generator = Process::start(&mut command, at)?;
    let generated: RunResult = said(&generator, bench.turn + PATIENCE)?;
    anyhow::ensure!(generated.failed == 0, "{} of {calls} calls failed", generated.failed);
    anyhow::ensure!(
        generated.lateness.below_zero == 0,
        "{} waits ended too early",
        generated.lateness.below_zero
    );
    Ok(generated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Samples;

    /// A table of one round: each side's p99 in microseconds, p50 a tenth of it.
    fn table(delay: Duration, load: CallPattern, sides: &[(PeerServer, f64)]) -> Table {
        let mut table = Table::new(format!("{} (10 calls per round), us", subject(delay, load)))
            .column(LATE[0], "late p50", Unit::Micros)
            .column(LATE[1], "late p99", Unit::Micros);
        for (side, p99) in sides {
            let figures = [p99 * 100.0, p99 * 1_000.0].map(|late| Samples::from_iter([late]));
            table.measured(side.name(), figures.into());
        }
        table
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_conclusion_names_the_loads_in_which_a_peer_is_less_late() {
        let tables = [
            table(
                MS,
                CallPattern::AtATime(1),
                &[
                    (PeerServer::Longsync, 48.1),
                    (PeerServer::LongsyncSpin, 19.3),
                    (PeerServer::Tonic, 1_214.0),
                    (PeerServer::GrpcGo, 287.0),
                ],
            ),
            table(
                MS,
                CallPattern::Rate(20_000),
                &[
                    (PeerServer::Longsync, 3_965.0),
                    (PeerServer::Tonic, 1_072.0),
                    (PeerServer::GrpcGo, 679.0),
                ],
            ),
        ];
        assert_eq!(
            conclusion(&tables).unwrap(),
            "A delay of 1ms, one call at a time, has this lateness: longsync-server: 4.8 us at p50, 48 us at p99; \
             naive tonic: 120 us at p50, 1200 us at p99; grpc-go: 29 us at p50, 290 us at p99. At p99 longsync-server is less late than \
             each peer in 1 of 2 loads; the exceptions: a delay of 1ms, 20000 calls/s (4000 us; grpc-go: 680 us)."
        );
    }

    #[test]
    fn without_peers_there_is_nothing_to_compare_with() {
        let alone = [table(MS, CallPattern::AtATime(1), &[(PeerServer::Longsync, 48.1)])];
        assert_eq!(
            conclusion(&alone).unwrap(),
            "A delay of 1ms, one call at a time, has this lateness: longsync-server: 4.8 us at p50, 48 us at p99."
        );
        assert_eq!(
            conclusion(&[table(MS, CallPattern::Rate(5_000), &[(PeerServer::Longsync, 1.0)])]),
            None
        );
        assert_eq!(conclusion(&[]), None);
    }
}
