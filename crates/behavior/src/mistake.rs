//! What is wrong with the text of a behavior, and where.

use std::fmt::Write as _;

use longsync_text::said::printable;

/// How long a sentence may be, in bytes: it travels in headers.
const MOST_BYTES: usize = 1_024;
/// How many characters of the text are repeated.
const MOST_CHARACTERS: usize = 80;

/// Where a text stops being a behavior, and what would be right there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct NotABehavior {
    column: usize,
    sentence: String,
}

impl NotABehavior {
    /// The column of the mistake, in characters from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Of `text`.
    pub(crate) fn new(text: &str, mistake: Mistake) -> Self {
        let before = &text[..mistake.at];
        let column = before.chars().count() + 1;
        let excerpt = excerpt(text, column - 1);
        let (joint, what) = match mistake.what {
            What::Expected(what) => (" is not understood at column ", format!("expected {what}")),
            What::Wrong(why) => (" is wrong at column ", why),
        };
        // A reason may repeat what was written.
        let what = printable(&what);
        let mut sentence = format!("`{excerpt}`{joint}{column}: {what}");
        if sentence.len() > MOST_BYTES {
            let end = (0..=MOST_BYTES - 3).rev().find(|end| sentence.is_char_boundary(*end));
            sentence.truncate(end.unwrap_or_default());
            sentence.push_str("...");
        }
        Self { column, sentence }
    }

    /// Of a text that says nothing.
    pub(crate) fn empty() -> Self {
        let sentence =
            "an empty text is not a behavior: write a delay such as 250ms, or 0s for none";
        Self { column: 1, sentence: sentence.to_owned() }
    }

    /// Of a text which is too long to be read.
    pub(crate) fn too_long(text: &str, most: usize) -> Self {
        let bytes = text.len();
        let sentence =
            format!("a behavior of {bytes} bytes is too long: write at most {most} bytes");
        let column = text.char_indices().take_while(|(at, _)| *at < most).count() + 1;
        Self { column, sentence }
    }

    /// Of a text which is longer when it is printed than it was.
    pub(crate) fn too_long_printed(bytes: usize, most: usize) -> Self {
        let sentence = format!(
            "this behavior is too long: printed in full it has {bytes} bytes, and may have at most {most}"
        );
        Self { column: 1, sentence }
    }
}

/// The text, or if it is long, what is around the character with this index.
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

/// A mistake at a byte of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    at: usize,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Expected(String),
    Wrong(String),
}

impl Mistake {
    /// Something else was expected there.
    pub(crate) fn expected(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: What::Expected(what.into()) }
    }

    /// What stands there is understood, and wrong.
    pub(crate) fn wrong(at: usize, why: impl Into<String>) -> Self {
        Self { at, what: What::Wrong(why.into()) }
    }
}
