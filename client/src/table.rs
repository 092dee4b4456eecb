//! The tables of reports.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

/// A table with a line below its header: the first `labels` columns are words, the others figures.
pub(crate) fn table(header: Vec<&str>, rows: Vec<Vec<String>>, labels: usize) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header(header);
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if index >= labels {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
