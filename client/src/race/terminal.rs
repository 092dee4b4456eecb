//! The waterfall in a terminal: one line per call, on a time axis that all ways share.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::chart::nanoseconds;
use crate::chart::ruler::Ruler;
use crate::chart::theme::FAINT;
use crate::race::layout::{Look, WaterfallLine};

/// The length of a sample in a key.
const SAMPLE: usize = 3;

/// How a look is drawn: its color, the fill of a bar, and its last character. Shapes differ as well as
/// colors.
fn brush(look: Look) -> (Style, char, char) {
    match look {
        Look::Answered => (AnsiColor::Green.on_default(), '█', '█'),
        Look::Failed => (AnsiColor::Red.on_default(), '╍', '×'),
        Look::Cancelled => (AnsiColor::Magenta.on_default(), '━', '┫'),
        Look::Projected => (FAINT, '╱', '╱'),
        Look::Unfinished => (AnsiColor::Yellow.on_default(), '░', '░'),
    }
}

/// A short bar for a key, and its style.
pub(super) fn sample(look: Look) -> (Style, String) {
    (brush(look).0, filled(look, SAMPLE))
}

/// A bar of this many columns, at least one.
fn filled(look: Look, columns: usize) -> String {
    let (_, fill, end) = brush(look);
    let mut bar = fill.to_string().repeat(columns.saturating_sub(1));
    bar.push(end);
    bar
}

/// The first column of a bar, and the column after its last: a bar is never empty.
fn columns(ruler: Ruler, from: Duration, to: Duration) -> (usize, usize) {
    let first = ruler.column(nanoseconds(from)).min(ruler.columns - 1);
    (first, ruler.column(nanoseconds(to)).max(first + 1))
}

/// The waterfall of one way.
pub(super) fn draw(lines: &[WaterfallLine], ruler: Ruler, label_width: usize) -> String {
    let mut picture = String::new();
    for line in lines {
        let label = line.label();
        let drawn = match line {
            WaterfallLine::Bar { from, to, look, order, .. } => {
                bar(ruler, (*from, *to), *look, *order)
            }
            _ => format!("{FAINT}{}{FAINT:#}", line.words().unwrap_or_default()),
        };
        let _ = writeln!(picture, "{FAINT}{label:>label_width$}{FAINT:#} {drawn}");
    }
    picture
}

fn bar(ruler: Ruler, (from, to): (Duration, Duration), look: Look, order: Option<usize>) -> String {
    let (style, ..) = brush(look);
    let (first, after) = columns(ruler, from, to);
    let mark = order.map(|place| format!(" {FAINT}{place}{FAINT:#}")).unwrap_or_default();
    let (before, drawn) = (" ".repeat(first), filled(look, after - first));
    format!("{before}{style}{drawn}{style:#}{mark}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chart::Axis;

    /// Looks can be told apart without color: no two have the same fill or the same last character.
    #[test]
    fn looks_differ_in_shape_and_not_only_in_color() {
        for (index, look) in Look::ALL.into_iter().enumerate() {
            for other in &Look::ALL[..index] {
                let ((_, fill, end), (_, other_fill, other_end)) = (brush(look), brush(*other));
                assert!(fill != other_fill && end != other_end, "{look:?} and {other:?}");
            }
        }
    }

    proptest! {
        /// A bar is within the axis, has at least one column, and starts before it ends.
        #[test]
        fn a_bar_is_within_the_axis(from in 0_u64..2_000, took in 0_u64..2_000, end in 1_u64..2_000, columns in 1_usize..200) {
            let ruler = Ruler::new(Axis::linear(Duration::from_millis(end)), columns);
            let (first, after) = super::columns(ruler, Duration::from_millis(from), Duration::from_millis(from + took));
            prop_assert!(first < after && after <= ruler.columns);
        }
    }
}
