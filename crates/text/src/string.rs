//! Strings in double quotes, as part of texts that people type and headers carry.

use std::fmt::Write as _;

/// What is wrong with a string, and at which byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseStringError {
    /// The byte at which it stops being a string, counted from 0 at its opening quote.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

const AN_ESCAPE: &str = r#"one of the escapes \" \\ \n \r \t and \u{hex}"#;
const CODE_POINT: &str = r"a code point in hexadecimal, such as \u{e9}";

/// Reads the string at the beginning of `text`. Returns it and its length in bytes, including both quotes.
///
/// # Errors
/// When `text` does not begin with a quote, the closing one is missing, or an escape is unknown.
pub fn read(text: &str) -> Result<(String, usize), ParseStringError> {
    let wrong = |at, expected| ParseStringError { at, expected };
    if !text.starts_with('"') {
        return Err(wrong(0, "a string in double quotes"));
    }
    let mut string = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((string, at + 1)),
            '\\' => match characters.next().map(|(_, escape)| escape) {
                Some(escape @ ('"' | '\\')) => string.push(escape),
                Some('n') => string.push('\n'),
                Some('r') => string.push('\r'),
                Some('t') => string.push('\t'),
                Some('u') => {
                    let digits = text[at + 2..].strip_prefix('{').and_then(|it| it.split_once('}'));
                    let digits = digits.map(|(digits, _)| digits).filter(|it| it.len() <= 6);
                    let digits = digits.filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()));
                    let value = digits.and_then(|it| u32::from_str_radix(it, 16).ok());
                    let decoded = value.and_then(char::from_u32);
                    string.push(decoded.ok_or_else(|| wrong(at, CODE_POINT))?);
                    let _ = characters.by_ref().find(|(_, character)| *character == '}');
                }
                _ => return Err(wrong(at, AN_ESCAPE)),
            },
            character => string.push(character),
        }
    }
    Err(wrong(text.len(), "the closing quote of the string"))
}

/// Prints a string so that [`read`] reads it back, in nothing but visible ASCII and blanks.
pub fn print(string: &str) -> String {
    let mut printed = String::with_capacity(string.len() + 2);
    printed.push('"');
    for character in string.chars() {
        match character {
            '"' | '\\' => printed.extend(['\\', character]),
            '\n' => printed.push_str("\\n"),
            '\r' => printed.push_str("\\r"),
            '\t' => printed.push_str("\\t"),
            ' '..='~' => printed.push(character),
            _ => {
                let _ = write!(printed, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
    printed.push('"');
    printed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A printed string fits in a header and is read back as the same string.
        #[test]
        fn print_then_read_is_the_same(string in any::<String>(), after in "\\PC{0,8}") {
            let printed = print(&string);
            prop_assert!(printed.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            let bytes = printed.len();
            prop_assert_eq!(read(&(printed + &after)), Ok((string, bytes)));
        }

        /// Any text at all is either read or refused; nothing panics.
        #[test]
        fn any_text_is_read_or_refused(text in "\"(\\PC|\\\\|\\{|\\}|u){0,12}") {
            if let Err(wrong) = read(&text) {
                prop_assert!(wrong.at <= text.len());
            }
        }
    }

    #[test]
    fn a_text_is_refused_where_it_stops_being_a_string() {
        for (text, at, expected) in [
            ("a", 0, "a string in double quotes"),
            ("\"abc", 4, "the closing quote of the string"),
            (r#""a\q""#, 2, AN_ESCAPE),
            (r#""a\"#, 2, AN_ESCAPE),
            (r#""\u{110000}""#, 1, CODE_POINT),
            (r#""\u{d800}""#, 1, CODE_POINT),
            (r#""\u{+1}""#, 1, CODE_POINT),
            (r#""\u1""#, 1, CODE_POINT),
        ] {
            assert_eq!(read(text), Err(ParseStringError { at, expected }), "{text}");
        }
    }
}
