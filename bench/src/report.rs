//! `docs/performance.md` and the figures beside it: one section per measure and what to conclude from it, each renewed
//! when it is measured.

use std::fs;
use std::io::ErrorKind;

use anyhow::Context as _;

use crate::machine::{Machine, today};
use crate::measure::Bench;
use crate::peers::{root, say};
use crate::raw::{self, MeasureData, MeasureRecord};
use crate::table::Table;

/// What stands between a page's own words and a section.
fn section_marks(name: &str) -> [String; 2] {
    [format!("<!-- measured: {name} -->"), format!("<!-- end: {name} -->")]
}

/// What stands between a page's own words and what is concluded.
fn conclusion_marks(name: &str) -> [String; 2] {
    [format!("<!-- concluded: {name} -->"), format!("<!-- end of what is concluded: {name} -->")]
}

/// The text of a section.
pub(crate) fn section(bench: &Bench, tables: &[Table]) -> String {
    let mut text = format!(
        "{}, {}; {}.\nMedian of {} rounds, the sides in turn; least and most in brackets. Each round's figures are in \
         [performance.json](performance.json).\n",
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

/// The same as a section, as data.
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

/// Puts a measure in its place in the page and in the file beside it.
pub(crate) fn write(
    name: &str,
    section: &str,
    conclusion: &str,
    measured: &MeasureRecord<'_>,
) -> anyhow::Result<()> {
    let [page_path, data_path] =
        ["docs/performance.md", "docs/performance.json"].map(|path| root().join(path));
    let page = fs::read_to_string(&page_path)
        .with_context(|| format!("no {}", page_path.display()))
        .and_then(|page| renewed(&page, name, section, conclusion))
        .with_context(|| format!("{} stays as it is", page_path.display()))?;
    let file = match fs::read_to_string(&data_path) {
        Ok(text) => Some(text),
        Err(why) if why.kind() == ErrorKind::NotFound => None,
        Err(why) => return Err(why).with_context(|| format!("no {}", data_path.display())),
    };
    let data = raw::with(file.as_deref(), name, measured)
        .with_context(|| format!("{} stays as it is", data_path.display()))?;
    fs::write(&data_path, data)?;
    fs::write(&page_path, page)?;
    say(&format!("{} and {} are written", page_path.display(), data_path.display()));
    Ok(())
}

/// The page with a section and what is concluded from it.
fn renewed(page: &str, name: &str, section: &str, conclusion: &str) -> anyhow::Result<String> {
    let page = between(page, &section_marks(name), &format!("\n\n{section}\n"))
        .with_context(|| format!("it has no place for {name}"))?;
    between(&page, &conclusion_marks(name), conclusion)
        .with_context(|| format!("it has no place for what is concluded from {name}"))
}

/// The page with this text between two marks; [`None`] if it lacks them.
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

- <!-- concluded: a -->old<!-- end of what is concluded: a --> <!-- concluded: b --><!-- end of what is concluded: b -->

<!-- measured: a -->
old
<!-- end: a -->
words
<!-- measured: b --><!-- end: b -->
<!-- measured: c --><!-- end: c -->
";

    #[test]
    fn a_measure_takes_the_place_of_the_one_before_and_touches_nothing_else() {
        let expected = "\
# Page

- <!-- concluded: a -->It is new.<!-- end of what is concluded: a --> <!-- concluded: b --><!-- end of what is concluded: b -->

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
    fn a_page_without_a_place_is_refused() {
        let why = |name| renewed(PAGE, name, "", "").unwrap_err().to_string();
        assert_eq!(why("d"), "it has no place for d");
        assert_eq!(why("c"), "it has no place for what is concluded from c");
    }
}
