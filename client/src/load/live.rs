//! A load while it runs, in a few lines that are redrawn each second.

mod display;
mod line;
mod view;

use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::{counted, grouped};

pub use self::display::{LiveDisplay, TerminalSize};
use self::line::StyledLine;
pub use self::view::{LiveBoard, RunGoal};
use self::view::{LiveLatency, LiveView};
use super::words::{percent, place, time};
use crate::chart::bars::bar;
use crate::chart::sparks::{Spark, sparks};

/// The maximum width of the progress bar.
const BAR: usize = 30;

/// What a terminal shows of a running load, with ANSI colors: lines of at most the given number of columns,
/// with no character that moves the cursor. A line that does not fit is cut off.
fn lines(view: &LiveView, columns: usize) -> Vec<String> {
    let mut lines = vec![progress(view, columns), rate(view), in_flight(view)];
    lines.push(pace("last second", &view.last));
    lines.push(pace("so far", &view.so_far));
    lines.push(errors(view));
    lines.extend(history(view, columns));
    lines.iter().map(|line| line.draw(columns)).collect()
}

/// What a terminal shows until the first recorded second has passed, in the same form.
fn beginning(warm_up: Option<Duration>, columns: usize) -> Vec<String> {
    let warm_up = warm_up.filter(|warm_up| !warm_up.is_zero());
    let words =
        warm_up.map_or_else(String::new, |it| format!("warm-up of {}, not recorded", text(it)));
    vec![StyledLine::new("starting").plain(&words).draw(columns)]
}

/// How much of the run is done, if that is known.
fn progress(view: &LiveView, columns: usize) -> StyledLine {
    let words = view.goal.words(view.elapsed, view.due_so_far);
    let Some(done) = view.goal.thousandths(view.elapsed, view.due_so_far) else {
        return StyledLine::new("running").plain(&words);
    };
    let percent = format!("{}%", done / 10);
    let taken = StyledLine::LABEL + words.chars().count() + percent.len() + 2;
    let room = columns.saturating_sub(taken).min(BAR);
    let (drawn, rest) = bar(done, 1_000, room, '█');
    let gap = " ".repeat(rest + 1);
    StyledLine::new("running").good(&drawn).plain(&gap).plain(&percent).faint(&format!(" {words}"))
}

/// The rate that was asked for, and the rate that was achieved.
fn rate(view: &LiveView) -> StyledLine {
    let (due, sent) = (grouped(view.due), grouped(view.sent));
    if view.is_closed {
        return StyledLine::new("rate").plain(&format!("{sent}/s sent"));
    }
    let line = StyledLine::new("rate").plain(&format!("{due}/s due, "));
    let sent = format!("{sent}/s sent");
    if view.is_behind() { line.bad(&sent) } else { line.plain(&sent) }
}

fn in_flight(view: &LiveView) -> StyledLine {
    let connections = counted(view.connections, "connection");
    StyledLine::new("in flight").plain(&format!("{} on {connections}", grouped(view.in_flight)))
}

fn pace(label: &'static str, pace: &LiveLatency) -> StyledLine {
    let at = |at: Option<_>| at.map_or_else(|| "-".to_owned(), place);
    StyledLine::new(label).plain(&format!("p50 {:<10} p99 {}", at(pace.p50), at(pace.p99)))
}

/// The calls without a good answer so far, and how many of them are new.
fn errors(view: &LiveView) -> StyledLine {
    let counts = [(view.failed, "failed"), (view.not_sent, "not sent")];
    let parts: Vec<_> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| {
            format!("{} {what} ({})", grouped(count), percent(count, view.due_so_far))
        })
        .collect();
    let line = StyledLine::new("errors");
    match view.new_errors {
        _ if parts.is_empty() => line.plain("none"),
        0 => line.plain(&parts.join(", ")),
        new => line.bad(&parts.join(", ")).plain(&format!(", {} in the last second", grouped(new))),
    }
}

/// The p99 of the last seconds, as many as fit.
fn history(view: &LiveView, columns: usize) -> Option<StyledLine> {
    let room = columns.checked_sub(StyledLine::LABEL).filter(|room| *room > 0)?;
    let shown = view.history.len().saturating_sub(room);
    let values: Vec<_> = view.history.iter().skip(shown).copied().map(Spark::of).collect();
    let span = format!(" of the last {}", time(Duration::from_secs(values.len() as u64)));
    let has_room = !values.is_empty() && room >= values.len() + span.len();
    let line = StyledLine::new("p99").good(&sparks(&values));
    Some(if has_room { line.faint(&span) } else { line })
}

#[cfg(test)]
mod tests;
