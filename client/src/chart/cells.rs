//! The cells of a terminal as a drawing surface, on which areas have a resolution of an eighth of a row, and
//! lines are made of the eight dots of a cell. Pure.

use std::fmt::Write as _;

use anstyle::Style;

use crate::chart::ruler::{as_length, cell};
use crate::chart::theme::HUES;

/// The characters that fill the lower eighths of a cell, from none to all.
pub(super) const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The dots of a cell as the bits of a Braille pattern, in rows of two.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// The characters that fill a band and a hatched part.
pub(super) const SHADE: char = '░';
pub(super) const HATCH: char = '╱';

/// A rectangle of cells.
#[derive(Debug)]
pub(super) struct CellGrid {
    columns: usize,
    rows: usize,
    all: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    series: usize,
    eighths: usize,
    dots: u8,
    /// The filling behind the area and the line.
    filling: Option<char>,
}

impl CellGrid {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, all: vec![Cell::default(); columns * rows] }
    }

    /// Fills the area below a line through these positions.
    pub(super) fn area(&mut self, series: usize, positions: &[(f64, f64)]) {
        for (column, height) in self.heights(positions).into_iter().enumerate() {
            let height = height.map_or(0.0, |(_, height)| height);
            // Rounded to the nearest eighth.
            let filled = cell(height + 0.5 / as_length(self.rows * 8), self.rows * 8);
            for row in 0..self.rows {
                let eighths = filled.saturating_sub(8 * (self.rows - 1 - row)).min(8);
                if eighths > 0 {
                    self.all[row * self.columns + column] =
                        Cell { series, eighths, ..Cell::default() };
                }
            }
        }
    }

    /// Shades the area within an outline through these positions.
    pub(super) fn band(&mut self, series: usize, outline: &[(f64, f64)]) {
        for (column, extent) in self.heights(outline).into_iter().enumerate() {
            if let Some((low, high)) = extent {
                self.fill(series, column, (low, high), SHADE);
            }
        }
    }

    /// Hatches the area below a line through these positions.
    pub(super) fn hatched(&mut self, series: usize, positions: &[(f64, f64)]) {
        for (column, extent) in self.heights(positions).into_iter().enumerate() {
            if let Some((_, high)) = extent {
                self.fill(series, column, (0.0, high), HATCH);
            }
        }
    }

    /// Fills at least one cell of a column, between two heights.
    fn fill(&mut self, series: usize, column: usize, (low, high): (f64, f64), with: char) {
        let [low, high] = [low, high].map(|height| cell(height, self.rows).min(self.rows - 1));
        for height in low..=high {
            let row = self.rows - 1 - height;
            let filled = Cell { series, filling: Some(with), ..Cell::default() };
            self.all[row * self.columns + column] = filled;
        }
    }

    /// The lowest and the highest point of a line in each column.
    fn heights(&self, positions: &[(f64, f64)]) -> Vec<Option<(f64, f64)>> {
        let mut heights: Vec<Option<(f64, f64)>> = vec![None; self.columns];
        let border = |column: usize| as_length(column) / as_length(self.columns);
        for pair in positions.windows(2) {
            let (from, to) =
                if pair[0].0 <= pair[1].0 { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
            let (first, last) = (self.column(from.0), self.column(to.0));
            for (column, height) in (first..).zip(&mut heights[first..=last]) {
                for border in [border(column), border(column + 1)] {
                    let here = at(from, to, border);
                    let (low, high) = height.unwrap_or(here);
                    *height = Some((low.min(here.0), high.max(here.1)));
                }
            }
        }
        heights
    }

    fn column(&self, position: f64) -> usize {
        cell(position, self.columns).min(self.columns - 1)
    }

    /// Draws a line through these positions.
    pub(super) fn line(&mut self, series: usize, positions: &[(f64, f64)]) {
        let (across, up) = (self.columns * 2, self.rows * 4);
        let dots: Vec<_> = positions
            .iter()
            .map(|(x, y)| (cell(*x, across).min(across - 1), cell(*y, up).min(up - 1)))
            .collect();
        for pair in dots.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
            for step in 0..=steps {
                self.dot(
                    series,
                    between(from.0, to.0, step, steps),
                    between(from.1, to.1, step, steps),
                );
            }
        }
    }

    /// Sets a dot, counted from the left and from below. Lines that cross in a cell keep their dots, so that
    /// neither has a gap; both get the color of the later line.
    fn dot(&mut self, series: usize, x: usize, y: usize) {
        let row = self.rows - 1 - y / 4;
        let cell = &mut self.all[row * self.columns + x / 2];
        *cell = Cell { series, dots: cell.dots | DOTS[3 - y % 4][x % 2], ..Cell::default() };
    }

    /// The rows from top to bottom, with colors, each up to its last mark.
    pub(super) fn drawn(&self) -> impl Iterator<Item = String> {
        self.all.chunks(self.columns).map(|cells| {
            let mut row = String::new();
            let marked = cells.iter().rposition(Cell::is_marked).map_or(0, |last| last + 1);
            let cells = &cells[..marked];
            for run in cells.chunk_by(|one, next| one.series == next.series) {
                let style = hue(run[0].series);
                let glyphs: String = run.iter().map(Cell::glyph).collect();
                let _ = write!(row, "{style}{glyphs}{style:#}");
            }
            row
        })
    }
}

