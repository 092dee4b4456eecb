//! The waterfall in a terminal: one line per call, on a time axis that all ways share.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::figures::rounded;
use crate::race::layout::{Line, Look};
use longsync_text::grouped;

pub(super) const FAINT: Style = Style::new().dimmed();
const TICKS: usize = 4;

/// How a look is drawn.
pub(super) fn brush(look: Look) -> (Style, &'static str) {
    match look {
        Look::Answered => (AnsiColor::Green.on_default(), "█"),
        Look::Failed => (AnsiColor::Red.on_default(), "×"),
        Look::Cancelled => (AnsiColor::Magenta.on_default(), "▒"),
        Look::Projected => (FAINT, "╱"),
        Look::Unfinished => (AnsiColor::Yellow.on_default(), "░"),
    }
}

/// A time axis with the given number of columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    end: Duration,
    columns: usize,
}

impl Axis {
    /// From zero to `end`.
    pub(super) fn new(end: Duration, columns: usize) -> Self {
        Self { end: end.max(Duration::from_nanos(1)), columns: columns.max(TICKS) }
    }

    /// The column in which `at` lies.
    fn column(self, at: Duration) -> usize {
        let column = at.as_nanos() * self.columns as u128 / self.end.as_nanos();
        usize::try_from(column).unwrap_or(self.columns).min(self.columns)
    }

    /// The first column of a bar, and the one after its last: a bar is never empty.
    fn bar(self, from: Duration, to: Duration) -> (usize, usize) {
        let first = self.column(from).min(self.columns - 1);
        (first, self.column(to).max(first + 1))
    }

    /// How many ticks there are after zero: few enough for their times to stand apart.
    fn ticks(self) -> usize {
        let stand_apart = |ticks: &usize| {
            (0..*ticks).all(|tick| self.label(tick, *ticks).len() < self.columns / *ticks)
        };
        [TICKS, TICKS / 2].into_iter().find(stand_apart).unwrap_or(1)
    }

    fn label(self, tick: usize, ticks: usize) -> String {
        let parts = |count: usize| u32::try_from(count).unwrap_or(1);
        rounded(self.end * parts(tick) / parts(ticks))
    }

    /// The ticks and, below, their times, behind the given number of columns of labels.
    pub(super) fn draw(self, indent: usize) -> String {
        let ticks = self.ticks();
        let step = self.columns / ticks;
        let mut line = " ".repeat(indent);
        let mut times = " ".repeat(indent);
        for tick in 0..=ticks {
            let label = self.label(tick, ticks);
            if tick == ticks {
                line.push('┘');
                times.push_str(&label);
            } else {
                line.push(if tick == 0 { '└' } else { '┴' });
                line.push_str(&"─".repeat(step.saturating_sub(1)));
                let _ = write!(times, "{label:<step$}");
            }
        }
        format!("{FAINT}{line}{FAINT:#}\n{FAINT}{times}{FAINT:#}\n")
    }
}

/// The waterfall of one way.
pub(super) fn draw(lines: &[Line], axis: Axis, label_width: usize) -> String {
    let mut picture = String::new();
    for line in lines {
        let label = match line {
            Line::Fold(_) => "⋮".to_owned(),
            Line::Bar { index, .. } | Line::NotSent { index } | Line::Beyond { index, .. } => {
                index.to_string()
            }
        };
        let drawn = match line {
            Line::Bar { from, to, look, order, .. } => bar(axis, (*from, *to), *look, *order),
            Line::NotSent { .. } => format!("{FAINT}not sent{FAINT:#}"),
            Line::Beyond { from, .. } => {
                format!("{FAINT}▸ from {} on, projected{FAINT:#}", rounded(*from))
            }
            Line::Fold(hidden) => {
                format!("{FAINT}{} more{FAINT:#}", grouped(*hidden as u64))
            }
        };
        let _ = writeln!(picture, "{FAINT}{label:>label_width$}{FAINT:#} {drawn}");
    }
    picture
}

fn bar(axis: Axis, (from, to): (Duration, Duration), look: Look, order: Option<usize>) -> String {
    let (style, block) = brush(look);
    let (first, after) = axis.bar(from, to);
    let mark = order.map(|place| format!(" {FAINT}{place}{FAINT:#}")).unwrap_or_default();
    format!("{}{style}{}{style:#}{mark}", " ".repeat(first), block.repeat(after - first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A bar lies within the axis, has at least one column, and keeps the order of time.
        #[test]
        fn a_bar_lies_within_the_axis(from in 0_u64..2_000, took in 0_u64..2_000, end in 1_u64..2_000, columns in 1_usize..200) {
            let axis = Axis::new(Duration::from_millis(end), columns);
            let (first, after) = axis.bar(Duration::from_millis(from), Duration::from_millis(from + took));
            prop_assert!(first < after && after <= axis.columns);
        }
    }
}
