//! The series of a plot.

/// Values that are drawn together, with their name.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub(super) name: String,
    pub(super) style: SeriesStyle,
    /// The pieces are not connected to one another.
    pub(super) pieces: Vec<Vec<(f64, f64)>>,
    /// The number of its color, if that is not its place in the plot.
    pub(super) color: Option<usize>,
}

/// The style of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeriesStyle {
    /// The area between a line and the start of the vertical axis.
    Area,
    Line,
    /// The area within an outline.
    Band,
    /// Like an area, but hatched.
    Hatched,
}

impl Series {
    /// A line through points, which are values on the two axes of a plot, in the order in which they are
    /// connected. A point with a NaN is a gap. The name is shown if several series have names.
    pub fn line(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::new(name.into(), SeriesStyle::Line, pieces(points))
    }

    /// The area between such a line and the start of the vertical axis.
    pub fn area(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::new(name.into(), SeriesStyle::Area, pieces(points))
    }

    /// The area between two lines, given by horizontal values, each with a lower and an upper vertical value.
    /// If one of the three is NaN, there is a gap.
    pub fn band(
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64, f64)>,
    ) -> Self {
        let points: Vec<_> = points.into_iter().collect();
        let is_gap = |(x, low, high): &(f64, f64, f64)| x.is_nan() || low.is_nan() || high.is_nan();
        let outline = |piece: &[(f64, f64, f64)]| {
            let upper = piece.iter().map(|(x, _, high)| (*x, *high));
            upper.chain(piece.iter().rev().map(|(x, low, _)| (*x, *low))).collect()
        };
        let pieces = points.split(is_gap).filter(|piece| !piece.is_empty()).map(outline);
        Self::new(name.into(), SeriesStyle::Band, pieces.collect())
    }

    /// Parts of the horizontal axis, each given by its start and end, hatched over the full height because
    /// the values there have no position on the vertical axis.
    pub fn hatched(name: impl Into<String>, parts: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let top = f64::INFINITY;
        let parts = parts.into_iter().filter(|(from, to)| !from.is_nan() && !to.is_nan());
        let pieces = parts.map(|(from, to)| vec![(from, top), (to, top)]).collect();
        Self::new(name.into(), SeriesStyle::Hatched, pieces)
    }

    /// The series in the color with this number, regardless of its place in the plot: 0 to 3 are green,
    /// violet, amber and red.
    #[must_use]
    pub fn colored(self, number: usize) -> Self {
        Self { color: Some(number), ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its values on the vertical axis.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.pieces.iter().flatten().map(|(_, y)| *y)
    }

    fn new(name: String, style: SeriesStyle, pieces: Vec<Vec<(f64, f64)>>) -> Self {
        Self { name, style, pieces, color: None }
    }
}

/// Splits points at those with a NaN.
fn pieces(points: impl IntoIterator<Item = (f64, f64)>) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<_> = points.into_iter().collect();
    let pieces = points.split(|(x, y)| x.is_nan() || y.is_nan());
    pieces.filter(|piece| !piece.is_empty()).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: (f64, f64) = (f64::NAN, 0.0);

    #[test]
    fn a_nan_is_a_gap() {
        let line = Series::line("", [GAP, (0.0, 1.0), (1.0, 1.0), GAP, GAP, (2.0, 1.0)]);
        assert_eq!(line.pieces, [vec![(0.0, 1.0), (1.0, 1.0)], vec![(2.0, 1.0)]]);
        assert!(Series::area("", [GAP]).pieces.is_empty());
    }

    #[test]
    fn a_band_is_outlined_there_and_back() {
        let nothing = f64::NAN;
        let band = Series::band("", [(0.0, 1.0, 2.0), (1.0, 1.5, 3.0), (2.0, nothing, 4.0)]);
        assert_eq!(band.pieces, [vec![(0.0, 2.0), (1.0, 3.0), (1.0, 1.5), (0.0, 1.0)]]);
    }
}
