//! A line of colored pieces that can be cut.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::chart::theme::{BOLD, FAINT};

/// Pieces of text, each with its style.
#[derive(Debug)]
pub(super) struct StyledLine(Vec<(Style, String)>);

impl StyledLine {
    /// The width of a label in columns.
    pub(super) const LABEL: usize = 12;

    /// A line with this label.
    pub(super) fn new(label: &str) -> Self {
        Self(vec![(BOLD, format!("{label:0$}", Self::LABEL))])
    }

    pub(super) fn plain(self, text: &str) -> Self {
        self.with(Style::new(), text)
    }

    pub(super) fn faint(self, text: &str) -> Self {
        self.with(FAINT, text)
    }

    pub(super) fn good(self, text: &str) -> Self {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub(super) fn bad(self, text: &str) -> Self {
        self.with(AnsiColor::Red.on_default(), text)
    }

    fn with(mut self, style: Style, text: &str) -> Self {
        self.0.push((style, text.to_owned()));
        self
    }

    /// The line with ANSI colors, without anything beyond the given number of columns.
    pub(super) fn draw(&self, columns: usize) -> String {
        let mut drawn = String::new();
        let mut room = columns;
        for (style, text) in &self.0 {
            let piece: String = text.chars().take(room).collect();
            room -= piece.chars().count();
            let _ = write!(drawn, "{style}{piece}{style:#}");
        }
        drawn
    }
}
