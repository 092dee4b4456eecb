//! Errors in the text of a behavior, and where they are.

use longsync_text::parse_error::ParseError;

/// Where a text stops being a behavior, and what would be right there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ParseBehaviorError {
    column: usize,
    sentence: String,
}

impl ParseBehaviorError {
    /// The column of the mistake, in characters from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The error about `mistake` in `text`.
    pub(crate) fn new(text: &str, mistake: &ParseError) -> Self {
        let (column, sentence) = mistake.describe(text);
        Self { column, sentence }
    }

    /// The same mistake in other words.
    pub(crate) fn with_sentence(self, sentence: String) -> Self {
        Self { sentence, ..self }
    }

    /// The error about a text without any words.
    pub(crate) fn empty() -> Self {
        let sentence =
            "an empty text is not a behavior: write a delay such as 250ms, or 0s for none";
        Self { column: 1, sentence: sentence.to_owned() }
    }

    /// The error about a text that is too long to be read.
    pub(crate) fn too_long(text: &str, most: usize) -> Self {
        let bytes = text.len();
        let sentence =
            format!("a behavior of {bytes} bytes is too long: write at most {most} bytes");
        let column = text.char_indices().take_while(|(at, _)| *at < most).count() + 1;
        Self { column, sentence }
    }

    /// The error about a text that is too long when it is printed.
    pub(crate) fn too_long_printed(bytes: usize, most: usize) -> Self {
        let sentence = format!(
            "this behavior is too long: printed in full it has {bytes} bytes, but may have at most {most}"
        );
        Self { column: 1, sentence }
    }
}