impl Cell {
    fn is_marked(&self) -> bool {
        self.eighths > 0 || self.dots > 0 || self.filling.is_some()
    }

    fn glyph(&self) -> char {
        match self.dots {
            0 if self.eighths == 0 => self.filling.unwrap_or(' '),
            0 => EIGHTHS[self.eighths],
            dots => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
        }
    }
}

/// The height, at `x` or at the nearest end, of a line from one position to another; of a vertical line, its
/// lower and its upper end.
fn at(from: (f64, f64), to: (f64, f64), x: f64) -> (f64, f64) {
    let width = to.0 - from.0;
    if width > 0.0 {
        let height = from.1 + (to.1 - from.1) * (x.clamp(from.0, to.0) - from.0) / width;
        (height, height)
    } else {
        (from.1.min(to.1), from.1.max(to.1))
    }
}

/// The color of a series.
pub(super) fn hue(series: usize) -> Style {
    HUES[series % HUES.len()].1.on_default()
}

/// A point between two others, rounded to the nearest integer.
fn between(from: usize, to: usize, step: usize, steps: usize) -> usize {
    (from * (steps - step) + to * step + steps / 2) / steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(cells: &CellGrid) -> Vec<String> {
        cells.drawn().map(|row| anstream::adapter::strip_str(&row).to_string()).collect()
    }

    #[test]
    fn an_area_rises_by_eighths_and_keeps_its_peaks() {
        let mut cells = CellGrid::new(8, 2);
        cells.area(0, &[(0.0, 0.0), (0.5, 1.0), (0.5, 0.0), (0.9, 0.0), (0.9, 0.5), (0.91, 0.0)]);
        assert_eq!(plain(&cells), ["  ▄██", "▄████  █"]);
    }

    #[test]
    fn a_line_is_joined_from_end_to_end() {
        let mut cells = CellGrid::new(4, 1);
        cells.line(0, &[(0.0, 0.0), (1.0, 1.0)]);
        assert_eq!(plain(&cells), ["⣀⠤⠒⠉"]);
    }

    #[test]
    fn a_band_is_shaded_and_a_hatched_part_reaches_the_ground() {
        let mut cells = CellGrid::new(6, 3);
        cells.band(0, &[(0.0, 0.4), (0.5, 1.0), (0.5, 0.5), (0.0, 0.0)]);
        cells.hatched(1, &[(0.8, 1.0), (1.0, 1.0)]);
        assert_eq!(plain(&cells), [" ░░░╱╱", "░░░░╱╱", "░░  ╱╱"]);
    }

    proptest! {
        /// Points within the axes are drawn within the cells, and no row ends in blanks.
        #[test]
        fn drawings_stay_within_their_cells(points in proptest::collection::vec((0.0..=1.0, 0.0..=1.0), 0..20), columns in 1_usize..60, rows in 1_usize..20) {
            let mut cells = CellGrid::new(columns, rows);
            cells.area(0, &points);
            cells.line(1, &points);
            cells.band(2, &points);
            cells.hatched(3, &points);
            let drawn = plain(&cells);
            prop_assert_eq!(drawn.len(), rows);
            prop_assert!(drawn.iter().all(|row| row.chars().count() <= columns && !row.ends_with(' ')));
        }
    }
}
