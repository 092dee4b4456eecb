//! Text that a server sent, made safe to show: no byte that would make a terminal, a pipe or a file do
//! anything gets through.

use std::borrow::Cow;
use std::fmt::Write as _;

/// How many characters of it a sentence quotes.
const MOST_CHARACTERS: usize = 200;

/// Whether a character acts instead of being visible: controls (C0, DEL, C1), marks that change the direction
/// of text, line separators, tags, and noncharacters.
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}'
                | '\u{ffff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// `text` with each invisible character written as its escape, such as `\u{1b}` or `\n`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_invisible(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// At most the given number of characters of `text`, printable; if it was cut, its length in bytes follows.
pub fn shortened(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else {
        return printable(text).into_owned();
    };
    let mut shown = printable(&text[..end]).into_owned();
    let _ = write!(shown, "... ({} bytes in all)", text.len());
    shown
}

/// `text` in back quotes, for a sentence about it: printable, and only the beginning of a long one.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        None => format!("`{}`", printable(text)),
        Some((end, _)) => format!("`{}...`", printable(&text[..end])),
    }
}

/// The same for bytes that should be text; invalid UTF-8 is replaced.
pub fn quoted_bytes(bytes: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// No invisible character is left, and plain text is unchanged.
        #[test]
        fn no_invisible_character_is_left(text in any::<String>(), bytes in any::<Vec<u8>>()) {
            for shown in [printable(&text).into_owned(), shortened(&text, 20), quoted(&text), quoted_bytes(&bytes)] {
                prop_assert!(!shown.contains(is_invisible), "{:?}", shown);
            }
            if !text.contains(is_invisible) {
                prop_assert_eq!(&*printable(&text), &text);
            }
        }

        /// A long text does not make a long sentence.
        #[test]
        fn a_long_text_is_cut(text in "\\PC{0,400}") {
            if !text.contains(is_invisible) {
                prop_assert!(quoted(&text).chars().count() <= MOST_CHARACTERS + 5);
            }
            prop_assert!(shortened(&text, 10).chars().count() <= 10 * 10 + 40);
        }
    }

    #[test]
    fn escapes_are_shown_as_escapes() {
        assert_eq!(printable("\x1b]0;owned\x07\r\nred"), r"\u{1b}]0;owned\u{7}\r\nred");
        assert_eq!(printable("\u{9b}31m\u{7f}"), r"\u{9b}31m\u{7f}");
        assert_eq!(printable("caf\u{e9} 100% \u{202e}txt"), "caf\u{e9} 100% \\u{202e}txt");
        assert_eq!(printable("tag\u{e0001}\u{e0041}"), r"tag\u{e0001}\u{e0041}");
        assert_eq!(shortened("abcdef", 3), "abc... (6 bytes in all)");
        assert_eq!(quoted_bytes(b"caf\xe9"), "`caf\u{fffd}`");
    }
}
