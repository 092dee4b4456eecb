//! Charts: the axes, ticks and looks of every picture, in a terminal and in SVG, and plots made of them.
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
pub(crate) mod canvas;
mod cells;
pub(crate) mod key;
mod round;
pub(crate) mod ruler;
mod svg;
mod text;
pub(crate) mod theme;

pub use crate::chart::axis::{Axis, nanoseconds};
pub use crate::chart::svg::to_svg;

/// A picture of one or several series of values over the same two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, each over those before it. From the fifth on, colours repeat.
    pub series: Vec<Series>,
}

/// Values that are drawn as one, and what they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    name: String,
    form: Form,
    points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Area,
    Line,
}

impl Series {
    /// A line through points, which are values on the two axes of a plot, in the order in which they are
    /// joined. Points that are not numbers are left out. The name is shown if there are several series.
    pub fn line(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::new(name.into(), Form::Line, points)
    }

    /// The area between such a line and the beginning of the vertical axis.
    pub fn area(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::new(name.into(), Form::Area, points)
    }

    fn new(name: String, form: Form, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().filter(|(x, y)| !x.is_nan() && !y.is_nan()).collect();
        Self { name, form, points }
    }
}

impl Plot {
    /// The plot as an SVG document of its own, under its title.
    pub fn to_svg(&self) -> String {
        to_svg(&self.title, &self.title, std::slice::from_ref(self))
    }

    /// The plot as text with ANSI colours, for a terminal with the given number of columns. The drawing has the
    /// given number of rows, to which title, ticks and key are added. It is never smaller than 24 columns and
    /// 2 rows.
    pub fn to_text(&self, columns: usize, rows: usize) -> String {
        text::draw(self, columns, rows)
    }

    /// Where the points of a series lie: both axes begin at 0 and end at 1.
    fn positions(&self, series: &Series) -> Vec<(f64, f64)> {
        series.points.iter().map(|(x, y)| (self.x.position(*x), self.y.position(*y))).collect()
    }
}
