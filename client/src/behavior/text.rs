//! A behavior as text for a terminal.

use std::fmt::Write as _;

use longsync_behavior::explain::fault_lines;

use super::BehaviorReport;
use super::drawn::laws;
use super::picture::plots;
use super::sentences::sentences;
use crate::wrap::wrapped;

/// The rows of a picture, on a narrow terminal and on a wide one.
const ROWS: [usize; 2] = [10, 14];
const WIDE: usize = 120;

/// An indented line of figures; a sentence among them may be wrapped into several lines.
fn indented(line: &str, columns: usize) -> String {
    const INDENT: &str = "  ";
    let mut lines = String::new();
    for line in wrapped(line.trim_start(), columns.saturating_sub(INDENT.len())) {
        let _ = writeln!(lines, "{INDENT}{line}");
    }
    lines
}

/// The report with ANSI colors, for a terminal with the given number of columns.
pub fn to_text(report: &BehaviorReport, columns: usize) -> String {
    let laws = laws(report);
    // Not wrapped, so that it can be copied.
    let mut text = format!("{}\n", report.behavior);
    for figures in &report.figures {
        text.push('\n');
        if report.figures.len() > 1 {
            let _ = writeln!(text, "{}", figures.attempts());
        }
        for line in figures.to_string().lines() {
            text.push_str(&indented(line, columns));
        }
    }
    if !report.behavior.faults().is_empty() {
        text.push('\n');
    }
    for line in fault_lines(&report.behavior) {
        text.push_str(&indented(&line, columns));
    }
    let sentences = sentences(report, &laws);
    if !sentences.is_empty() {
        text.push('\n');
    }
    for line in sentences.iter().flat_map(|sentence| wrapped(sentence, columns)) {
        let _ = writeln!(text, "{line}");
    }
    let [narrow, wide] = ROWS;
    let rows = if columns < WIDE { narrow } else { wide };
    for plot in plots(report, &laws) {
        text.push('\n');
        text.push_str(&plot.to_text(columns, rows));
    }
    if report.fitting.is_some() {
        let _ = writeln!(text, "\nlongsync-server --behavior '{}'", report.behavior);
    }
    text
}
