//! A user's text, quoted in a sentence about it.

use crate::said::printable;

/// How many characters of it are quoted: sentences travel in headers, whose size is limited.
const MOST_CHARACTERS: usize = 80;

/// `text` in back quotes, [printable](printable); only the beginning of a long one.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        None => format!("`{}`", printable(text)),
        Some((end, _)) => format!("`{}...`", printable(&text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(quoted("\u{1b}[31m5s"), r"`\u{1b}[31m5s`");
    }

    proptest! {
        /// A short text is quoted in full, and a long one is cut.
        #[test]
        fn short_text_is_whole_and_long_text_is_cut(text in "\\PC{0,200}") {
            let quoted = quoted(&text);
            if text.chars().count() <= MOST_CHARACTERS {
                prop_assert_eq!(quoted, format!("`{}`", printable(&text)));
            } else {
                let kept: String = text.chars().take(MOST_CHARACTERS).collect();
                prop_assert_eq!(quoted, format!("`{}...`", printable(&kept)));
            }
        }
    }
}
