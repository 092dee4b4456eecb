//! Words in lines.

use std::fmt::Write as _;

use anstyle::Style;

/// Text in lines of at most the given number of characters.
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

/// The same as one text, in which each line ends, and all of it in a style.
pub(crate) fn paragraph(text: &str, width: usize, style: Style) -> String {
    let mut paragraph = String::new();
    for line in wrapped(text, width) {
        let _ = writeln!(paragraph, "{style}{line}{style:#}");
    }
    paragraph
}
