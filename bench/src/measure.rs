//! How things are measured: the sides in turn, several rounds, all of it bounded.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use crate::peers::{ClosedLoop, Peers, say};
use crate::process::{Cores, Process};
use crate::table::{Samples, Table};

/// Where the server runs when each side has a core.
pub(crate) const SERVER_CORE: Cores = Cores::Only(0);
/// Where the generator runs then.
pub(crate) const GENERATOR_CORE: Cores = Cores::Only(1);
/// A program that takes longer than this beyond what it was asked for has hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Connections, and streams on each, of a closed loop without a delay.
const SHAPES: [(usize, usize); 2] = [(4, 32), (16, 100)];
/// How many times as many calls as when they are slow: a turn should take at least a second, so that a
/// program's start does not count.
pub(crate) const TIMES: u64 = 20;

/// What every measure is given.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) peers: Peers,
    /// How many turns each side has.
    pub(crate) rounds: usize,
    /// How many calls a side makes in its turn.
    pub(crate) calls: u64,
    /// The longest that a turn takes if calls are slow; it then has fewer of them.
    pub(crate) turn: Duration,
}

/// One table of a measure, which can be had alone.
pub(crate) struct TableMeasure<'a> {
    /// What the table is called.
    pub(crate) title: String,
    measure: Box<dyn Fn(&str) -> Table + 'a>,
}

impl fmt::Debug for TableMeasure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TableMeasure").field(&self.title).finish()
    }
}

impl<'a> TableMeasure<'a> {
    /// `measure` is given the title.
    pub(crate) fn new(title: String, measure: impl Fn(&str) -> Table + 'a) -> Self {
        Self { title, measure: Box::new(measure) }
    }

    /// Takes as long as the rounds of all sides take.
    pub(crate) fn measure(&self) -> Table {
        (self.measure)(&self.title)
    }
}

/// What was measured of a side, one value per round, or why nothing was.
pub(crate) type MeasuredRounds<T> = Result<Vec<T>, String>;

impl Bench {
    /// A figure for each closed loop without a delay.
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

/// Fills a table: one row per side, and in it what each of `figures` picks from the rounds.
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

/// Reads a line of JSON that a generator prints.
pub(crate) fn said<T: DeserializeOwned>(process: &Process, within: Duration) -> anyhow::Result<T> {
    read(&process.line(within)?)
}

/// Reads JSON.
pub(crate) fn read<T: DeserializeOwned>(line: &str) -> anyhow::Result<T> {
    serde_json::from_str(line).with_context(|| format!("not what a generator says: {line}"))
}

/// A count as tables are computed with.
#[expect(clippy::cast_precision_loss, reason = "figures are shown with two digits")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
