//! A race as text: a picture, a table, and the lesson in one sentence.

use std::fmt::Write as _;

use crate::chart::Axis;
use crate::chart::key::{KeyEntry, key};
use crate::chart::ruler::Ruler;
use crate::chart::theme::{BOLD, FAINT};
use crate::figures::bytes;
use crate::race::layout::{Look, MARK, axis_end, legend, lines};
use crate::race::lesson::lesson;
use crate::race::outcome::{Race, WayRun};
use crate::race::terminal::{self, sample};
use crate::race::way::Way;
use crate::race::words::{describe, headline, printable_notes, server, times, wall};
use crate::table::table;
use crate::wrap::{hanging, paragraph, wrapped};
use longsync_text::grouped;

/// A race as text with ANSI colors, for a terminal with the given number of columns.
pub fn to_text(race: &Race, columns: usize) -> String {
    let mut text = paragraph(&headline(race), columns, BOLD);
    let _ = writeln!(text, "{}\n", wrapped(&server(race), columns).join("\n"));
    let label_width = race.plan.calls.to_string().len().max(2);
    let note_width = columns.saturating_sub(label_width + 1);
    // After a bar there must be room for a mark or for the last tick's label.
    let end = axis_end(race);
    let ruler = Ruler::new(Axis::linear(end), columns.saturating_sub(label_width + 10));
    for run in &race.runs {
        let described = format!("{}: {}", run.way, describe(race, run));
        for (index, line) in hanging(&described, columns, label_width + 1).iter().enumerate() {
            let _ = match line.split_once(':') {
                Some((way, rest)) if index == 0 => writeln!(text, "{BOLD}{way}{BOLD:#}:{rest}"),
                _ => writeln!(text, "{line}"),
            };
        }
        text.push_str(&terminal::draw(&lines(race, run, end), ruler, label_width));
        for note in printable_notes(race, run) {
            for line in wrapped(&note, note_width) {
                let _ = writeln!(text, "{:>label_width$} {line}", "");
            }
        }
    }
    if race.runs.iter().any(|run| !run.is_skipped()) {
        text.push_str(&ruler.draw(label_width + 1, false));
        text.push_str(&key(&entries(race), columns));
        let _ = write!(text, "\n{}", figures(race, columns));
        if let Some(remark) = remark(race) {
            text.push_str(&paragraph(remark, columns, FAINT));
        }
        text.push('\n');
    }
    text + &paragraph(&lesson(race), columns, BOLD)
}

/// The meaning of bars and of the marks after them, if it is not obvious.
fn entries(race: &Race) -> Vec<KeyEntry<'static>> {
    let entry = |look: Look| {
        let (style, sample) = sample(look);
        KeyEntry { style, sample, meaning: look.word() }
    };
    let mut entries: Vec<_> = legend(race).into_iter().map(entry).collect();
    if race.plan.delays.vary() {
        entries.push(KeyEntry::remark(MARK));
    }
    entries
}

/// A remark which the table needs to be understood.
fn remark(race: &Race) -> Option<&'static str> {
    let measured = race.runs.iter().filter(|run| run.cost.memory_added_bytes.is_some());
    (measured.count() > 1)
        .then_some("memory added: on top of what earlier ways left; run a way alone to see its own")
}

fn figures(race: &Race, columns: usize) -> String {
    let is_cancelled = race.plan.cancel_after.is_some();
    let any = |count: fn(&WayRun) -> usize| race.runs.iter().any(|run| count(run) > 0);
    let (has_failed_as_planned, has_failed) =
        (any(WayRun::failed_as_planned), any(WayRun::failed_otherwise));
    let mut header = vec!["way", "wall\ntime"];
    header.push(if is_cancelled { "cancelled" } else { "speed-up" });
    header.extend([
        "most in\nflight",
        "threads",
        "connec-\ntions",
        "memory\nadded",
        "thread\nswitches",
    ]);
    if has_failed_as_planned {
        header.push("failed as\nplanned");
    }
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
        if has_failed_as_planned {
            cells.push(grouped(run.failed_as_planned() as u64));
        }
        if has_failed {
            cells.push(grouped(run.failed_otherwise() as u64));
        }
        cells
    };
    let ran = race.runs.iter().filter(|run| !run.is_skipped());
    table(&header, &ran.map(row).collect::<Vec<_>>(), 1, columns)
}
