//! How many calls took how long: bars, with the calls without a good answer last.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use longsync_text::grouped;

use crate::chart::bars::bar;
use crate::chart::edges::edges;
use crate::chart::theme::{BOLD, FAINT};
use crate::figures::nanos;
use crate::load::latency::Latency;
use crate::load::report::Report;
use crate::load::words::{percent, short};
use crate::wrap::wrapped;

/// The maximum number of bars of calls with a good answer.
const MOST_ROWS: usize = 16;
/// The gap between label, bar and figures.
const GAPS: usize = 4;

/// A bar.
#[derive(Debug)]
struct HistogramRow {
    label: String,
    count: u64,
    /// The count, and its share of the total.
    figures: String,
    style: Style,
    fill: char,
}

/// The histogram of response times, or of service times in a closed loop. Empty without calls.
pub(super) fn draw(report: &Report, columns: usize) -> String {
    let latency = report.latency(report.main_figure());
    let counts = &report.load.figures.counts;
    let mut rows = rows(latency, counts.without_answer(), counts.due());
    if rows.is_empty() {
        return String::new();
    }
    let title = format!(
        "calls by {} (a bar counts the calls from its label up to the next one)",
        latency.name()
    );
    let mut text = String::new();
    for line in wrapped(&title, columns) {
        let _ = writeln!(text, "{BOLD}{line}{BOLD:#}");
    }
    let label_width = rows.iter().map(|row| row.label.len()).max().unwrap_or(0);
    let widest =
        |rows: &[HistogramRow]| rows.iter().map(|row| row.figures.len()).max().unwrap_or(0);
    let mut figure_width = widest(&rows);
    if label_width + figure_width + GAPS >= columns {
        // Counts matter more than shares, which follow from them.
        for row in &mut rows {
            row.figures = grouped(row.count);
        }
        figure_width = widest(&rows);
    }
    let room = columns.saturating_sub(label_width + figure_width + GAPS);
    let most = rows.iter().map(|row| row.count).max().unwrap_or(0);
    for HistogramRow { label, count, figures, style, fill } in rows {
        let (drawn, rest) = bar(count, most, room, fill);
        let _ = write!(text, "{FAINT}{label:>label_width$}{FAINT:#}  {style}{drawn}{style:#}");
        let _ = writeln!(text, "{:rest$}  {figures:>figure_width$}", "");
    }
    text
}

fn rows(latency: &Latency, without_answer: u64, all: u64) -> Vec<HistogramRow> {
    let row = |label: String, count, style: AnsiColor, fill| {
        let figures = format!("{} ({})", grouped(count), percent(count, all));
        HistogramRow { label, count, figures, style: style.on_default(), fill }
    };
    let label = |from| short(Duration::from_nanos(from));
    let values = values(latency).into_iter();
    let mut rows: Vec<_> =
        values.map(|(from, count)| row(label(from), count, AnsiColor::Green, '█')).collect();
    if without_answer > 0 {
        rows.push(row("no good answer".to_owned(), without_answer, AnsiColor::Red, '×'));
    }
    rows
}

/// Round durations, and the number of values from each up to the next.
fn values(latency: &Latency) -> Vec<(u64, u64)> {
    let values = &latency.values;
    let Some((shortest, longest)) = values.shortest().zip(values.longest()) else {
        return Vec::new();
    };
    let edges = edges(nanos(shortest), nanos(longest), MOST_ROWS);
    let mut rows: Vec<_> = edges.into_iter().map(|edge| (edge, 0)).collect();
    for bucket in values.buckets() {
        // A bucket may begin before the minimum, which the first row is for.
        let behind = rows.partition_point(|(edge, _)| *edge <= bucket.from_ns);
        if let Some((_, count)) = rows.get_mut(behind.saturating_sub(1)) {
            *count += bucket.count;
        }
    }
    rows
}
