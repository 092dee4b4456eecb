//! `docs/performance.md` and the JSON file next to it: one section and one conclusion per measure, both
//! replaced whenever it is measured.

use std::fs;
use std::io::ErrorKind;

use anyhow::Context as _;

use crate::machine::{Machine, today};
use crate::measure::Bench;
use crate::peers::{root, say};
use crate::raw::{self, MeasureData, MeasureRecord};
use crate::table::Table;

/// The marks between the page's hand-written text and a section.
fn section_marks(name: &str) -> [String; 2] {
    [format!("<!-- measured: {name} -->"), format!("<!-- end: {name} -->")]
}

/// The marks between the page's hand-written text and a conclusion.
fn conclusion_marks(name: &str) -> [String; 2] {
    [format!("<!-- conclusion: {name} -->"), format!("<!-- end of conclusion: {name} -->")]
}

/// The text of a section.
pub(crate) fn section(bench: &Bench, tables: &[Table]) -> String {
    let mut text = format!(
        "{}, {}; {}.\nMedian of {} rounds with alternating sides; minimum and maximum in \
         brackets. The figures of each round are in [performance.json](performance.json).\n",
        today(),
        Machine::this().in_words(),
        bench.peers.versions().join(", "),
        bench.rounds,
    );
    for table in tables {
        text.push('\n');
        text.push_str(&table.to_markdown());
    }
    text
}

/// A section's figures as data.
pub(crate) fn data<'a>(bench: &Bench, tables: &'a [Table]) -> MeasureRecord<'a> {
    MeasureRecord {
        date: today(),
        machine: Machine::this(),
        versions: bench.peers.versions(),
        figures: MeasureData::Rounds {
            rounds: bench.rounds,
            tables: tables.iter().map(Into::into).collect(),
        },
    }
}

/// Replaces a measure in the page and in the JSON file next to it.
pub(crate) fn write(
    name: &str,
    section: &str,
    conclusion: &str,
    measured: &MeasureRecord<'_>,
) -> anyhow::Result<()> {
    let [page_path, data_path] =
        ["docs/performance.md", "docs/performance.json"].map(|path| root().join(path));
    let page = fs::read_to_string(&page_path)
        .with_context(|| format!("cannot read {}", page_path.display()))
        .and_then(|page| renewed(&page, name, section, conclusion))
        .with_context(|| format!("{} is left unchanged", page_path.display()))?;
    let file = match fs::read_to_string(&data_path) {
        Ok(text) => Some(text),
        Err(why) if why.kind() == ErrorKind::NotFound => None,
        Err(why) => {
            return Err(why).with_context(|| format!("cannot read {}", data_path.display()));
        }
    };
    let data = raw::renewed(file.as_deref(), name, measured)
        .with_context(|| format!("{} is left unchanged", data_path.display()))?;
    fs::write(&data_path, data)?;
    fs::write(&page_path, page)?;
    say(&format!("wrote {} and {}", page_path.display(), data_path.display()));
    Ok(())
}

/// The page with a new section and a new conclusion for a measure.
fn renewed(page: &str, name: &str, section: &str, conclusion: &str) -> anyhow::Result<String> {
    let page = between(page, &section_marks(name), &format!("\n\n{section}\n"))
        .with_context(|| format!("it has no place for {name}"))?;
    between(&page, &conclusion_marks(name), conclusion)
        .with_context(|| format!("it has no place for the conclusion of {name}"))
}

/// The page with this text between two marks; [`None`] if they are missing.
fn between(page: &str, [begin, end]: &[String; 2], text: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# Page

- <!-- conclusion: a -->old<!-- end of conclusion: a --> <!-- conclusion: b --><!-- end of conclusion: b -->

<!-- measured: a -->
old
<!-- end: a -->
words
<!-- measured: b --><!-- end: b -->
<!-- measured: c --><!-- end: c -->
";

    #[test]
    fn a_new_section_replaces_the_previous_one_and_nothing_else() {
        let expected = "\
# Page

- <!-- conclusion: a -->It is new.<!-- end of conclusion: a --> <!-- conclusion: b --><!-- end of conclusion: b -->

<!-- measured: a -->

new

<!-- end: a -->
words
<!-- measured: b --><!-- end: b -->
<!-- measured: c --><!-- end: c -->
";
        let once = renewed(PAGE, "a", "new\n", "It is new.").unwrap();
        assert_eq!(once, expected);
        assert_eq!(renewed(&once, "a", "new\n", "It is new.").unwrap(), once);
    }

    #[test]
    fn a_page_without_the_marks_is_refused() {
        let why = |name| renewed(PAGE, name, "", "").unwrap_err().to_string();
        assert_eq!(why("d"), "it has no place for d");
        assert_eq!(why("c"), "it has no place for the conclusion of c");
    }
}
