//! A mistake in a text of a small language, and the sentence about it.

use std::fmt::Write as _;

use crate::said::printable;

/// The longest sentence, in bytes: sentences travel in headers.
const MOST_BYTES: usize = 1_024;
/// How many characters of the text are quoted.
const MOST_CHARACTERS: usize = 80;

/// A mistake at a byte of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    at: usize,
    what: ParseErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ParseErrorKind {
    Expected(String),
    Wrong(String),
}

impl ParseError {
    /// Something else was expected there.
    pub fn expected(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: ParseErrorKind::Expected(what.into()) }
    }

    /// The text there is understood, but it is wrong.
    pub fn wrong(at: usize, why: impl Into<String>) -> Self {
        Self { at, what: ParseErrorKind::Wrong(why.into()) }
    }

    /// The column of this mistake in `text`, in characters from 1; and a sentence that quotes the text and
    /// says what is wrong there, in at most 1,024 bytes.
    ///
    /// # Panics
    /// When the mistake is not at the beginning of a character of `text`.
    pub fn describe(&self, text: &str) -> (usize, String) {
        let column = text[..self.at].chars().count() + 1;
        let excerpt = excerpt(text, column - 1);
        let (joint, what) = match &self.what {
            ParseErrorKind::Expected(what) => {
                (" is not understood at column ", &format!("expected {what}"))
            }
            ParseErrorKind::Wrong(why) => (" is wrong at column ", why),
        };
        // A reason may quote the text.
        let what = printable(what);
        let mut sentence = format!("`{excerpt}`{joint}{column}: {what}");
        if sentence.len() > MOST_BYTES {
            let end = (0..=MOST_BYTES - 3).rev().find(|end| sentence.is_char_boundary(*end));
            sentence.truncate(end.unwrap_or_default());
            sentence.push_str("...");
        }
        (column, sentence)
    }
}

/// The text or, if it is long, the part around the character with this index.
fn excerpt(text: &str, index: usize) -> String {
    let count = text.chars().count();
    if count <= MOST_CHARACTERS {
        return printable(text).into_owned();
    }
    let first = index.saturating_sub(MOST_CHARACTERS / 2).min(count - MOST_CHARACTERS);
    let shown: String = text.chars().skip(first).take(MOST_CHARACTERS).collect();
    let mut excerpt = String::new();
    let dots = |is_cut| if is_cut { "..." } else { "" };
    let (before, after) = (dots(first > 0), dots(first + MOST_CHARACTERS < count));
    let _ = write!(excerpt, "{before}{}{after}", printable(&shown));
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_reported_with_its_column() {
        let told = ParseError::expected(6, "a number").describe("caf\u{e9}(x)");
        assert_eq!(
            told,
            (6, "`caf\u{e9}(x)` is not understood at column 6: expected a number".to_owned())
        );
    }

    #[test]
    fn a_long_text_is_cut_around_the_mistake() {
        let text = format!("{}!{}", "a".repeat(200), "b".repeat(200));
        let (column, sentence) = ParseError::wrong(200, "no".repeat(2_000)).describe(&text);
        assert_eq!(column, 201);
        assert!(sentence.starts_with("`...aaa") && sentence.contains("a!b"), "{sentence}");
        assert!(sentence.len() <= MOST_BYTES && sentence.ends_with("..."), "{sentence}");
    }
}
