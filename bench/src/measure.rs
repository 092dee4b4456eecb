//! The method of measurement: alternating sides, several rounds, all bounded in time.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use crate::peers::{ClosedLoop, Peers, say};
use crate::process::{Cores, Process};
use crate::table::{Samples, Table};

/// The server's core when each side has one.
pub(crate) const SERVER_CORE: Cores = Cores::Only(0);
/// The generator's core in that case.
pub(crate) const GENERATOR_CORE: Cores = Cores::Only(1);
/// A program which takes longer than this beyond the requested time has hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Connections, and streams on each, of a closed loop without a delay.
const SHAPES: [(usize, usize); 2] = [(4, 32), (16, 100)];
/// The factor by which there are more calls than when they are slow: a turn should take at least a second,
/// so that a program's start-up does not matter.
pub(crate) const TIMES: u64 = 20;

/// The parameters of every measure.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) peers: Peers,
    /// The number of turns per side.
    pub(crate) rounds: usize,
    /// The number of calls per turn.
    pub(crate) calls: u64,
    /// The longest time that a turn takes if calls are slow; it then has fewer of them.
    pub(crate) turn: Duration,
}

/// One table of a measure, which can be measured alone.
pub(crate) struct TableMeasure<'a> {
    /// The title of the table.
    pub(crate) title: String,
    measure: Box<dyn Fn(&str) -> Table + 'a>,
}

impl fmt::Debug for TableMeasure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TableMeasure").field(&self.title).finish()
    }
}

impl<'a> TableMeasure<'a> {
    /// `measure` receives the title.
    pub(crate) fn new(title: String, measure: impl Fn(&str) -> Table + 'a) -> Self {
        Self { title, measure: Box::new(measure) }
    }

    /// Takes as long as the rounds of all sides take.
    pub(crate) fn measure(&self) -> Table {
        (self.measure)(&self.title)
    }
}

/// The measurements of a side, one value per round, or the reason why there are none.
pub(crate) type MeasuredRounds<T> = Result<Vec<T>, String>;

impl Bench {
    /// One table per closed loop without a delay.
    pub(crate) fn closed_loops(
        &self,
        title: impl Fn(ClosedLoop) -> String,
        measure: fn(&Self, &str, ClosedLoop) -> Table,
    ) -> Vec<TableMeasure<'_>> {
        let figure = |(connections, streams)| {
            let calls = self.calls * TIMES;
            let closed = ClosedLoop { calls, connections, in_flight: connections * streams };
            TableMeasure::new(title(closed), move |title| measure(self, title, closed))
        };
        SHAPES.map(figure).into()
    }

    /// Gives each side its turn in every round. A side that fails has no further turn.
    pub(crate) fn in_turn<S: Copy, T>(
        &self,
        title: &str,
        sides: &[S],
        name: impl Fn(S) -> &'static str,
        turn: impl Fn(S) -> anyhow::Result<T>,
    ) -> Vec<MeasuredRounds<T>> {
        let mut measured: Vec<MeasuredRounds<T>> = sides.iter().map(|_| Ok(Vec::new())).collect();
        for round in 1..=self.rounds {
            for (side, values) in sides.iter().zip(&mut measured) {
                let Ok(taken) = values else { continue };
                say(&format!("{title}: {}, {round} of {}", name(*side), self.rounds));
                match turn(*side) {
                    Ok(value) => taken.push(value),
                    Err(why) => *values = Err(format!("{why:#}")),
                }
            }
        }
        measured
    }
}

/// Fills a table: one row per side, with one value per round from each of `figures`.
pub(crate) fn fill<S: Copy, T>(
    mut table: Table,
    sides: &[S],
    name: impl Fn(S) -> &'static str,
    measured: &[MeasuredRounds<T>],
    figures: &[&dyn Fn(&T) -> f64],
) -> Table {
    for (side, values) in sides.iter().zip(measured) {
        match values {
            Ok(values) => {
                let samples = |figure: &&dyn Fn(&T) -> f64| values.iter().map(figure).collect();
                table.measured(name(*side), figures.iter().map(samples).collect::<Vec<Samples>>());
            }
            Err(why) => table.missing(name(*side), why),
        }
    }
    table
}

/// Parses a line of JSON printed by a generator.
pub(crate) fn said<T: DeserializeOwned>(process: &Process, within: Duration) -> anyhow::Result<T> {
    read(&process.line(within)?)
}

/// Parses JSON.
pub(crate) fn read<T: DeserializeOwned>(line: &str) -> anyhow::Result<T> {
    serde_json::from_str(line).with_context(|| format!("not a generator's output: {line}"))
}

/// A count as a number for tables.
#[expect(clippy::cast_precision_loss, reason = "figures are shown with two digits")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// A duration in nanoseconds as a number for tables; negative if something ended too early.
#[expect(clippy::cast_precision_loss, reason = "figures are shown with two digits")]
pub(crate) fn nanos(nanos: i64) -> f64 {
    nanos as f64
}
