//! How calls ended, why others were not sent, and what the server reported.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use longsync_connect::Code;
use longsync_connect::status::code_name;
use longsync_load::Load;
use longsync_stats::{Counts, NotSentReason, TextCounts, TransportFailure};
use longsync_text::grouped;
use longsync_text::said::shortened;

use super::heading::three;
use super::paragraph;
use crate::load::limits::held_back;
use crate::load::report::Report;
use crate::load::words::{percent, short, spaced, traffic};
use crate::wrap::{hanging, wrapped};

/// How many of the error texts are shown.
const MOST_TEXTS: usize = 10;
/// How much of each is shown.
const MOST_CHARACTERS: usize = 200;
const BAD: Style = AnsiColor::Red.on_default();

/// The lists of a report, each with its heading. Lists without entries are left out.
pub(super) fn lists(report: &Report, columns: usize) -> String {
    let counts = &report.load.figures.counts;
    let mut text = String::new();
    line(&mut text, columns, "statuses", &statuses(counts));
    line(&mut text, columns, "ended by the transport", &broken(counts));
    line(&mut text, columns, "connections", &connections(&report.load));
    line(&mut text, columns, "the server reports", &server(report));
    list(&mut text, columns, "planned faults", &texts(&report.load.figures.faults, "clauses"));
    list(&mut text, columns, "error texts", &texts(&report.load.texts, "texts"));
    line(&mut text, columns, "not sent", &not_sent(counts));
    let held_back: Vec<_> = held_back(report).iter().map(ToString::to_string).collect();
    text.push_str(&paragraph(&held_back, columns, Style::new()));
    text
}

/// Entries after their heading; continuation lines are indented.
fn line(text: &mut String, columns: usize, heading: &str, entries: &[String]) {
    if entries.is_empty() {
        return;
    }
    let whole = format!("{heading}: {}", entries.join(", "));
    for line in hanging(&whole, columns, 2) {
        let _ = writeln!(text, "{line}");
    }
}

/// Counts with their texts, one per line below the heading.
fn list(text: &mut String, columns: usize, heading: &str, entries: &[(u64, String)]) {
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(text, "{heading}:");
    let width = entries.iter().map(|(count, _)| grouped(*count).len()).max().unwrap_or(0);
    for (count, what) in entries {
        let count = grouped(*count);
        for (index, line) in wrapped(what, columns.saturating_sub(width + 4)).iter().enumerate() {
            let count = if index > 0 { "" } else { &count };
            let _ = writeln!(text, "  {BAD}{count:>width$}{BAD:#}  {line}");
        }
    }
}

fn statuses(counts: &Counts) -> Vec<String> {
    let ended = counts.ended();
    let status = |(code, count): (longsync_stats::StatusCode, u64)| {
        let name = code_name(Code::from_i32(code.into()));
        format!("{} {name} ({})", grouped(count), percent(count, ended))
    };
    counts.statuses().map(status).collect()
}

fn broken(counts: &Counts) -> Vec<String> {
    let all = TransportFailure::ALL.into_iter().map(|how| (how, counts.broken(how)));
    all.filter(|(_, count)| *count > 0)
        .map(|(how, count)| format!("{} {}", grouped(count), spaced(how.name())))
        .collect()
}

fn connections(load: &Load) -> Vec<String> {
    let (counts, mut parts) = (&load.figures.counts, Vec::new());
    for (count, what) in [
        (counts.connections_opened, "opened"),
        (counts.connections_lost, "lost"),
        (counts.connections_refused, "refused"),
    ] {
        parts.extend((count > 0).then(|| format!("{} {what}", grouped(count))));
    }
    let without = load.without_connection;
    parts.extend((!without.is_zero()).then(|| format!("none for {}", short(without))));
    let has_traffic = counts.bytes_in > 0 || counts.bytes_out > 0;
    parts.extend(has_traffic.then(|| traffic(counts.bytes_in, counts.bytes_out)));
    parts
}

/// The waits that the server reported.
fn server(report: &Report) -> Vec<String> {
    let figures = &report.load.figures;
    let mut parts = Vec::new();
    for (name, values) in [
        ("planned", &figures.planned),
        ("queued", &figures.queued),
        ("waited", &figures.waited),
        ("lateness", &figures.lateness),
    ] {
        // A server without a queue reports zero time in the queue.
        if values.longest().is_some_and(|longest| !longest.is_zero()) {
            parts.push(format!("{name} {}", three(values).replace(", ", " ")));
        }
    }
    parts
}

/// The most frequent texts, and how many more there are of `what`.
fn texts(texts: &TextCounts, what: &str) -> Vec<(u64, String)> {
    let all = texts.by_count();
    let named = |text: &str| {
        let is_empty = text.is_empty();
        if is_empty { "(nothing)".to_owned() } else { shortened(text, MOST_CHARACTERS) }
    };
    let mut shown: Vec<_> =
        all.iter().take(MOST_TEXTS).map(|(text, count)| (*count, named(text))).collect();
    let hidden = all.get(MOST_TEXTS..).unwrap_or_default();
    if !hidden.is_empty() {
        let count = hidden.iter().map(|(_, count)| count).sum();
        shown.push((count, format!("in {} more {what} (--json has them)", hidden.len())));
    }
    if texts.other() > 0 {
        let other = format!("other: at most 100 distinct {what} are kept");
        shown.push((texts.other(), other));
    }
    shown
}

fn not_sent(counts: &Counts) -> Vec<String> {
    let reasons = counts.not_sent.by_reason().filter(|(_, count)| *count > 0);
    let reason = |(why, count): (NotSentReason, u64)| {
        let name = spaced(why.name()).replace("in flight", "in-flight");
        format!("{} {name}", grouped(count))
    };
    reasons.map(reason).collect()
}
