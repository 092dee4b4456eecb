//! Measure 2: calls per second without a delay, with one core for the server and one for the generator.

use anyhow::Context as _;

use crate::conclusion::{range, relative};
use crate::measure::{Bench, GENERATOR_CORE, PATIENCE, SERVER_CORE, TableMeasure, fill};
use crate::peers::{ClosedLoop, Generator, PeerServer};
use crate::process::Process;
use crate::table::{Table, Unit};

const SIDES: [PeerServer; 4] =
    [PeerServer::Longsync, PeerServer::Tonic, PeerServer::GrpcGo, PeerServer::Nghttpd];

/// The name of the only figure.
const RATE: &str = "calls_per_second";

pub(crate) fn figures(bench: &Bench) -> Vec<TableMeasure<'_>> {
    bench.closed_loops(
        |closed| format!("No delay, {closed}, by h2load ({} calls per round)", closed.calls),
        measure,
    )
}

pub(crate) fn conclusion(tables: &[Table]) -> Option<String> {
    let ours = PeerServer::Longsync.name();
    Some(format!(
        "Without a delay, {ours} answers {} thousand calls/s on one core{}.",
        range(tables, ours, RATE, Unit::Thousands)?,
        relative(tables, ours, RATE)
    ))
}

fn measure(bench: &Bench, title: &str, closed: ClosedLoop) -> Table {
    let measured =
        bench.in_turn(title, &SIDES, PeerServer::name, |server| turn(bench, server, closed));
    let table = Table::new(title).column_with_ratio(RATE, "1,000 calls/s", Unit::Thousands);
    fill(table, &SIDES, PeerServer::name, &measured, &[&|rate: &f64| *rate])
}

fn turn(bench: &Bench, server: PeerServer, closed: ClosedLoop) -> anyhow::Result<f64> {
    let serving = bench.peers.serve(server, 1, SERVER_CORE)?;
    let mut command = match server {
        PeerServer::Nghttpd => bench.peers.h2load(&format!("{}/answer", serving.target), closed)?,
        _ => bench.peers.closed_loop(Generator::H2load, &serving.target, closed)?,
    };
    let ended = Process::start(&mut command, GENERATOR_CORE)?.finish(PATIENCE)?;
    H2load::read(&ended.lines, closed.calls).map(|h2load| h2load.rate)
}

/// The output of h2load.
#[derive(Debug)]
pub(crate) struct H2load {
    /// Calls per second.
    pub(crate) rate: f64,
}

impl H2load {
    /// Parses it, and checks that all calls succeeded.
    pub(crate) fn read(lines: &[String], calls: u64) -> anyhow::Result<Self> {
        let succeeded = format!(" {calls} succeeded,");
        anyhow::ensure!(
            lines.iter().any(|line| line.contains(&succeeded)),
            "not all calls succeeded: {lines:?}"
        );
        // `finished in 2.18s, 137571.45 req/s, 10.21MB/s`
        let rate = lines
            .iter()
            .find_map(|line| line.strip_prefix("finished in ")?.split(' ').nth(1)?.parse().ok());
        Ok(Self { rate: rate.context("h2load printed no rate")? })
    }
}
