//! Measure 5: calls per second of a server which draws its delays or plans faults, compared with one whose delay
//! is constant.

use crate::conclusion::relative_of_any;
use crate::measure::{Bench, GENERATOR_CORE, PATIENCE, SERVER_CORE, TIMES, TableMeasure, fill};
use crate::peers::ClosedLoop;
use crate::process::Process;
use crate::table::{Table, Unit};
use crate::throughput::H2load;

/// The behavior with which the others are compared.
const CONSTANT: &str = "constant(1us)";

/// Delays about as short as the constant one, so that the only differences are the draw and the text in
/// each answer's `Timing`. A constant delay's text is short unless something follows it: here, a stall
/// which never happens.
const BEHAVIORS: [&str; 5] = [
    "lognormal(p50=1us, p99=2us)",
    "mix(50%: lognormal(p50=1us, p99=2us), rest: lognormal(p50=1us, p99=2us))",
    "percentiles(50=1us, 99=2us)",
    "constant(1us); stall(at=364d 23h 59m 59s, for=1s)",
    "constant(1us); fail(1%, UNAVAILABLE)",
];

const CONNECTIONS: usize = 16;
const STREAMS: usize = 100;

/// The name of the only figure.
const RATE: &str = "calls_per_second";

/// One table per behavior, so that its turns follow directly those of the constant.
pub(crate) fn figures(bench: &Bench) -> Vec<TableMeasure<'_>> {
    let closed = ClosedLoop {
        calls: bench.calls * TIMES,
        connections: CONNECTIONS,
        in_flight: CONNECTIONS * STREAMS,
    };
    let figure = |behavior| {
        let title = format!("{behavior}, {closed}, by h2load ({} calls per round)", closed.calls);
        TableMeasure::new(title, move |title| measure(bench, title, behavior, closed))
    };
    BEHAVIORS.map(figure).into()
}

pub(crate) fn conclusion(tables: &[Table]) -> Option<String> {
    let relative = relative_of_any(tables, CONSTANT, RATE)?;
    Some(format!(
        "With the measured behaviors longsync-server answers {relative} times as many calls as with a constant \
         delay."
    ))
}

fn measure(bench: &Bench, title: &str, behavior: &'static str, closed: ClosedLoop) -> Table {
    let (sides, name) = ([CONSTANT, behavior], |side| side);
    let measured = bench.in_turn(title, &sides, name, |side| turn(bench, side, closed));
    let table = Table::new(title).column_with_ratio(RATE, "1,000 calls/s", Unit::Thousands);
    fill(table, &sides, name, &measured, &[&|rate: &f64| *rate])
}

fn turn(bench: &Bench, behavior: &str, closed: ClosedLoop) -> anyhow::Result<f64> {
    let serving = bench.peers.serve_behavior(behavior, SERVER_CORE)?;
    let mut command = bench.peers.calls_by_default(&serving.target, closed)?;
    let ended = Process::start(&mut command, GENERATOR_CORE)?.finish(PATIENCE)?;
    H2load::read(&ended.lines, closed.calls).map(|h2load| h2load.rate)
}
