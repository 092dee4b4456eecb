//! `docs/performance.md`: one section per measure, each renewed when it is measured.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::machine::{Machine, today};
use crate::measure::Bench;
use crate::peers::root;
use crate::table::Table;

/// What stands between a page's own words and what is measured.
fn marks(name: &str) -> (String, String) {
    (format!("<!-- measured: {name} -->"), format!("<!-- end: {name} -->"))
}

/// The text of a section.
pub(crate) fn section(bench: &Bench, tables: &[Table]) -> String {
    let mut text = format!(
        "{}, {}; {}.\nMedian of {} rounds, the sides in turn; least and most in brackets.\n",
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

/// Puts a section in its place in the page.
pub(crate) fn write(name: &str, section: &str) -> anyhow::Result<PathBuf> {
    let path = root().join("docs/performance.md");
    let page = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let page = replaced(&page, name, section)
        .with_context(|| format!("{} has no place for {name}", path.display()))?;
    fs::write(&path, page)?;
    Ok(path)
}

fn replaced(page: &str, name: &str, section: &str) -> Option<String> {
    let (begin, end) = marks(name);
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{section}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_the_one_before_and_touches_nothing_else() {
        let page = "# Page\n\n<!-- measured: a -->\nold\n<!-- end: a -->\nwords\n<!-- measured: b --><!-- end: b -->\n";
        let once = replaced(page, "a", "new\n").unwrap();
        assert_eq!(
            once,
            "# Page\n\n<!-- measured: a -->\n\nnew\n\n<!-- end: a -->\nwords\n<!-- measured: b --><!-- end: b -->\n"
        );
        assert_eq!(replaced(&once, "a", "new\n"), Some(once.clone()));
        assert_eq!(replaced(page, "c", ""), None);
    }
}
