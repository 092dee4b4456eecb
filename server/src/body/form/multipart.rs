//! Finds the field names in a multipart form (`multipart/form-data`, RFC 7578).

use super::{LONGEST_NAME, Parameter, known};

/// The longest accepted boundary, in bytes. RFC 2046, section 5.1.1, allows 70.
pub(super) const LONGEST_BOUNDARY: usize = 256;

const DISPOSITION: &[u8] = b"content-disposition";

/// Parses a multipart form line by line. A line may end without a carriage return.
#[derive(Debug)]
pub(crate) struct Multipart {
    /// The line that separates two parts.
    delimiter: Box<[u8]>,
    at: MultipartState,
    /// The name of the current part, once the header that contains it has begun.
    name: Option<Parameter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MultipartState {
    /// In a line before the first part or in a part's content; this many bytes of a delimiter match so far.
    Delimiter(usize),
    /// After a delimiter, on the same line. Two hyphens right after it mark the last delimiter.
    Behind { hyphens: u8, is_padded: bool },
    /// In a line of a part's content, or before the first part.
    Content,
    /// At the start of a line in a part's head. Right after the header that names the part, the line may
    /// continue that header.
    Head { is_below_name: bool },
    /// In a header's name; this many bytes of the name that we look for match so far.
    HeaderName(Option<usize>),
    /// In the value of the header that names the part.
    Disposition,
    /// In the value of another header.
    OtherHeader,
    /// After the last part.
    Over,
}

impl Multipart {
    pub(super) fn new(boundary: &[u8]) -> Self {
        let delimiter = [b"--", boundary].concat().into();
        Self { delimiter, at: MultipartState::Delimiter(0), name: None }
    }

    /// Parses the next bytes. Returns the first name that they complete.
    pub(super) fn follow(&mut self, chunk: &[u8]) -> Option<&'static str> {
        chunk.iter().find_map(|byte| self.push(*byte))
    }

    /// Ends the form, perhaps in the middle of a part's head.
    pub(super) fn end(&mut self) -> Option<&'static str> {
        self.name.take().and_then(|mut name| known(name.end()?))
    }

    fn push(&mut self, byte: u8) -> Option<&'static str> {
        match self.at {
            MultipartState::Over => {}
            MultipartState::Delimiter(_)
            | MultipartState::Behind { .. }
            | MultipartState::Content => self.at = self.in_content(byte),
            MultipartState::Head { .. } if byte == b'\n' => {
                self.at = MultipartState::Delimiter(0);
                return self.end();
            }
            _ => self.at = self.in_head(byte),
        }
        None
    }

    fn in_content(&self, byte: u8) -> MultipartState {
        match (self.at, byte) {
            (MultipartState::Behind { hyphens: 0, .. }, b'\n') => {
                MultipartState::Head { is_below_name: false }
            }
            (MultipartState::Behind { hyphens: 2, .. }, b'\n') => MultipartState::Over,
            (_, b'\n') => MultipartState::Delimiter(0),
            (MultipartState::Delimiter(matched), _)
                if self.delimiter.get(matched) == Some(&byte) =>
            {
                if matched + 1 == self.delimiter.len() {
                    MultipartState::Behind { hyphens: 0, is_padded: false }
                } else {
                    MultipartState::Delimiter(matched + 1)
                }
            }
            (MultipartState::Behind { hyphens: hyphens @ (0 | 1), is_padded: false }, b'-') => {
                MultipartState::Behind { hyphens: hyphens + 1, is_padded: false }
            }
            (MultipartState::Behind { hyphens, .. }, b' ' | b'\t' | b'\r') => {
                MultipartState::Behind { hyphens, is_padded: true }
            }
            _ => MultipartState::Content,
        }
    }

    fn in_head(&mut self, byte: u8) -> MultipartState {
        match (self.at, byte) {
            (at, b'\n') => {
                MultipartState::Head { is_below_name: at == MultipartState::Disposition }
            }
            (at, b'\r') => at,
            (MultipartState::Disposition, _)
            | (MultipartState::Head { is_below_name: true }, b' ' | b'\t') => {
                self.name.iter_mut().for_each(|name| name.push(byte));
                MultipartState::Disposition
            }
            (MultipartState::Head { .. }, b' ' | b'\t') => MultipartState::OtherHeader,
            (MultipartState::Head { .. }, _) => MultipartState::HeaderName(next_of(Some(0), byte)),
            (MultipartState::HeaderName(Some(matched)), b':') if matched == DISPOSITION.len() => {
                // A repeated header counts only if the previous one did not name the part.
                if self.name.as_mut().is_none_or(|name| name.end().is_none()) {
                    self.name = Some(Parameter::new("name", LONGEST_NAME));
                }
                MultipartState::Disposition
            }
            (MultipartState::HeaderName(_), b':') => MultipartState::OtherHeader,
            (MultipartState::HeaderName(_), b' ' | b'\t') => self.at,
            (MultipartState::HeaderName(matched), _) => {
                MultipartState::HeaderName(next_of(matched, byte))
            }
            (at, _) => at,
        }
    }
}

