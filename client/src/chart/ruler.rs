//! A horizontal axis over the columns of a terminal.

use std::fmt::Write as _;

use crate::chart::axis::Axis;
use crate::chart::theme::FAINT;

/// With fewer columns, no two labels fit.
const FEWEST_COLUMNS: usize = 8;

/// An axis with its number of columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ruler {
    axis: Axis,
    pub(crate) columns: usize,
}

impl Ruler {
    /// An axis over this many columns, but at least [`FEWEST_COLUMNS`].
    pub(crate) fn new(axis: Axis, columns: usize) -> Self {
        Self { axis, columns: columns.max(FEWEST_COLUMNS) }
    }

    /// The column of a value; the axis ends at the end of the last column.
    pub(crate) fn column(self, value: f64) -> usize {
        cell(self.axis.position(value), self.columns)
    }

    /// The ticks and, below them, their labels, indented by the given number of columns for other labels. If
    /// a vertical axis ends there, the last of those columns belongs to this axis.
    pub(crate) fn draw(self, indent: usize, has_vertical: bool) -> String {
        let mut line = vec!['─'; self.columns + 1];
        let mut labels = String::new();
        for tick in self.axis.ticks_across(as_length(self.columns)) {
            let column = cell(tick.position, self.columns);
            line[column] = match column {
                0 if !has_vertical => '└',
                last if last == self.columns => '┘',
                _ => '┴',
            };
            let starts = (indent + column).saturating_sub(tick.label.len() / 2);
            let _ = write!(labels, "{:1$}", "", starts.saturating_sub(labels.len()));
            labels.push_str(&tick.label);
        }
        let line: String = line.into_iter().collect();
        let before = if has_vertical { format!("{:>indent$}", '└') } else { " ".repeat(indent) };
        format!("{FAINT}{before}{line}{FAINT:#}\n{FAINT}{labels}{FAINT:#}\n")
    }
}

/// The cell of a position from 0 to 1; at 1, the one after the last.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position is not negative, and a terminal has few cells"
)]
pub(super) fn cell(position: f64, cells: usize) -> usize {
    ((position * as_length(cells)) as usize).min(cells)
}

/// A number of cells as the length of an axis.
#[expect(clippy::cast_precision_loss, reason = "a terminal has few cells")]
pub(crate) fn as_length(cells: usize) -> f64 {
    cells as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn drawn(axis: Axis, columns: usize, indent: usize, has_vertical: bool) -> String {
        anstream::adapter::strip_str(&Ruler::new(axis, columns).draw(indent, has_vertical))
            .to_string()
    }

    #[test]
    fn labels_are_centered_below_their_ticks() {
        let axis = Axis::linear(Duration::from_millis(4_014));
        assert_eq!(
            drawn(axis, 40, 3, false),
            "   └────────┴─────────┴─────────┴─────────┴─\n  0s       1s        2s        3s        4s\n"
        );
        let axis = Axis::log([Duration::from_millis(1), Duration::from_millis(100)]);
        assert_eq!(
            drawn(axis, 20, 3, true),
            "  └┴─────────┴─────────┘\n  1ms      10ms      100ms\n"
        );
    }

    #[test]
    fn an_axis_without_room_still_has_two_ticks() {
        let axis = Axis::linear(Duration::from_millis(502));
        assert_eq!(drawn(axis, 0, 3, false), "   └──────┴─\n  0s    500ms\n");
    }
}
