//! docs/behavior.md is true: its examples parse, they have its figures, and its mistakes are refused.

use std::time::Duration;

use longsync_behavior::{Behavior, DEFAULT_MOST, ParseBehaviorError, Rules};
use longsync_text::duration::rounded;

const PAGE: &str = include_str!("../../../docs/behavior.md");

/// A row of a table, with the headers of its columns.
struct TableRow {
    heads: Vec<&'static str>,
    cells: Vec<&'static str>,
}

impl TableRow {
    /// The cell in the column with this header.
    fn cell(&self, head: &str) -> Option<&'static str> {
        let column = self.heads.iter().position(|name| *name == head)?;
        self.cells.get(column).copied()
    }

    /// The code that is the entire cell.
    fn code(&self, head: &str) -> Option<&'static str> {
        let cell = self.cell(head)?;
        let code = cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        Some(code.unwrap_or_else(|| panic!("{cell} has more than code")))
    }
}

fn cells(line: &'static str) -> Vec<&'static str> {
    let inner = line.strip_prefix('|').and_then(|rest| rest.strip_suffix('|'));
    inner.map(|inner| inner.split('|').map(str::trim).collect()).unwrap_or_default()
}

/// The rows of all tables of the page.
fn rows() -> Vec<TableRow> {
    let (mut rows, mut heads) = (Vec::new(), Vec::new());
    for line in PAGE.lines() {
        let cells = cells(line);
        if cells.is_empty() {
            heads.clear();
        } else if heads.is_empty() {
            heads = cells;
        } else if !cells[0].starts_with("---") {
            assert_eq!(cells.len(), heads.len(), "{line}");
            rows.push(TableRow { heads: heads.clone(), cells });
        }
    }
    rows
}

/// Reads as a server that has any recording.
fn read(text: &str) -> Result<Behavior, ParseBehaviorError> {
    let recordings = |_: &str| Ok(vec![(5_000_000, 9), (80_000_000, 1)]);
    Behavior::read(text, &Rules::server(DEFAULT_MOST, &recordings))
}

#[test]
fn every_example_is_a_behavior() {
    let examples: Vec<_> = rows().iter().filter_map(|row| row.code("example")).collect();
    assert!(examples.len() >= 30, "{examples:?}");
    for text in examples {
        let behavior = read(text).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(read(behavior.text()).unwrap(), behavior, "{text}");
    }
}

#[test]
fn arguments_of_the_programs_are_behaviors() {
    let commands = PAGE.lines().filter(|line| line.starts_with("cargo run"));
    let texts: Vec<_> = commands.filter_map(|line| line.split('\'').nth(1)).collect();
    assert!(texts.len() >= 3, "{texts:?}");
    for text in texts {
        assert!(read(text).is_ok(), "{text}");
    }
}

#[test]
fn the_ready_shapes_have_the_documented_figures() {
    let mut names = Vec::new();
    for row in rows() {
        let Some((name, text)) = row.code("name").zip(row.code("example")) else { continue };
        names.push(name);
        let behavior = read(text).unwrap();
        for (head, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let delay = rounded(behavior.delays(1).quantile(share));
            assert_eq!(row.cell(head), Some(delay.as_str()), "{head} of {name}");
        }
    }
    assert_eq!(names, ["cache", "database", "object-store", "cold-start", "gc-pauses"]);
}

#[test]
fn canonical_texts_are_printed_as_documented() {
    let mut count = 0;
    for row in rows() {
        let Some(printed) = row.code("as `Timing` prints it") else { continue };
        let text = row.code("example").unwrap();
        assert_eq!(read(text).unwrap().text(), printed, "{text}");
        count += 1;
    }
    assert_eq!(count, 6);
}

#[test]
fn documented_mistakes_are_refused() {
    let mut count = 0;
    for row in rows() {
        let Some(text) = row.code("refused") else { continue };
        let said = read(text).unwrap_err().to_string();
        let expected = row.cell("the error says").unwrap();
        assert!(said.contains(expected), "{text}: {said}");
        count += 1;
    }
    assert!(count >= 10);
}

/// The page's two tables of what callers may ask for, checked by the rules themselves.
#[test]
fn callers_may_have_every_example_but_recordings_queues_and_stalls() {
    for text in rows().iter().filter_map(|row| row.code("example")) {
        let is_for_all = !["replay", "queue", "stall"].iter().any(|clause| text.contains(clause));
        let read = Behavior::read(text, &Rules::caller(DEFAULT_MOST));
        assert_eq!(read.is_ok(), is_for_all, "{text}: {read:?}");
    }
}

/// Without `100=` and `max`: ten times the last value, unless the limit is less.
#[test]
fn percentiles_end_as_documented() {
    let ends_at = |text: &str| read(text).unwrap().delays(1).ends().1;
    assert_eq!(ends_at("percentiles(50=10ms, 99=200ms)"), Duration::from_secs(2));
    assert_eq!(ends_at("percentiles(50=10ms, 99=200ms, 100=250ms)"), Duration::from_millis(250));
    assert_eq!(ends_at("percentiles(50=10m, 99=20m)"), DEFAULT_MOST);
}