/// The number of matched bytes of the name of the header that names a part, including this byte.
fn next_of(matched: Option<usize>, byte: u8) -> Option<usize> {
    let matched = matched?;
    (DISPOSITION.get(matched) == Some(&byte.to_ascii_lowercase())).then_some(matched + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(form: &[u8], cuts: &[usize]) -> Option<&'static str> {
        let (mut follows, mut rest) = (Multipart::new(b"X-y"), form);
        for cut in cuts {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            if let Some(found) = follows.follow(piece) {
                return Some(found);
            }
            rest = after;
        }
        follows.follow(rest).or_else(|| follows.end())
    }

    #[test]
    fn names_are_found_in_every_notation() {
        let part = |head: &str| format!("--X-y\r\n{head}\r\n\r\n1s\r\n--X-y--\r\n");
        let named = |name: &str| part(&format!("Content-Disposition: form-data; {name}"));
        let delay = named("name=\"delay\"");
        let file = named("name=\"a\"; filename=\"delay\"");
        for (form, expected) in [
            (delay.clone(), Some("delay")),
            (delay.replace("\r\n", "\n"), Some("delay")),
            (format!("of no interest\r\n{delay}"), Some("delay")),
            (delay.replace("y\r\n", "y \t\r\n"), Some("delay")),
            (delay[..delay.find("1s").unwrap()].to_owned(), Some("delay")),
            (delay[..delay.find("\r\n\r\n1s").unwrap()].to_owned(), Some("delay")),
            (format!("{}{delay}", file.replace("--\r\n", "\r\n\r\n")), Some("delay")),
            (named("filename=\"x; name=a\"; name=behavior"), Some("behavior")),
            (named("\r\n\tname=\"behavior\""), Some("behavior")),
            (
                part("Content-Type: a/b\r\nCONTENT-DISPOSITION : form-data;name=delay\r\nA: b"),
                Some("delay"),
            ),
            (file.clone(), None),
            (format!("{file}{delay}"), None),
            (named("name=\"Delay\""), None),
            (named("name=\"delays\""), None),
            (part("Content-Type: form-data; name=delay"), None),
            (part("Content-Type: a/b;\r\n name=delay"), None),
            (part("A: b\r\n\r\nContent-Disposition: form-data; name=delay"), None),
            (delay.replace("--X-y\r\n", "--X-yz\r\n"), None),
            (delay.replace("--X-y\r\n", "--X-y-\r\n"), None),
            (delay.replace("--X-y\r\n", " --X-y\r\n"), None),
            (String::new(), None),
        ] {
            for cut in 0..=form.len() {
                assert_eq!(found(form.as_bytes(), &[cut]), expected, "{form} at {cut}");
            }
        }
    }

    /// Parses a complete form at once.
    fn read(form: &str) -> Option<&'static str> {
        let mut lines = form.lines();
        loop {
            match lines.next()?.strip_prefix("--X-y").map(str::trim_end) {
                Some("") => {}
                Some("--") => return None,
                _ => continue,
            }
            let head: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let head = head.join("\n").replace("\n ", " ");
            let name = head.lines().find_map(|line| {
                let (header, value) = line.split_once(':')?;
                let is_wanted = header.eq_ignore_ascii_case("content-disposition");
                Parameter::read("name", LONGEST_NAME, value.as_bytes()).filter(|_| is_wanted)
            });
            if let Some(known) = name.and_then(|name| known(&name)) {
                return Some(known);
            }
        }
    }

    proptest! {
        /// Wherever the form is cut, the result is the same as for the complete form.
        #[test]
        fn cuts_do_not_change_the_result(
            pieces in proptest::collection::vec(
                prop::sample::select(vec![
                    "--X-y\r\n", "--X-y\n", "--X-y--\r\n", "--X-y", "\r\n", "\n", " ", "a: b\r\n", "-", "text",
                    "Content-Disposition: form-data; name=\"delay\"\r\n",
                    "content-disposition:form-data;", "name=behavior", "name=\"a\";", "\r\n name=delay",
                ]),
                0..30,
            ),
            cuts in proptest::collection::vec(0_usize..40, 0..20),
        ) {
            let form = pieces.concat();
            prop_assert_eq!(found(form.as_bytes(), &cuts), read(&form), "{:?}", form);
        }
    }
}
