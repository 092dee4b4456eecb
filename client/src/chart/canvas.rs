//! An SVG drawing that grows downwards.

use std::fmt::{self, Write as _};
use std::ops::Range;

use longsync_text::said::printable;

use crate::chart::axis::Axis;
use crate::chart::theme::STYLE;

pub(crate) const WIDTH: u32 = 800;
/// The space between the edge and the drawing.
pub(crate) const MARGIN: f64 = 16.0;
/// The number of characters of a headline that fit on a line, in the larger letters of narrow screens.
pub(crate) const HEADLINE_CHARACTERS: usize = 52;
/// The width of a character and the height of a line, both in the larger letters of narrow screens.
pub(crate) const LETTER: (f64, f64) = (11.0, 22.0);

/// A drawing, and its height so far.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    pub(crate) y: u32,
    drawn: String,
}

impl Canvas {
    pub(crate) fn down(&mut self, by: u32) {
        self.y += by;
    }

    /// Adds an element. Writing to a string does not fail.
    pub(crate) fn draw(&mut self, element: fmt::Arguments<'_>) {
        let _ = writeln!(self.drawn, "{element}");
    }

    pub(crate) fn text(&mut self, x: f64, below: u32, class: &str, words: &str) {
        let (y, words) = (self.y + below, escaped(words));
        self.draw(format_args!(r#"<text class="{class}" x="{x:.0}" y="{y}">{words}</text>"#));
    }

    /// Text that ends at `x`.
    pub(crate) fn text_from_right(&mut self, x: f64, below: u32, class: &str, words: &str) {
        let (y, words) = (self.y + below, escaped(words));
        self.draw(format_args!(
            r#"<text class="{class}" x="{x:.0}" y="{y}" text-anchor="end">{words}</text>"#
        ));
    }

    /// Draws the ticks of a horizontal axis behind everything that was drawn before: their lines across each
    /// of `parts`, and their labels below the current position.
    pub(crate) fn axis_across(&mut self, axis: Axis, across: Range<f64>, parts: &[Range<u32>]) {
        let below = self.y + 18;
        let mut ticks = String::new();
        let length = across.end - across.start;
        for tick in axis.ticks_across(length / LETTER.0) {
            let (x, label) = (across.start + tick.position * length, tick.label);
            for Range { start, end } in parts {
                let _ = write!(
                    ticks,
                    r#"<line class="line" x1="{x:.1}" x2="{x:.1}" y1="{start}" y2="{end}"/>"#
                );
            }
            let _ = writeln!(
                ticks,
                r#"<text x="{x:.1}" y="{below}" text-anchor="middle">{label}</text>"#
            );
        }
        self.drawn.insert_str(0, &ticks);
        self.down(22);
    }

    /// Draws the ticks of a vertical axis from the current position up to `top`: their lines across, and
    /// their labels on the left.
    pub(crate) fn axis_up(&mut self, axis: Axis, across: Range<f64>, top: u32) {
        let height = f64::from(self.y - top);
        let mut ticks = String::new();
        for tick in axis.ticks_up(height / LETTER.1) {
            let y = f64::from(self.y) - tick.position * height;
            let (from, to, label) = (across.start, across.end, tick.label);
            let _ = writeln!(
                ticks,
                r#"<line class="line" x1="{from:.1}" x2="{to:.1}" y1="{y:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#,
                from - 8.0,
                y + 4.5
            );
        }
        self.drawn.insert_str(0, &ticks);
    }

    /// The document, with its title and description, and with styles and definitions in addition to the
    /// theme's.
    pub(crate) fn finish(self, title: &str, description: &str, style: &str, defs: &str) -> String {
        let (height, drawn) = (self.y + 16, self.drawn);
        let (title, description) = (escaped(title), escaped(description));
        let style = [STYLE, style].concat();
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" style="max-width: 100%; height: auto" role="img" aria-labelledby="title description">
<title id="title">{title}</title>
<desc id="description">{description}</desc>
<style>{style}</style>
{defs}<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>
{drawn}</svg>
"#
        )
    }
}

pub(crate) fn escaped(words: &str) -> String {
    let words = printable(words);
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_do_not_break_the_document() {
        assert_eq!(escaped(r#"a<b> & "c""#), "a&lt;b&gt; &amp; &quot;c&quot;");
    }
}
