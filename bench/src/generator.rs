//! Measure 4: the cost of a call in the generator, against the same server.

use std::time::Duration;

use serde::Deserialize;

use crate::conclusion::{range, relative};
use crate::measure::{
    Bench, GENERATOR_CORE, PATIENCE, SERVER_CORE, TableMeasure, fill, float, read,
};
use crate::peers::{ClosedLoop, Generator, PeerServer};
use crate::process::Process;
use crate::record::LoadRecord;
use crate::table::{Table, Unit};
use crate::throughput::H2load;

const SIDES: [Generator; 6] = [
    Generator::Longsync,
    Generator::Command,
    Generator::H2load,
    Generator::Tonic,
    Generator::GrpcGo,
    Generator::Ghz,
];

/// The name of the figure that is compared.
const CALLS_PER_CPU_SECOND: &str = "calls_per_cpu_second";

/// The result of a generator's turn.
#[derive(Debug)]
struct GeneratorCost {
    calls_per_cpu_second: f64,
    calls_per_second: f64,
}

/// The output of our generator and the peers'.
#[derive(Debug, Deserialize)]
struct GeneratorReport {
    ok: u64,
    took_ns: u64,
}

/// The output of ghz.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GhzReport {
    total: u64,
    status_code_distribution: GhzStatuses,
}

#[derive(Debug, Deserialize)]
struct GhzStatuses {
    #[serde(rename = "OK", default)]
    ok: u64,
}

pub(crate) fn figures(bench: &Bench) -> Vec<TableMeasure<'_>> {
    bench.closed_loops(
        |closed| format!("Generators, {closed}, no delay ({} calls per round)", closed.calls),
        measure,
    )
}

pub(crate) fn conclusion(tables: &[Table]) -> Option<String> {
    let ours = Generator::Longsync.name();
    Some(format!(
        "{ours} makes {} thousand calls per second of processor time{}.",
        range(tables, ours, CALLS_PER_CPU_SECOND, Unit::Thousands)?,
        relative(tables, ours, CALLS_PER_CPU_SECOND)
    ))
}

fn measure(bench: &Bench, title: &str, closed: ClosedLoop) -> Table {
    let measured =
        bench.in_turn(title, &SIDES, Generator::name, |generator| turn(bench, generator, closed));
    let table = Table::new(title)
        .column_with_ratio(CALLS_PER_CPU_SECOND, "1,000 calls per CPU-second", Unit::Thousands)
        .column("calls_per_second", "1,000 calls/s on one core", Unit::Thousands);
    fill(
        table,
        &SIDES,
        Generator::name,
        &measured,
        &[&|cost: &GeneratorCost| cost.calls_per_cpu_second, &|cost: &GeneratorCost| {
            cost.calls_per_second
        }],
    )
}

fn turn(bench: &Bench, generator: Generator, closed: ClosedLoop) -> anyhow::Result<GeneratorCost> {
    let serving = bench.peers.serve(PeerServer::Longsync, 1, SERVER_CORE)?;
    let mut command = bench.peers.closed_loop(generator, &serving.target, closed)?;
    let ended = Process::start(&mut command, GENERATOR_CORE)?.finish(PATIENCE)?;
    let calls = float(closed.calls);
    let (ok, took) = match generator {
        Generator::H2load => {
            let rate = H2load::read(&ended.lines, closed.calls)?.rate;
            (closed.calls, Duration::from_secs_f64(calls / rate))
        }
        Generator::Ghz => {
            let said: GhzReport = read(&ended.lines.join("\n"))?;
            (said.status_code_distribution.ok, Duration::from_nanos(said.total))
        }
        Generator::Command => {
            let record = LoadRecord::read(&ended.lines)?;
            (record.all_good()?, Duration::from_nanos(record.took_ns))
        }
        Generator::Longsync | Generator::Tonic | Generator::GrpcGo => {
            let said: GeneratorReport = read(ended.lines.last().map_or("", |line| line))?;
            (said.ok, Duration::from_nanos(said.took_ns))
        }
    };
    anyhow::ensure!(ok == closed.calls, "{ok} of {} calls were answered", closed.calls);
    Ok(GeneratorCost {
        calls_per_cpu_second: calls / ended.cpu.as_secs_f64(),
        calls_per_second: calls / took.as_secs_f64(),
    })
}
