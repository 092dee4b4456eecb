//! A plot in a terminal.

use std::fmt::Write as _;

use longsync_text::said::printable;

use crate::chart::Plot;
use crate::chart::axis::Tick;
use crate::chart::cells::{CellGrid, HATCH, SHADE, hue};
use crate::chart::key::{KeyEntry, key};
use crate::chart::ruler::{Ruler, as_length, cell};
use crate::chart::series::SeriesStyle;
use crate::chart::theme::{BOLD, FAINT};
use crate::wrap::wrapped;

const FEWEST_COLUMNS: usize = 20;
const FEWEST_ROWS: usize = 2;
/// The room after the drawing, for half of the last tick's label.
const BEHIND: usize = 4;

/// A plot as text with ANSI colors.
pub(super) fn draw(plot: &Plot, columns: usize, rows: usize) -> String {
    let (columns, rows) = (columns.max(FEWEST_COLUMNS), rows.max(FEWEST_ROWS));
    let ticks = plot.y.ticks_up(as_length(rows));
    let label_width = ticks.iter().map(|tick| tick.label.len() + 1).max().unwrap_or(2);
    let ruler = Ruler::new(plot.x, columns.saturating_sub(label_width + 1 + BEHIND));
    let mut text = String::new();
    for line in wrapped(&printable(&plot.title), columns) {
        let _ = writeln!(text, "{BOLD}{line}{BOLD:#}");
    }
    let before = vertical(&ticks, rows, label_width);
    for (before, row) in before.into_iter().zip(cells(plot, ruler.columns, rows).drawn()) {
        let _ = writeln!(text, "{FAINT}{before}{FAINT:#}{row}");
    }
    text.push_str(&ruler.draw(label_width + 1, true));
    text.push_str(&key(&entries(plot), columns));
    text
}

/// The text before each row, from top to bottom: a label if there is a tick, and the axis.
fn vertical(ticks: &[Tick], rows: usize, label_width: usize) -> Vec<String> {
    let mut before = vec![format!("{:label_width$}│", ""); rows];
    for tick in ticks {
        let row = rows - 1 - cell(tick.position, rows).min(rows - 1);
        before[row] = format!("{:>1$} ┤", tick.label, label_width - 1);
    }
    before
}

fn cells(plot: &Plot, columns: usize, rows: usize) -> CellGrid {
    let mut cells = CellGrid::new(columns, rows);
    for (hue, series) in plot.hues() {
        for piece in plot.positions(series) {
            match series.style {
                SeriesStyle::Area => cells.area(hue, &piece),
                SeriesStyle::Line => cells.line(hue, &piece),
                SeriesStyle::Band => cells.band(hue, &piece),
                SeriesStyle::Hatched => cells.hatched(hue, &piece),
            }
        }
    }
    cells
}

fn entries(plot: &Plot) -> Vec<KeyEntry<'_>> {
    let entries = plot.named().into_iter().map(|(number, series)| KeyEntry {
        style: hue(number),
        sample: match series.style {
            SeriesStyle::Area => "██".to_owned(),
            SeriesStyle::Line => "⠒⠒".to_owned(),
            SeriesStyle::Band => SHADE.to_string().repeat(2),
            SeriesStyle::Hatched => HATCH.to_string().repeat(2),
        },
        meaning: &series.name,
    });
    entries.collect()
}
