//! A race for people: a picture, a table, and one sentence that says what to learn.

use std::fmt::Write as _;

use anstyle::Style;

use crate::figures::{bytes, counted, grouped, rounded};
use crate::race::outcome::{End, Race, WayRun};
use crate::race::picture::{self, Axis};
use crate::race::way::Way;
use crate::table::table;

const BOLD: Style = Style::new().bold();

/// A race as text with ANSI colours, for a terminal of so many columns.
pub fn to_text(race: &Race, columns: usize) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}\n{}\n\n", headline(race), server(race));
    let longest = race.runs.iter().map(|run| run.wall).max().unwrap_or_default();
    let label_width = race.calls.to_string().len().max(2);
    let axis = Axis::new(longest, columns.saturating_sub(label_width + 10));
    for run in &race.runs {
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}: {}", run.way, describe(run));
        text.push_str(&picture::draw(run, axis, label_width));
        for note in notes(run) {
            let _ = writeln!(text, "{:>label_width$} {note}", "");
        }
    }
    if !race.runs.is_empty() {
        text.push_str(&axis.draw(label_width + 1));
        let _ = write!(text, "\n{}\n\n", figures(race));
    }
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}", wrapped(&lesson(race), columns));
    text
}

fn headline(race: &Race) -> String {
    let delay = longsync::duration::text(race.delay);
    format!("{} of {delay} each", counted(race.calls, "call"))
}

fn server(race: &Race) -> String {
    let place = if race.is_embedded { "a server started inside this process, " } else { "" };
    format!("to {place}{}", race.target)
}

/// How a way makes its calls, with its own figures.
fn describe(run: &WayRun) -> String {
    let connections = counted(run.connections, "connection");
    match run.way {
        Way::Sequential => format!("one call after another, on {connections}"),
        Way::Threads => {
            format!(
                "each call on a thread of its own, {} over {connections}",
                counted(run.threads, "thread")
            )
        }
        Way::Tasks => format!("each call an async task, all on one thread, over {connections}"),
        Way::Exchange => format!(
            "{} inside {} (at most 1,000 each), over {connections}",
            counted(run.rows.len(), "message"),
            counted(run.streams, "bidirectional stream"),
        ),
    }
}

/// What did not go as it should.
fn notes(run: &WayRun) -> Vec<String> {
    let mut notes: Vec<_> = run.trouble.clone().into_iter().collect();
    let first = run.rows.iter().find_map(|row| match &row.end {
        End::Failed { code, message, .. } => Some((crate::code_name(*code), message)),
        _ => None,
    });
    if let Some((code, message)) = first {
        notes.push(format!(
            "{} failed; the first: {code}: {message}",
            counted(run.failed(), "call")
        ));
    }
    if run.unfinished() > 0 {
        notes.push(format!(
            "{} not answered when the race was ended",
            counted(run.unfinished(), "call")
        ));
    }
    notes
}

fn figures(race: &Race) -> String {
    let mut header = vec![
        "way",
        "wall time",
        "speed-up",
        "most in flight",
        "threads",
        "connections",
        "memory added",
    ];
    let has_failed = race.runs.iter().any(|run| run.failed() > 0);
    if has_failed {
        header.push("failed");
    }
    let row = |run: &WayRun| {
        let mut cells = vec![
            run.way.to_string(),
            rounded(run.wall),
            race.speed_up(run).map_or_else(|| "-".to_owned(), times),
            grouped(run.most_in_flight() as u64),
            grouped(run.threads as u64),
            grouped(run.connections as u64),
            run.memory_added_bytes.map_or_else(|| "-".to_owned(), bytes),
        ];
        if has_failed {
            cells.push(grouped(run.failed() as u64));
        }
        cells
    };
    table(header, race.runs.iter().map(row).collect(), 1).trim_fmt()
}

fn times(speed_up: f64) -> String {
    match speed_up {
        small if small < 9.95 => format!("{small:.2}x"),
        middle if middle < 99.5 => format!("{middle:.1}x"),
        large => format!("{large:.0}x"),
    }
}

/// Text in lines of at most so many columns.
fn wrapped(text: &str, columns: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if used > 0 && used + 1 + width > columns {
            lines.push('\n');
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += width;
    }
    lines
}

/// What to learn, from the race's own figures.
pub(super) fn lesson(race: &Race) -> String {
    let Some(best) = best(race) else {
        let why =
            if race.is_interrupted { "the race was ended early" } else { "see the notes above" };
        return format!("No way had all its calls answered: {why}.");
    };
    let delay = longsync::duration::text(race.delay);
    let wall = rounded(best.wall);
    let calls = counted(race.calls, "call");
    if best.way == Way::Sequential {
        return format!(
            "{calls} of {delay} took {wall} one after another: each waited for the one before."
        );
    }
    let measured = if race.whole(Way::Sequential).is_some() { "took" } else { "would take" };
    let by_one = rounded(race.one_by_one());
    let how = match best.way {
        Way::Threads => format!("on {}", counted(best.threads, "thread")),
        Way::Exchange => format!("as messages of {}", counted(best.streams, "stream")),
        Way::Tasks | Way::Sequential => "as async tasks on one thread".to_owned(),
    };
    let connections = counted(best.connections, "connection");
    format!(
        "Waiting is not working: {calls} of {delay} {measured} {by_one} one after another, \
         but took {wall} {how} over {connections}."
    )
}

/// The way to speak of: tasks before exchange before threads, for what they show; else what there is.
fn best(race: &Race) -> Option<&WayRun> {
    let order = [Way::Tasks, Way::Exchange, Way::Threads, Way::Sequential];
    order.into_iter().find_map(|way| race.whole(way))
}
