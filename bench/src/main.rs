//! `longsync-bench`: measures longsync side by side with its peers, and writes the results to
//! `docs/performance.md` and the figures of every round to `docs/performance.json`.
//!
//! Each side is a separate process on loopback; the sides alternate, so that a machine whose speed
//! changes affects all of them.

mod behaviors;
mod conclusion;
mod digits;
mod faults;
mod generate;
mod generator;
mod lateness;
mod machine;
mod measure;
mod memory;
mod open;
mod peers;
mod process;
mod raw;
mod record;
mod report;
mod soak;
mod table;
mod throughput;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::generate::GenerateArgs;
use crate::measure::{Bench, TableMeasure};
use crate::peers::{Peers, say};
use crate::soak::SoakArgs;
use crate::table::Table;

/// Measures longsync side by side with its peers, and writes the tables to docs/performance.md and every
/// round's figures to docs/performance.json.
#[derive(Debug, Parser)]
#[command(name = "longsync-bench", version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,

    /// Run only these measures; all by default.
    #[arg(long, num_args = 1.., value_enum)]
    only: Vec<Measure>,

    /// Measure only tables with this text in their titles, such as '1ms, 64 calls'; they are printed, and
    /// written to the page only if the measure has no other tables.
    #[arg(long, value_name = "TEXT")]
    figure: Option<String>,

    /// The number of turns per side.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// The number of calls per turn; 20 times as many for throughput, generators, behaviors and open loops,
    /// and at least one second's worth for lateness.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,

    /// The longest time per turn if calls wait for one another; a turn then has fewer calls. The default
    /// shortens no turn; with 10s, everything takes about half as long.
    #[arg(long, default_value = "120s", value_parser = longsync_text::duration::parse)]
    turn: Duration,

    /// Print the tables; do not change docs/performance.md and docs/performance.json.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Our generator, as a separate process.
    Generate(GenerateArgs),
    /// Keep a server at half load for a long time: no call may be lost, and memory must stay flat.
    Soak(SoakArgs),
}

/// The measures, each of which can be run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// The lateness of delays.
    Lateness,
    /// Calls per second without a delay, with one core for the server.
    Throughput,
    /// The memory of waiting calls, and the time to start and end many.
    Memory,
    /// The cost of a call in the generator.
    Generator,
    /// Calls per second with drawn delays and planned faults, compared with a constant delay.
    Behaviors,
    /// The lag of an open loop, and the cost of a call in it.
    Open,
    /// The lateness of calls without a fault, while a fault hits others.
    Faults,
}

impl Measure {
    fn name(self) -> &'static str {
        match self {
            Self::Lateness => "lateness",
            Self::Throughput => "throughput",
            Self::Memory => "memory",
            Self::Generator => "generator",
            Self::Behaviors => "behaviors",
            Self::Open => "open",
            Self::Faults => "faults",
        }
    }

    fn figures(self, bench: &Bench) -> Vec<TableMeasure<'_>> {
        match self {
            Self::Lateness => lateness::figures(bench),
            Self::Throughput => throughput::figures(bench),
            Self::Memory => memory::figures(bench),
            Self::Generator => generator::figures(bench),
            Self::Behaviors => behaviors::figures(bench),
            Self::Open => open::figures(bench),
            Self::Faults => faults::figures(bench),
        }
    }

    /// The conclusion from its tables, as Markdown.
    fn conclusion(self, tables: &[Table]) -> String {
        let conclusion = match self {
            Self::Lateness => lateness::conclusion(tables),
            Self::Throughput => throughput::conclusion(tables),
            Self::Memory => memory::conclusion(tables),
            Self::Generator => generator::conclusion(tables),
            Self::Behaviors => behaviors::conclusion(tables),
            Self::Open => open::conclusion(tables),
            Self::Faults => faults::conclusion(tables),
        };
        conclusion.unwrap_or_else(|| format!("The last run measured no {}.", self.name()))
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match &args.role {
        Some(Role::Generate(args)) => generate::run(args),
        Some(Role::Soak(args)) => soak::run(args),
        None => measure(args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("{why:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(args: Args) -> anyhow::Result<()> {
    let bench = Bench {
        peers: Peers::find()?,
        rounds: args.rounds.into(),
        calls: args.calls,
        turn: args.turn,
    };
    let measures = if args.only.is_empty() { Measure::value_variants() } else { &args.only };
    let wanted = args.figure.unwrap_or_default();
    let mut titles = Vec::new();
    let mut has_measured = false;
    for measure in measures {
        let figures = measure.figures(&bench);
        titles.extend(figures.iter().map(|figure| figure.title.clone()));
        let is_whole = figures.iter().all(|figure| figure.title.contains(&wanted));
        let tables: Vec<Table> = figures
            .iter()
            .filter(|figure| figure.title.contains(&wanted))
            .map(TableMeasure::measure)
            .collect();
        if tables.is_empty() {
            continue;
        }
        has_measured = true;
        let section = report::section(&bench, &tables);
        let conclusion = measure.conclusion(&tables);
        writeln!(std::io::stdout(), "## {}\n\n{conclusion}\n\n{section}", measure.name())?;
        if is_whole && !args.dry_run {
            let data = report::data(&bench, &tables);
            report::write(measure.name(), &section, &conclusion, &data)?;
        }
    }
    anyhow::ensure!(
        has_measured,
        "no table has `{wanted}` in its title; the titles are:\n  {}",
        titles.join("\n  ")
    );
    Ok(())
}
