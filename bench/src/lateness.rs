//! Measure 1: how late a delay ends, by the server's clock, and what a client sees beyond it.

use std::time::Duration;

use longsync_text::duration::text;

use crate::generate::RunResult;
use crate::machine::cores;
use crate::measure::{Bench, GENERATOR_CORE, PATIENCE, SERVER_CORE, TableMeasure, fill, said};
use crate::peers::PeerServer;
use crate::process::{Cores, Process};
use crate::table::{Table, Unit};

const SIDES: [PeerServer; 4] =
    [PeerServer::Longsync, PeerServer::LongsyncSpin, PeerServer::Tonic, PeerServer::GrpcGo];
const DELAYS: [Duration; 3] =
    [Duration::from_micros(200), Duration::from_millis(1), Duration::from_millis(10)];

/// How calls come.
#[derive(Debug, Clone, Copy)]
enum CallPattern {
    /// This many at a time, each after another's end.
    AtATime(usize),
    /// This many per second, whatever becomes of them.
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

    /// How many calls a turn has: enough for a second, but no more than it has time for.
    fn calls(self, bench: &Bench, delay: Duration) -> u64 {
        let within = |time: Duration| match self {
            // About what a call takes besides its delay.
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
        let title = format!(
            "A delay of {}, {} ({calls} calls per round), us",
            text(delay),
            load.in_words()
        );
        TableMeasure::new(title, move |title| measure(bench, title, delay, load))
    };
    DELAYS.iter().flat_map(|delay| LOADS.map(|load| (*delay, load))).map(figure).collect()
}

fn measure(bench: &Bench, title: &str, delay: Duration, load: CallPattern) -> Table {
    let calls = load.calls(bench, delay);
    let measured = bench
        .in_turn(title, &SIDES, PeerServer::name, |server| turn(bench, server, delay, load, calls));
    let table = Table::new(title)
        .column_with_ratio("late p50", Unit::Micros)
        .column_with_ratio("late p99", Unit::Micros)
        .column("client: service time - planned, p50", Unit::Micros)
        .column("p99", Unit::Micros);
    #[expect(clippy::cast_precision_loss, reason = "figures are shown with three digits")]
    let float = |nanos: i64| nanos as f64;
    fill(
        table,
        &SIDES,
        PeerServer::name,
        &measured,
        &[
            &|generated: &RunResult| float(generated.lateness.p50_ns),
            &|generated: &RunResult| float(generated.lateness.p99_ns),
            &|generated: &RunResult| float(generated.over.p50_ns),
            &|generated: &RunResult| float(generated.over.p99_ns),
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
    // One that spins would take the other's core.
    let at = if server == PeerServer::LongsyncSpin { GENERATOR_CORE } else { Cores::Any };
    let generator = Process::start(&mut command, at)?;
    let generated: RunResult = said(&generator, bench.turn + PATIENCE)?;
    anyhow::ensure!(generated.failed == 0, "{} of {calls} calls failed", generated.failed);
    anyhow::ensure!(
        generated.lateness.below_zero == 0,
        "{} waits ended early",
        generated.lateness.below_zero
    );
    Ok(generated)
}
