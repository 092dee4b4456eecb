//! Measure 6: the lag of an open loop, and the cost of a call in it: the engine alone, and the complete
//! command.

use anyhow::Context as _;

use crate::conclusion::range;
use crate::generate::RunResult;
use crate::machine::Surroundings;
use crate::measure::{
    Bench, GENERATOR_CORE, PATIENCE, SERVER_CORE, TIMES, TableMeasure, fill, float, nanos, read,
};
use crate::peers::{Generator, OpenLoop, PeerServer};
use crate::process::Process;
use crate::record::LoadRecord;
use crate::table::{Table, Unit};

const SIDES: [Generator; 2] = [Generator::Longsync, Generator::Command];
/// Calls per second.
const RATE: u64 = 20_000;

/// The names of the two figures used in the conclusion.
const LAG: [&str; 2] = ["lag_p50_ns", "lag_p99_ns"];

/// The result of a generator's turn, in nanoseconds.
#[derive(Debug)]
struct OpenLoopResult {
    lag_p50: i64,
    lag_p99: i64,
    added_p50: i64,
    cpu_per_call: f64,
}

pub(crate) fn figures(bench: &Bench) -> Vec<TableMeasure<'_>> {
    let open = OpenLoop { calls: bench.calls * TIMES, rate: RATE };
    let title = format!(
        "Open loop, {RATE}/s, no delay, one connection, server and generator on separate cores \
         ({} calls per round)",
        open.calls
    );
    vec![TableMeasure::new(title, move |title| measure(bench, title, open))]
}

pub(crate) fn conclusion(tables: &[Table]) -> Option<String> {
    let lag = |side: Generator| {
        let [p50, p99] = LAG.map(|lag| range(tables, side.name(), lag, Unit::Micros));
        Some(format!("{}: {} us at p50, {} us at p99", side.name(), p50?, p99?))
    };
    let lags: Vec<String> = SIDES.into_iter().filter_map(lag).collect();
    if lags.is_empty() {
        return None;
    }
    Some(format!("An open loop of {RATE} calls/s has this lag (sent - due): {}.", lags.join("; ")))
}

fn measure(bench: &Bench, title: &str, open: OpenLoop) -> Table {
    let before = Surroundings::now();
    let measured =
        bench.in_turn(title, &SIDES, Generator::name, |generator| turn(bench, generator, open));
    let table = Table::new(title)
        .column_with_ratio(LAG[0], "lag p50, us", Unit::Micros)
        .column_with_ratio(LAG[1], "lag p99, us", Unit::Micros)
        .column("added_p50_ns", "added p50, us", Unit::Micros)
        .column_with_ratio("cpu_per_call_ns", "CPU per call, us", Unit::Micros)
        .with_note(before.until_now());
    fill(
        table,
        &SIDES,
        Generator::name,
        &measured,
        &[
            &|paced: &OpenLoopResult| nanos(paced.lag_p50),
            &|paced: &OpenLoopResult| nanos(paced.lag_p99),
            &|paced: &OpenLoopResult| nanos(paced.added_p50),
            &|paced: &OpenLoopResult| paced.cpu_per_call,
        ],
    )
}

fn turn(bench: &Bench, generator: Generator, open: OpenLoop) -> anyhow::Result<OpenLoopResult> {
    let serving = bench.peers.serve(PeerServer::Longsync, 1, SERVER_CORE)?;
    let mut command = bench.peers.open_loop(generator, &serving.target, open)?;
    let ended = Process::start(&mut command, GENERATOR_CORE)?.finish(PATIENCE)?;
    let (good, [lag_p50, lag_p99, added_p50]) = if generator == Generator::Command {
        let record = LoadRecord::read(&ended.lines)?;
        let at = |figure, percentile| {
            let at = record.percentile_ns(figure, percentile);
            at.with_context(|| format!("the record has no {percentile} of {figure}"))
        };
        (record.all_good()?, [at("lag", "p50")?, at("lag", "p99")?, at("added", "p50")?])
    } else {
        let said: RunResult = read(ended.lines.last().map_or("", |line| line))?;
        (said.ok, [said.lag.p50_ns, said.lag.p99_ns, said.added.p50_ns])
    };
    let calls = open.calls;
    anyhow::ensure!(good == calls, "{good} of {calls} calls were answered");
    let cpu_per_call = ended.cpu.as_secs_f64() * 1e9 / float(calls);
    Ok(OpenLoopResult { lag_p50, lag_p99, added_p50, cpu_per_call })
}
