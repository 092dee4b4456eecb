//! Conclusions from a measure's tables. All that they say is computed from the figures, even which side is
//! ahead: so none of them becomes false when the order is different on another machine or another day. Pure.

use crate::digits::two_digits;
use crate::table::{Table, Unit};

/// The minimum and the maximum of a figure's medians over several tables.
#[derive(Debug, Clone, Copy)]
struct MedianRange {
    least: f64,
    most: f64,
}

impl MedianRange {
    /// [`None`] without a value.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let one = |value| Self { least: value, most: value };
        values.map(one).reduce(|all, next| Self {
            least: all.least.min(next.least),
            most: all.most.max(next.most),
        })
    }

    /// `1.3 to 1.4`, or one figure if both are shown the same.
    fn shown(self, shown: impl Fn(f64) -> String) -> String {
        let [least, most] = [self.least, self.most].map(shown);
        if least == most { least } else { format!("{least} to {most}") }
    }
}

/// The medians of a side's figure over all tables, such as `1.3 to 1.4`; [`None`] if no table has it.
pub(crate) fn range(tables: &[Table], side: &str, figure: &str, unit: Unit) -> Option<String> {
    let medians = tables.iter().filter_map(|table| table.median(side, figure));
    MedianRange::of(medians).map(|range| range.shown(|value| unit.shown(value)))
}

/// The other sides' medians as multiples of this side's, such as ` (relative to that, naive tonic: 0.61 to
/// 0.73; ghz: 0.10)`; empty if no other side was measured.
pub(crate) fn relative(tables: &[Table], ours: &str, figure: &str) -> String {
    let mut sides: Vec<&str> = Vec::new();
    let comparable = tables.iter().filter(|table| table.median(ours, figure).is_some());
    for (side, _) in comparable.flat_map(Table::sides) {
        if side != ours && !sides.contains(&side) {
            sides.push(side);
        }
    }
    let others: Vec<String> = sides
        .into_iter()
        .filter_map(|side| {
            let multiples = tables.iter().filter_map(|table| multiple(table, ours, side, figure));
            let range = MedianRange::of(multiples)?;
            Some(format!("{side}: {}", range.shown(two_digits)))
        })
        .collect();
    match others.as_slice() {
        [] => String::new(),
        others => format!(" (relative to that, {})", others.join("; ")),
    }
}

/// The medians of all other sides taken together, as multiples of this side's, such as `0.95 to 0.99`;
/// [`None`] if there is no other.
pub(crate) fn relative_of_any(tables: &[Table], ours: &str, figure: &str) -> Option<String> {
    let multiples = tables.iter().flat_map(|table| {
        let others = table.sides().filter(move |(side, _)| *side != ours);
        others.filter_map(move |(side, _)| multiple(table, ours, side, figure))
    });
    MedianRange::of(multiples).map(|range| range.shown(two_digits))
}

/// The median of a side as a multiple of ours; [`None`] if one of the two was not measured.
fn multiple(table: &Table, ours: &str, side: &str, figure: &str) -> Option<f64> {
    let ours = table.median(ours, figure).filter(|ours| *ours > 0.0)?;
    Some(table.median(side, figure)? / ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Samples;

    fn table(sides: &[(&str, &[f64])]) -> Table {
        let mut table = Table::new("").column("calls_per_second", "1,000 calls/s", Unit::Thousands);
        for (side, rounds) in sides {
            table.measured(side, vec![rounds.iter().copied().collect::<Samples>()]);
        }
        table
    }

    #[test]
    fn a_range_goes_from_the_lowest_median_to_the_highest() {
        let tables = [table(&[("ours", &[1e3, 9e6, 240e3])]), table(&[("ours", &[254e3])])];
        let range = |side| range(&tables, side, "calls_per_second", Unit::Thousands);
        assert_eq!(range("ours").as_deref(), Some("240 to 250"));
        assert_eq!(range("theirs"), None);
    }

    #[test]
    fn figures_that_round_to_the_same_are_shown_once() {
        let tables = [table(&[("ours", &[251e3])]), table(&[("ours", &[254e3])])];
        let range = range(&tables, "ours", "calls_per_second", Unit::Thousands);
        assert_eq!(range.as_deref(), Some("250"));
    }

    #[test]
    fn other_sides_are_multiples_of_ours_if_both_were_measured() {
        let mut tables = [
            table(&[("ours", &[100e3]), ("theirs", &[50e3]), ("fast", &[184e3])]),
            table(&[("ours", &[200e3]), ("theirs", &[150e3])]),
            table(&[("others", &[1.0]), ("theirs", &[1.0])]),
        ];
        tables[1].missing("absent", "install it");
        assert_eq!(
            relative(&tables, "ours", "calls_per_second"),
            " (relative to that, theirs: 0.50 to 0.75; fast: 1.8)"
        );
        assert_eq!(
            relative_of_any(&tables, "ours", "calls_per_second").as_deref(),
            Some("0.50 to 1.8")
        );
        let alone = [table(&[("ours", &[1.0])])];
        assert_eq!(relative(&alone, "ours", "calls_per_second"), "");
        assert_eq!(relative_of_any(&alone, "ours", "calls_per_second"), None);
        assert_eq!(
            relative(&[table(&[("ours", &[0.0]), ("theirs", &[1.0])])], "ours", "calls_per_second"),
            ""
        );
    }
}
