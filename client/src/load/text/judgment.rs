//! Whether the client was the bottleneck, and which thresholds the run has met.

use anstyle::{AnsiColor, Style};

use super::paragraph;
use crate::load::report::Report;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The verdict if the client was the bottleneck: then it comes before everything else.
pub(super) fn client_bound(report: &Report, columns: usize) -> String {
    let verdict = report.verdict();
    let sentences = verdict.sentences();
    match sentences.split_first() {
        Some((first, rest)) if verdict.is_client_bound() => {
            let first = std::slice::from_ref(first);
            paragraph(first, columns, BAD) + &paragraph(rest, columns, Style::new())
        }
        _ => String::new(),
    }
}

/// Each threshold, and whether it was met.
pub(super) fn thresholds(report: &Report, columns: usize) -> String {
    let checked = report.thresholds();
    let line = |checked: &longsync_stats::ThresholdResult| {
        let style = if checked.has_passed { GOOD } else { BAD };
        paragraph(&[checked.to_string()], columns, style)
    };
    checked.iter().map(line).collect()
}
