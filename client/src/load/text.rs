//! A load for people: whether the client was the bottleneck, what was run and its result, how long calls
//! took, and why some have no answer.

mod heading;
mod histogram;
mod judgment;
mod latencies;
mod notes;
mod outcome;

use std::fmt::Write as _;

use anstyle::Style;

pub(super) use self::heading::{headline, outcome};
use super::report::Report;
use crate::chart::theme::{BOLD, FAINT};
use crate::wrap::wrapped;

/// The report of a load as text with ANSI colors, for a terminal with the given number of columns.
pub fn to_text(report: &Report, columns: usize) -> String {
    let (first, rest) = (headline(report), heading::sentences(report));
    let heading = paragraph(&[first], columns, BOLD) + &paragraph(&rest, columns, Style::new());
    let pieces = [
        judgment::client_bound(report, columns),
        heading,
        judgment::thresholds(report, columns),
        latencies::table(report, columns),
        histogram::draw(report, columns),
        outcome::lists(report, columns),
        paragraph(&notes::notes(report), columns, FAINT),
    ];
    pieces.into_iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Sentences, each on its own lines.
fn paragraph(sentences: &[String], columns: usize, style: Style) -> String {
    let mut paragraph = String::new();
    for line in sentences.iter().flat_map(|sentence| wrapped(sentence, columns)) {
        let _ = writeln!(paragraph, "{style}{line}{style:#}");
    }
    paragraph
}
