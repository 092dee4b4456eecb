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

/// Wraps text into one string, with each line in a style and ended by a line break.
pub(crate) fn paragraph(text: &str, width: usize, style: Style) -> String {
    let mut paragraph = String::new();
    for line in wrapped(text, width) {
        let _ = writeln!(paragraph, "{style}{line}{style:#}");
    }
    paragraph
}
