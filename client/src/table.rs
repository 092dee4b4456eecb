//! The tables of reports.

use std::ops::Range;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

/// A table with a line below its header: the first `labels` columns are words, the others figures. If it is
/// wider than the given number of terminal columns, it is split into tables one below another, each with the
/// labels and as many of the figures as fit, at least one.
pub(crate) fn table(
    header: &[&str],
    rows: &[Vec<String>],
    labels: usize,
    columns: usize,
) -> String {
    let mut tables = Vec::new();
    let mut next = labels;
    while next < header.len() {
        let drawn_to = |end: usize| draw(header, rows, labels, next..end);
        let mut end = next + 1;
        let mut drawn = drawn_to(end);
        while end < header.len() {
            let wider = drawn_to(end + 1);
            if width(&wider) > columns {
                break;
            }
            (end, drawn) = (end + 1, wider);
        }
        tables.push(drawn);
        next = end;
    }
    tables.join("\n")
}

/// A table of the labels, and of the figures in these columns.
fn draw(header: &[&str], rows: &[Vec<String>], labels: usize, figures: Range<usize>) -> String {
    let row_of = |row: &[String]| [&row[..labels], &row[figures.clone()]].concat();
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header([&header[..labels], &header[figures.clone()]].concat());
    table.add_rows(rows.iter().map(|row| row_of(row)));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if index >= labels {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// The width of the widest line, in columns.
pub(crate) fn width(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_table_that_is_too_wide_is_split() {
        let row = ["a", "1", "22", "333"].map(str::to_owned).to_vec();
        let drawn = |columns| {
            table(&["way", "one", "two", "three"], std::slice::from_ref(&row), 1, columns)
        };
        assert_eq!(
            drawn(80),
            "way  one  two  three\n─────────────────────\na      1   22    333\n"
        );
        assert_eq!(
            drawn(16),
            "way  one  two\n──────────────\na      1   22\n\nway  three\n───────────\na      333\n"
        );
    }

    proptest! {
        /// At any width, each figure is in one of the tables, and no line is wider than the terminal if a
        /// label and a figure fit.
        #[test]
        fn no_cell_is_lost(
            figures in proptest::collection::vec("[0-9]{1,12}", 1..10),
            count in 1_usize..4,
            columns in 20_usize..120,
        ) {
            let mut row = vec!["label".to_owned()];
            row.extend(figures.iter().cloned());
            let header = vec!["head"; row.len()];
            let drawn = table(&header, &vec![row; count], 1, columns);
            prop_assert!(width(&drawn) <= columns, "{}", drawn);
            let mut shown: Vec<_> = drawn.split_whitespace().filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).collect();
            let mut all: Vec<_> = (0..count).flat_map(|_| figures.iter().map(String::as_str)).collect();
            shown.sort_unstable();
            all.sort_unstable();
            prop_assert_eq!(shown, all);
        }
    }
}
