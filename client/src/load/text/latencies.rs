//! How long calls took at each percentile: a table that becomes narrower in steps.

use longsync_stats::Figure;

use crate::chart::theme::FAINT;
use crate::load::latency::Latency;
use crate::load::report::Report;
use crate::load::words::{interval, place};
use crate::meanings;
use crate::table::{table as formatted, width};
use crate::wrap::paragraph;

/// Follows a value with few others above it.
const MARK: &str = "*";
const MARKED: &str = "* fewer than 10 calls were slower: another run may well give another value";
const INDEPENDENT: &str = "95 % intervals if calls were independent: a run of at least 30s also \
    allows for calls that wait for one another";
const SURE: &str =
    "95 % intervals within this run: only repeated runs (--repeat) show how runs differ";
const TOO_NARROW: &str = "a wider terminal also shows the 95 % intervals";

/// The table, and its footnotes. Empty if no call was due.
pub(super) fn table(report: &Report, columns: usize) -> String {
    let shown = report.shown();
    if shown.iter().all(|latency| latency.percentiles.is_empty()) {
        return String::new();
    }
    let full = draw(&shown, Intervals::Shown, usize::MAX);
    let has_intervals = width(&full) <= columns;
    let mut text = if has_intervals { full } else { draw(&shown, Intervals::Hidden, columns) };
    for remark in remarks(&shown, has_intervals) {
        text.push_str(&paragraph(remark, columns, FAINT));
    }
    text
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intervals {
    Shown,
    Hidden,
}

fn draw(shown: &[&Latency], intervals: Intervals, columns: usize) -> String {
    let mut header = vec![String::new()];
    for latency in shown {
        header.push(latency.name().replace(' ', "\n"));
        if intervals == Intervals::Shown {
            header.push("95 %\ninterval".to_owned());
        }
    }
    let labels = shown.iter().flat_map(|latency| &latency.percentiles).map(|it| it.percentile);
    let mut labels: Vec<_> = labels.collect();
    labels.sort_unstable();
    labels.dedup();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for label in labels {
        let mut row = vec![label.to_string()];
        for latency in shown {
            let placed = latency.percentiles.iter().find(|placed| placed.percentile == label);
            let mark = if placed.is_some_and(|placed| placed.is_marked) { MARK } else { "" };
            row.push(placed.map(|it| place(it.at) + mark).unwrap_or_default());
            if intervals == Intervals::Shown {
                row.push(placed.map(|it| interval(it.at, &it.interval)).unwrap_or_default());
            }
        }
        rows.push(row);
    }
    let mut longest = vec!["max".to_owned()];
    for latency in shown {
        longest.push(latency.longest().map(place).unwrap_or_default());
        longest.extend((intervals == Intervals::Shown).then(String::new));
    }
    rows.push(longest);
    let header: Vec<_> = header.iter().map(String::as_str).collect();
    formatted(&header, &rows, 1, columns)
}

/// The meaning of a figure of the table.
fn meaning(figure: Figure) -> Option<&'static str> {
    match figure {
        Figure::ResponseTime => Some(meanings::RESPONSE_TIME),
        Figure::ServiceTime => Some(meanings::SERVICE_TIME),
        Figure::Added => Some(meanings::ADDED),
        _ => None,
    }
}

fn remarks(shown: &[&Latency], has_intervals: bool) -> Vec<&'static str> {
    let placed = || shown.iter().flat_map(|latency| &latency.percentiles);
    let mut remarks: Vec<_> = shown.iter().filter_map(|latency| meaning(latency.figure)).collect();
    remarks.extend(placed().any(|placed| placed.is_marked).then_some(MARKED));
    remarks.push(match has_intervals {
        false => TOO_NARROW,
        true if placed().any(|placed| placed.interval.assumes_independence) => INDEPENDENT,
        true => SURE,
    });
    remarks
}
