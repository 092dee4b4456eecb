//! How much is kept of the texts that a server sends.

/// The most characters kept of a text: a status message may have a million of them.
const MOST_CHARACTERS: usize = 500;

/// The part of a text that is kept, unescaped: it is escaped when it is shown.
pub(super) fn kept(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}... ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
