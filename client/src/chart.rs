//! Charts: the axes, ticks and styles of all pictures, in a terminal and in SVG, and plots made of them.
//!
//! ```
//! use longsync_client::chart::{Axis, Plot, Series, nanoseconds};
//! use std::time::Duration;
//!
//! let quantiles = [(0.5, 10), (0.9, 40), (0.99, 200)].map(|(p, ms)| (p, Duration::from_millis(ms)));
//! let plot = Plot {
//!     title: "how long calls wait".to_owned(),
//!     x: Axis::percentiles(2),
//!     y: Axis::log(quantiles.map(|(_, wait)| wait)),
//!     series: vec![Series::line("wait", quantiles.map(|(p, wait)| (p, nanoseconds(wait))))],
//! };
//! assert!(plot.to_text(80, 12).contains("p50"));
//! assert!(plot.to_svg().contains("p99"));
//! ```

mod axis;
pub(crate) mod bars;
pub(crate) mod canvas;
mod cells;
pub(crate) mod edges;
pub(crate) mod key;
mod round;
pub(crate) mod ruler;
mod series;
pub(crate) mod sparks;
mod svg;
mod text;
pub(crate) mod theme;

pub use crate::chart::axis::{Axis, nanoseconds};
pub use crate::chart::series::Series;
use crate::chart::series::SeriesStyle;
pub use crate::chart::svg::to_svg;

/// A picture of one or more series of values on the same two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// The title.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The series, each drawn over those before it. From the fifth on, colors repeat.
    pub series: Vec<Series>,
}

impl Plot {
    /// The plot as a separate SVG document, under its title.
    pub fn to_svg(&self) -> String {
        to_svg(&self.title, &self.title, std::slice::from_ref(self))
    }

    /// The plot as text with ANSI colors, for a terminal with the given number of columns. The drawing has
    /// the given number of rows; the title, ticks and key take additional rows. The drawing has at least 24
    /// columns and 2 rows.
    pub fn to_text(&self, columns: usize, rows: usize) -> String {
        text::draw(self, columns, rows)
    }

    /// The positions of a series' pieces, from 0 to 1 on both axes.
    fn positions(&self, series: &Series) -> Vec<Vec<(f64, f64)>> {
        let position = |(x, y): &(f64, f64)| (self.x.position(*x), self.y.position(*y));
        series.pieces.iter().map(|piece| piece.iter().map(position).collect()).collect()
    }

    /// Each series with the number of its color.
    fn hues(&self) -> impl Iterator<Item = (usize, &Series)> {
        let places = self.series.iter().enumerate();
        places.map(|(place, series)| (series.color.unwrap_or(place), series))
    }

    /// The series in the key, with the numbers of their colors; none, if only one series has a name.
    fn named(&self) -> Vec<(usize, &Series)> {
        let mut named: Vec<_> = self.hues().filter(|(_, it)| !it.name.is_empty()).collect();
        // Hatched parts come last because they are drawn behind the others and matter least.
        named.sort_by_key(|(_, series)| series.style == SeriesStyle::Hatched);
        if named.len() > 1 { named } else { Vec::new() }
    }
}
