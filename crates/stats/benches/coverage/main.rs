//! How often the printed interval of a percentile contains the true value, and how often a run is reported to
//! have calls that depend on one another: 500 simulated runs of each kind, whose true percentiles are known.
//!
//! `cargo bench -p longsync-stats --bench coverage`
//!
//! Prints a table, and exits with 1 if a bar is missed. It is not a test because it takes a minute in a
//! release build and a quarter of an hour in a debug build.

mod dense;
mod simulated;

use std::process::ExitCode;
use std::time::Duration;

use longsync_stats::{Confidence, ConfidenceInterval, Percentile, Quantile, Span};

use self::dense::RunRecord;
use self::simulated::Simulation;

const RUNS: u32 = 500;
/// Chosen before the first run.
const SEED: u64 = 15;
const SECOND: Duration = Duration::from_secs(1);
const PERCENTILES: [Percentile; 3] = [Percentile::P50, Percentile::P99, Percentile::P99_9];

/// The lowest and highest share of the runs, in percent, in which something is required to hold.
type Bar = Option<(f64, f64)>;

const HOLDS: Bar = Some((90.0, 98.0));
const RARELY: Bar = Some((0.0, 2.0));
const NEARLY_ALWAYS: Bar = Some((95.0, 100.0));

/// Runs of one kind, and the bars that they must meet.
struct Scenario {
    kind: Simulation,
    seconds: u32,
    /// That the interval of each percentile contains the true value.
    holds: [Bar; PERCENTILES.len()],
    /// That calls are reported to depend on one another.
    noted: Bar,
}

fn cells() -> Vec<Scenario> {
    let independent = |seconds| Scenario {
        kind: Simulation::Independent { rate: 1_000 },
        seconds,
        holds: [HOLDS; PERCENTILES.len()],
        noted: RARELY,
    };
    let mut cells = vec![independent(10), independent(30)];
    for percent in [50, 80, 90] {
        for rate in [100, 1_000] {
            for seconds in [30, 120] {
                let is_judged = (percent, rate, seconds) == (50, 1_000, 120);
                cells.push(Scenario {
                    kind: Simulation::Queue { rate, percent },
                    seconds,
                    holds: if is_judged { [HOLDS, HOLDS, None] } else { [None; PERCENTILES.len()] },
                    noted: if percent > 50 { NEARLY_ALWAYS } else { None },
                });
            }
        }
    }
    cells
}

/// In how many runs something held.
#[derive(Default, Clone, Copy)]
struct Frequency {
    noted: u32,
    of: [Coverage; PERCENTILES.len()],
}

/// In how many runs the interval of a percentile had each property.
#[derive(Default, Clone, Copy)]
struct Coverage {
    /// As printed, it contained the true value.
    printed: u32,
    /// It would have contained the true value if it were always the one for independent calls.
    if_independent: u32,
    /// It had no upper end, which makes it easy to be right.
    open: u32,
}

impl Scenario {
    fn simulate(&self, number: u64) -> Frequency {
        let mut seen = Frequency::default();
        for run in (0..).take(RUNS as usize) {
            let recorded = self.kind.run(self.seconds, SEED, number * u64::from(RUNS) + run);
            seen.noted += u32::from(recorded.succession.is_dependent());
            let mut printed = confidence(&recorded, self.seconds, run);
            let mut if_independent = confidence(&recorded, 0, run);
            for (held, percentile) in seen.of.iter_mut().zip(PERCENTILES) {
                let truth = self.kind.truth(percentile);
                let interval = printed.of(percentile);
                held.printed += u32::from(holds(interval, truth));
                held.if_independent += u32::from(holds(if_independent.of(percentile), truth));
                held.open += u32::from(interval.upper.is_none());
            }
        }
        seen
    }

    /// The row of the table, and how many bars are missed.
    fn row(&self, seen: Frequency) -> (String, usize) {
        let mut columns = vec![format!("| {:<24} | {:>5} s", self.kind.to_string(), self.seconds)];
        let mut missed = 0;
        for (held, bar) in seen.of.iter().zip(self.holds) {
            let is_missed = misses(held.printed, bar);
            missed += usize::from(is_missed);
            let mark = match (is_missed, held.open > RUNS / 2) {
                (true, _) => '!',
                (false, true) => '*',
                (false, false) => ' ',
            };
            let (printed, other) = (percent(held.printed), percent(held.if_independent));
            columns.push(format!("{printed:>5.1}{mark}({other:>4.1})"));
        }
        let is_missed = misses(seen.noted, self.noted);
        missed += usize::from(is_missed);
        columns.push(format!(
            "{:>5.1}{} |",
            percent(seen.noted),
            if is_missed { '!' } else { ' ' }
        ));
        (columns.join(" | "), missed)
    }
}

fn confidence(recorded: &RunRecord, seconds: u32, seed: u64) -> Confidence {
    let span = Span { interval: SECOND, recorded: SECOND * seconds };
    Confidence::new(&recorded.whole, recorded.intervals.iter().cloned(), span, seed)
}

fn holds(interval: ConfidenceInterval, truth: Duration) -> bool {
    let is_above = match interval.lower {
        None | Some(Quantile::BelowZero) => true,
        Some(Quantile::At(lower)) => lower <= truth,
        Some(Quantile::Beyond(_)) => false,
    };
    let is_below = match interval.upper {
        None | Some(Quantile::Beyond(_)) => true,
        Some(Quantile::At(upper)) => truth <= upper,
        Some(Quantile::BelowZero) => false,
    };
    is_above && is_below
}

fn percent(runs: u32) -> f64 {
    100.0 * f64::from(runs) / f64::from(RUNS)
}

fn misses(runs: u32, bar: Bar) -> bool {
    bar.is_some_and(|(from, to)| !(from..=to).contains(&percent(runs)))
}

#[expect(clippy::print_stdout, reason = "printing the table is what this program is for")]
fn main() -> ExitCode {
    // `cargo test --all-targets` runs this as well.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("nothing simulated: cargo bench -p longsync-stats --bench coverage");
        return ExitCode::SUCCESS;
    }
    println!(
        "In how many of {RUNS} runs, in percent, the printed interval contains the true value; in brackets, the one"
    );
    println!(
        "for independent calls. Noted: calls are reported to depend on one another. Seed {SEED}."
    );
    println!("!: a missed bar. *: most intervals have no upper end.");
    println!(
        "| calls                    | run     | p50          | p99          | p99.9        | noted  |"
    );
    println!(
        "|--------------------------|---------|--------------|--------------|--------------|--------|"
    );
    let mut missed = 0;
    for (number, cell) in (0..).zip(cells()) {
        let (row, missed_here) = cell.row(cell.simulate(number));
        println!("{row}");
        missed += missed_here;
    }
    println!("{missed} bars missed");
    if missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
