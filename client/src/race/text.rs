//! A race for people: a picture, a table, and one sentence that says what to learn.

use std::fmt::Write as _;

use anstyle::Style;

use crate::figures::{bytes, grouped};
use crate::race::delays::Delays;
use crate::race::layout::{axis_end, legend, lines};
use crate::race::outcome::{Race, WayRun};
use crate::race::terminal::{self, Axis, FAINT, brush};
use crate::race::way::Way;
use crate::race::words::{describe, headline, lesson, notes, server, times, wall, wrapped};
use crate::table::table;

const BOLD: Style = Style::new().bold();

/// A race as text with ANSI colours, for a terminal of so many columns.
pub fn to_text(race: &Race, columns: usize) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}\n{}\n\n", headline(race), server(race));
    let label_width = race.plan.calls.to_string().len().max(2);
    // Behind a bar there is room for a mark, or for the last tick's label.
    let end = axis_end(race);
    let axis = Axis::new(end, columns.saturating_sub(label_width + 10));
    for run in &race.runs {
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}: {}", run.way, describe(race, run));
        text.push_str(&terminal::draw(&lines(race, run, end), axis, label_width));
        for note in notes(race, run) {
            for line in wrapped(&note, columns.saturating_sub(label_width + 1)) {
                let _ = writeln!(text, "{:>label_width$} {line}", "");
            }
        }
    }
    if race.runs.iter().any(|run| !run.is_skipped()) {
        text.push_str(&axis.draw(label_width + 1));
        text.push_str(&key(race));
        let _ = write!(text, "\n{}\n\n", figures(race));
    }
    for line in wrapped(&lesson(race), columns) {
        let _ = writeln!(text, "{BOLD}{line}{BOLD:#}");
    }
    text
}

/// What the looks of bars and the marks behind them mean, where that is not plain.
fn key(race: &Race) -> String {
    let mut parts: Vec<_> = legend(race)
        .into_iter()
        .map(|look| {
            let (style, block) = brush(look);
            format!("{style}{}{style:#} {}", block.repeat(2), look.word())
        })
        .collect();
    if matches!(race.plan.delays, Delays::Jittered(_)) {
        parts.push("the number behind a bar: its place in the order of answers".to_owned());
    }
    match &parts[..] {
        [] => String::new(),
        parts => format!("{FAINT}{}{FAINT:#}\n", parts.join("   ")),
    }
}

fn figures(race: &Race) -> String {
    let is_cancelled = race.plan.cancel_after.is_some();
    let has_failed = race.runs.iter().any(|run| run.failed() > 0);
    let mut header = vec!["way", "wall\ntime"];
    header.push(if is_cancelled { "cancelled" } else { "speed-up" });
    header.extend([
        "most in\nflight",
        "threads",
        "connections",
        "memory\nadded",
        "thread\nswitches",
    ]);
    if has_failed {
        header.push("failed");
    }
    let row = |run: &WayRun| {
        let or_dash = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
        let mut cells = vec![run.way.to_string(), wall(run)];
        cells.push(if is_cancelled {
            let can_be = run.way != Way::Threads;
            or_dash(can_be.then(|| grouped(run.cancelled() as u64)))
        } else {
            or_dash(race.speed_up(run).map(times))
        });
        cells.extend([
            grouped(run.most_in_flight() as u64),
            grouped(run.threads as u64),
            grouped(run.connections as u64),
            or_dash(run.cost.memory_added_bytes.map(bytes)),
            or_dash(run.cost.switches.map(grouped)),
        ]);
        if has_failed {
            cells.push(grouped(run.failed() as u64));
        }
        cells
    };
    let ran = race.runs.iter().filter(|run| !run.is_skipped());
    table(header, ran.map(row).collect(), 1).trim_fmt()
}
