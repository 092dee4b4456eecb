//! The key to the colors of a picture in a terminal.

use std::fmt::Write as _;

use anstyle::Style;
use longsync_text::said::printable;

use crate::chart::theme::FAINT;
use crate::wrap::wrapped;

const BETWEEN: &str = "   ";

/// A sample of a style, and its meaning.
#[derive(Debug)]
pub(crate) struct KeyEntry<'a> {
    pub(crate) style: Style,
    /// May be empty.
    pub(crate) sample: String,
    pub(crate) meaning: &'a str,
}

impl<'a> KeyEntry<'a> {
    /// A remark without a sample.
    pub(crate) fn remark(meaning: &'a str) -> Self {
        Self { style: FAINT, sample: String::new(), meaning }
    }
}

/// Lines of entries, each with as many as fit.
pub(crate) fn key(entries: &[KeyEntry<'_>], columns: usize) -> String {
    let mut key = String::new();
    let mut used = 0;
    for KeyEntry { style, sample, meaning } in entries {
        let indent = if sample.is_empty() { 0 } else { sample.chars().count() + 1 };
        let words = wrapped(&printable(meaning), columns.saturating_sub(indent));
        let width = indent + words.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        if used > 0 && used + BETWEEN.len() + width > columns {
            key.push('\n');
            used = 0;
        }
        if used > 0 {
            key.push_str(BETWEEN);
            used += BETWEEN.len();
        }
        used += width;
        if indent > 0 {
            let _ = write!(key, "{style}{sample}{style:#} ");
        }
        let words = words.join(&format!("\n{:indent$}", ""));
        let _ = write!(key, "{FAINT}{words}{FAINT:#}");
    }
    if used > 0 {
        key.push('\n');
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_as_many_entries_as_fit() {
        let entry = |meaning| KeyEntry { style: FAINT, sample: "██".to_owned(), meaning };
        let entries =
            [entry("failed"), entry("cancelled"), KeyEntry::remark("a remark that is long")];
        let plain = |columns| anstream::adapter::strip_str(&key(&entries, columns)).to_string();
        assert_eq!(plain(60), "██ failed   ██ cancelled   a remark that is long\n");
        assert_eq!(plain(30), "██ failed   ██ cancelled\na remark that is long\n");
        assert_eq!(plain(12), "██ failed\n██ cancelled\na remark\nthat is long\n");
        assert_eq!(key(&[], 60), "");
    }
}
