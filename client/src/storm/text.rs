//! A storm as text: a picture of each way, a table, and the lesson.

use std::fmt::Write as _;

use longsync_text::grouped;

use crate::chart::sparks::{Spark, sparks};
use crate::chart::theme::{BOLD, FAINT};
use crate::storm::lesson::lesson;
use crate::storm::outcome::{Storm, StormRun};
use crate::storm::picture::plots;
use crate::storm::series::SLOTS_PER_SECOND;
use crate::storm::words::{headline, name, notes, rate, recovered_in_short, remark, setup};
use crate::table::table;
use crate::wrap::{paragraph, wrapped};

/// The rows of a plot.
const ROWS: usize = 7;

/// A storm as text with ANSI colors, for a terminal with the given number of columns.
pub fn to_text(storm: &Storm, columns: usize) -> String {
    let mut text = paragraph(&headline(&storm.plan), columns, BOLD);
    let _ = writeln!(text, "{}", wrapped(&setup(&storm.plan), columns).join("\n"));
    for (run, plot) in storm.drawn().zip(plots(storm)) {
        let _ = write!(text, "\n{}", plot.to_text(columns, ROWS));
        text.push_str(&standing(run, columns));
        for note in notes(&storm.plan, run) {
            text.push_str(&paragraph(&note, columns, BOLD));
        }
    }
    if !storm.runs.is_empty() {
        let _ = write!(text, "\n{}", figures(storm, columns));
        let _ = writeln!(text, "{}", paragraph(&remark(storm), columns, FAINT));
    }
    text + &paragraph(&lesson(storm), columns, BOLD)
}

/// How many calls stood at the end of each second.
#[expect(clippy::cast_precision_loss, reason = "a line of text shows three bits")]
fn standing(run: &StormRun, columns: usize) -> String {
    let seconds = run.slots.chunks(SLOTS_PER_SECOND).filter_map(<[_]>::last);
    let values: Vec<_> = seconds.map(|slot| Spark::At(slot.standing as f64)).collect();
    let words = format!("up to {} standing", grouped(run.most_standing()));
    let room = columns.saturating_sub(words.chars().count() + 1);
    // In a long run the last seconds matter, because they show whether the queue still grows.
    let from = values.len().saturating_sub(room);
    format!("{FAINT}{words} {}{FAINT:#}\n", sparks(&values[from..]))
}

fn figures(storm: &Storm, columns: usize) -> String {
    let header = [
        "way",
        "goodput\nbefore",
        "lowest",
        "last",
        "whole\nagain",
        "attempts\nper call",
        "most\nstanding",
    ];
    let or_dash = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
    let row = |run: &StormRun| {
        let whole = |calls: f64| rate(calls.round());
        vec![
            name(&storm.plan, run.way),
            or_dash(run.goodput_before().map(whole)),
            or_dash(run.lowest().map(grouped)),
            or_dash(run.goodput_last().map(whole)),
            recovered_in_short(&storm.plan, run),
            or_dash(run.attempts_per_call().map(|attempts| format!("{attempts:.2}"))),
            grouped(run.most_standing()),
        ]
    };
    table(&header, &storm.runs.iter().map(row).collect::<Vec<_>>(), 1, columns)
}
