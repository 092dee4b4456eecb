//! Figures of several rounds, and tables of them.

use std::fmt::Write as _;

use crate::digits::two_digits;

/// One figure: one value per round, in the order of the rounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Samples {
    /// The middle value; the lower one if there are two, [`None`] without a round.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut values = self.0.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len().checked_sub(1)? / 2).copied()
    }

    /// The value of each round.
    pub(crate) fn rounds(&self) -> &[f64] {
        &self.0
    }

    fn spread(&self) -> Option<(f64, f64)> {
        let values = || self.0.iter().copied();
        Some((values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?))
    }
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// Given in nanoseconds, shown in microseconds.
    Micros,
    /// Given in nanoseconds, shown in seconds.
    Seconds,
    /// Given as a count, shown in thousands.
    Thousands,
    /// Given in bytes, shown in KiB.
    Kib,
    /// Given in bytes, shown in MiB.
    Mib,
}

impl Unit {
    /// The value in this unit, without its name.
    pub(crate) fn shown(self, value: f64) -> String {
        two_digits(match self {
            Self::Micros | Self::Thousands => value / 1e3,
            Self::Seconds => value / 1e9,
            Self::Kib => value / 1024.0,
            Self::Mib => value / 1024.0 / 1024.0,
        })
    }
}

/// A table: sides down, figures across.
#[derive(Debug)]
pub(crate) struct Table {
    /// The text above it.
    pub(crate) title: String,
    columns: Vec<Column>,
    rows: Vec<(String, RowCells)>,
    /// The text below it.
    note: Option<String>,
}

#[derive(Debug)]
struct Column {
    /// The figure's name in the JSON, including the unit in which it was measured.
    name: &'static str,
    head: String,
    unit: Unit,
    has_ratio: bool,
}

/// The figures of a side, by their names in the JSON.
pub(crate) type NamedSamples<'a> = Vec<(&'static str, &'a Samples)>;

#[derive(Debug)]
enum RowCells {
    Measured(Vec<Samples>),
    /// Why nothing was measured.
    Missing(String),
}

impl Table {
    /// Without rows yet.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), columns: Vec::new(), rows: Vec::new(), note: None }
    }

    /// With one more column: the figure's name in the JSON, including the unit in which it was measured, and
    /// the text above it.
    pub(crate) fn column(mut self, name: &'static str, head: &str, unit: Unit) -> Self {
        self.columns.push(Column { name, head: head.to_owned(), unit, has_ratio: false });
        self
    }

    /// With a sentence below.
    pub(crate) fn with_note(mut self, note: String) -> Self {
        self.note = Some(note);
        self
    }

    /// With one more column, and one for its ratio to that of the first row.
    pub(crate) fn column_with_ratio(mut self, name: &'static str, head: &str, unit: Unit) -> Self {
        self.columns.push(Column { name, head: head.to_owned(), unit, has_ratio: true });
        self
    }

    /// Adds the measurements of a side: one figure per column.
    pub(crate) fn measured(&mut self, side: &str, figures: Vec<Samples>) {
        self.rows.push((side.to_owned(), RowCells::Measured(figures)));
    }

    /// Adds the reason why a side was not measured.
    pub(crate) fn missing(&mut self, side: &str, why: &str) {
        self.rows.push((side.to_owned(), RowCells::Missing(why.to_owned())));
    }

    /// The text below it.
    pub(crate) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The sides in their order, each with its figures by name, or with the reason why it was not measured.
    pub(crate) fn sides(&self) -> impl Iterator<Item = (&str, Result<NamedSamples<'_>, &str>)> {
        self.rows.iter().map(|(side, cells)| {
            let figures = match cells {
                RowCells::Measured(figures) => {
                    Ok(self.columns.iter().map(|column| column.name).zip(figures).collect())
                }
                RowCells::Missing(why) => Err(why.as_str()),
            };
            (side.as_str(), figures)
        })
    }

    /// The median of a side's figure, in the unit in which it was measured; [`None`] if the table lacks it.
    pub(crate) fn median(&self, side: &str, figure: &str) -> Option<f64> {
        let (_, figures) = self.sides().find(|(name, _)| *name == side)?;
        let (_, samples) = figures.ok()?.into_iter().find(|(name, _)| *name == figure)?;
        samples.median()
    }

    /// In Markdown: the median and, in brackets, the minimum and maximum of the rounds.
    pub(crate) fn to_markdown(&self) -> String {
        let mut text = format!("**{}**\n\n| |", self.title);
        for Column { head, has_ratio, .. } in &self.columns {
            let _ = write!(text, " {head} |{}", if *has_ratio { " x |" } else { "" });
        }
        text.push_str("\n|---|");
        for Column { has_ratio, .. } in &self.columns {
            text.push_str(if *has_ratio { "---:|---:|" } else { "---:|" });
        }
        let first = self.rows.iter().find_map(|(_, cells)| match cells {
            RowCells::Measured(figures) => Some(figures),
            RowCells::Missing(_) => None,
        });
        for (side, cells) in &self.rows {
            let _ = write!(text, "\n| {side} |");
            match cells {
                RowCells::Missing(why) => {
                    let _ = write!(text, " {why} |");
                }
                RowCells::Measured(figures) => {
                    for (index, (column, samples)) in self.columns.iter().zip(figures).enumerate() {
                        text.push_str(&cell(column, samples, first.map(|first| &first[index])));
                    }
                }
            }
        }
        text.push('\n');
        if let Some(note) = &self.note {
            let _ = writeln!(text, "\n{note}");
        }
        text
    }
}

fn cell(column: &Column, samples: &Samples, first: Option<&Samples>) -> String {
    let (Some(median), Some((least, most))) = (samples.median(), samples.spread()) else {
        return if column.has_ratio { " | |" } else { " |" }.to_owned();
    };
    let shown = |value| column.unit.shown(value);
    let mut text = format!(" {} ({} to {}) |", shown(median), shown(least), shown(most));
    if column.has_ratio {
        match first.and_then(Samples::median).filter(|first| *first > 0.0) {
            Some(first) => {
                let _ = write!(text, " {} |", two_digits(median / first));
            }
            None => text.push_str(" |"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_medians_spreads_ratios_and_missing_figures() {
        let mut table = Table::new("Lateness")
            .column_with_ratio("late_p50_ns", "p50, us", Unit::Micros)
            .column("bytes", "memory, KiB", Unit::Kib)
            .with_note("Load average 0.5.".to_owned());
        let samples = |values: &[f64]| values.iter().copied().collect::<Samples>();
        table.measured("ours", vec![samples(&[30e3, 10e3, 20e3]), samples(&[1536.0])]);
        table.measured("theirs", vec![samples(&[2e6]), samples(&[])]);
        table.missing("absent", "install it");
        let expected = "\
**Lateness**

| | p50, us | x | memory, KiB |
|---|---:|---:|---:|
| ours | 20 (10 to 30) | 1.0 | 1.5 (1.5 to 1.5) |
| theirs | 2000 (2000 to 2000) | 100 | |
| absent | install it |

Load average 0.5.
";
        assert_eq!(table.to_markdown(), expected);
        assert_eq!(table.median("ours", "late_p50_ns"), Some(20e3));
        for (side, figure) in
            [("ours", "late"), ("theirs", "bytes"), ("absent", "bytes"), ("", "bytes")]
        {
            assert_eq!(table.median(side, figure), None, "{side} {figure}");
        }
    }
}
