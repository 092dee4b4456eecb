//! Plots as one SVG document, one below another.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use crate::chart::canvas::{Canvas, HEADLINE_CHARACTERS, LETTER, MARGIN};
use crate::chart::ruler::as_length;
use crate::chart::series::SeriesStyle;
use crate::chart::theme::HUES;
use crate::chart::{Plot, Series};
use crate::wrap::wrapped;

/// The left and right ends of a plot; the labels of its vertical axis are on the left of it.
const ACROSS: Range<f64> = 84.0..752.0;
const HEIGHT: u32 = 200;
/// The number of characters of a plot's title that fit on a line, in the larger letters of narrow screens.
const CHARACTERS: usize = 68;

const PLOT_STYLE: &str = "\
.area { fill-opacity: 0.25; stroke-width: 1.5; stroke-linejoin: round; } .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.green { --hue: var(--green); } .violet { --hue: var(--violet); } .amber { --hue: var(--amber); } .red { --hue: var(--red); }
.area, .curve { stroke: var(--hue); } .area, .swatch { fill: var(--hue); } .frame { fill: none; stroke: var(--soft); }
";

const BAND_STYLE: &str = "\
.band { fill: var(--hue); fill-opacity: 0.2; stroke: none; }
";
const HATCHED_STYLE: &str = "\
.hatched { stroke: none; } .hatching { stroke: var(--hue); stroke-width: 1.5; }
";

/// Plots one below another under a headline, as an SVG document that follows the reader's choice of light or
/// dark mode. A plot whose title is the headline does not repeat it. The description is for screen readers.
pub fn to_svg(headline: &str, description: &str, plots: &[Plot]) -> String {
    let mut canvas = Canvas::default();
    canvas.down(4);
    for line in wrapped(headline, HEADLINE_CHARACTERS) {
        canvas.down(24);
        canvas.text(MARGIN, 0, "headline", &line);
    }
    for plot in plots {
        canvas.down(12);
        if plot.title != headline {
            for line in wrapped(&plot.title, CHARACTERS) {
                canvas.down(24);
                canvas.text(MARGIN, 0, "name", &line);
            }
        }
        draw(&mut canvas, plot);
    }
    let (style, defs) = hatching(plots);
    canvas.finish(headline, description, &[PLOT_STYLE, &style].concat(), &defs)
}

fn draw(canvas: &mut Canvas, plot: &Plot) {
    canvas.down(14);
    let top = canvas.y;
    canvas.down(HEIGHT);
    for (number, series) in plot.hues() {
        let (class, hue) = (class(series.style), hue(number));
        let path = path(plot, series, canvas.y);
        canvas.draw(format_args!(r#"<path class="{class} {hue}" d="{path}"/>"#));
    }
    let (x, width) = (ACROSS.start, ACROSS.end - ACROSS.start);
    canvas.draw(format_args!(
        r#"<rect class="frame" x="{x:.1}" y="{top}" width="{width:.1}" height="{HEIGHT}"/>"#
    ));
    canvas.axis_up(plot.y, ACROSS, top);
    let beside = top..canvas.y;
    canvas.axis_across(plot.x, ACROSS, std::slice::from_ref(&beside));
    let named = plot.named();
    if !named.is_empty() {
        key(canvas, &named);
    }
}

fn hue(number: usize) -> &'static str {
    HUES[number % HUES.len()].0
}

/// Styles and definitions for hatched parts and bands, if there are any.
fn hatching(plots: &[Plot]) -> (String, String) {
    let of = |style: SeriesStyle| {
        let hues = plots.iter().flat_map(Plot::hues).filter(move |(_, it)| it.style == style);
        hues.map(|(number, _)| hue(number)).collect::<BTreeSet<_>>()
    };
    let (mut style, mut defs) = (String::new(), String::new());
    if !of(SeriesStyle::Band).is_empty() {
        style.push_str(BAND_STYLE);
    }
    for hue in of(SeriesStyle::Hatched) {
        if defs.is_empty() {
            style.push_str(HATCHED_STYLE);
        }
        let _ = writeln!(style, ".hatched.{hue} {{ fill: url(#hatched-{hue}); }}");
        let _ = write!(
            defs,
            r#"<pattern id="hatched-{hue}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatching {hue}" x1="3" x2="3" y2="6"/></pattern>"#
        );
    }
    if !defs.is_empty() {
        defs = format!("<defs>{defs}</defs>\n");
    }
    (style, defs)
}

fn class(style: SeriesStyle) -> &'static str {
    match style {
        SeriesStyle::Area => "area",
        SeriesStyle::Line => "curve",
        SeriesStyle::Band => "band",
        SeriesStyle::Hatched => "hatched",
    }
}

/// A series as the data of a path whose floor is at `bottom`.
fn path(plot: &Plot, series: &Series, bottom: u32) -> String {
    let mut path = String::new();
    let bottom = f64::from(bottom);
    let place = |(x, y): (f64, f64)| {
        (ACROSS.start + x * (ACROSS.end - ACROSS.start), bottom - y * f64::from(HEIGHT))
    };
    for piece in plot.positions(series) {
        let places: Vec<_> = piece.into_iter().map(place).collect();
        let [(first, _), .., (last, _)] = places[..] else { continue };
        let is_grounded = matches!(series.style, SeriesStyle::Area | SeriesStyle::Hatched);
        let mut command = if path.is_empty() { "M" } else { " M" };
        if is_grounded {
            let _ = write!(path, "{command}{first:.1} {bottom:.1}");
            command = " L";
        }
        for (x, y) in places {
            let _ = write!(path, "{command}{x:.1} {y:.1}");
            command = " L";
        }
        match series.style {
            SeriesStyle::Line => {}
            SeriesStyle::Band => path.push_str(" Z"),
            SeriesStyle::Area | SeriesStyle::Hatched => {
                let _ = write!(path, " L{last:.1} {bottom:.1} Z");
            }
        }
    }
    path
}

/// Draws the key to the colors, with as many entries per line as fit.
fn key(canvas: &mut Canvas, series: &[(usize, &Series)]) {
    canvas.down(24);
    let mut x = ACROSS.start;
    for (number, series) in series {
        let width = 54.0 + LETTER.0 * as_length(series.name.chars().count());
        if x > ACROSS.start && x + width > ACROSS.end {
            x = ACROSS.start;
            canvas.down(22);
        }
        let (y, hue) = (canvas.y - 7, hue(*number));
        let (y, height) = if series.style == SeriesStyle::Line { (y + 1, 3) } else { (y - 2, 9) };
        let class = match series.style {
            SeriesStyle::Line | SeriesStyle::Area => "swatch",
            SeriesStyle::Band | SeriesStyle::Hatched => class(series.style),
        };
        canvas.draw(format_args!(
            r#"<rect class="{class} {hue}" x="{x:.1}" y="{y}" width="24" height="{height}" rx="1"/>"#
        ));
        canvas.text(x + 30.0, 0, "", &series.name);
        x += width;
    }
}
