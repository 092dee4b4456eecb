//! Wraps words into lines.

use std::fmt::Write as _;

use anstyle::Style;

/// Wraps text into lines of at most the given number of characters; a longer word has its own line.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines
}

/// Wraps text into lines of at most the given number of characters, all but the first of them indented.
pub(crate) fn hanging(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = wrapped(text, width.saturating_sub(indent));
    for line in lines.iter_mut().skip(1) {
        line.insert_str(0, &" ".repeat(indent));
    }
    lines
}

/// Wraps text into one string, with each line in a style and ended by a line break.
pub(crate) fn paragraph(text: &str, width: usize, style: Style) -> String {
    let mut paragraph = String::new();
    for line in wrapped(text, width) {
        let _ = writeln!(paragraph, "{style}{line}{style:#}");
    }
    paragraph
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_after_the_first_are_indented() {
        assert_eq!(hanging("one two three four", 9, 2), ["one two", "  three", "  four"]);
        assert_eq!(hanging("one", 9, 2), ["one"]);
    }

    proptest! {
        /// No line is wider than asked if each word fits beside the indent, and no word is lost or moved.
        #[test]
        fn no_line_is_too_wide_and_no_word_is_lost(
            words in proptest::collection::vec("[a-zé]{1,12}", 1..40),
            indent in 0_usize..20,
            rest in 12_usize..100,
        ) {
            let lines = hanging(&words.join(" "), indent + rest, indent);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= indent + rest), "{:?}", lines);
            let indented = lines.iter().skip(1).all(|line| line.starts_with(&" ".repeat(indent)));
            prop_assert!(indented, "{:?}", lines);
            let found: Vec<_> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            prop_assert_eq!(found, words);
        }
    }
}
