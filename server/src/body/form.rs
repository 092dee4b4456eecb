//! Detects forms, sent by a web page or `curl`, that contain a field which belongs in the query.

mod multipart;
mod parameter;
mod urlencoded;

use self::multipart::Multipart;
use self::parameter::Parameter;
use self::urlencoded::Urlencoded;

/// The field names to look for.
const NAMES: [&str; 3] = ["delay", "behavior", "status"];
/// The length of the longest of them.
const LONGEST_NAME: usize = "behavior".len();

/// Parses a form as it arrives, keeping almost nothing of it.
#[derive(Debug)]
pub(crate) enum FormReader {
    /// The default of web pages and of `curl -d`.
    Urlencoded(Urlencoded),
    /// The format of web pages that upload files and of `curl -F`.
    Multipart(Multipart),
}

impl FormReader {
    /// The reader for a body of this content type, if that is a form.
    pub(crate) fn of(content_type: &[u8]) -> Option<Self> {
        let essence = content_type.split(|byte| *byte == b';').next()?.trim_ascii();
        if essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            return Some(Self::Urlencoded(Urlencoded::default()));
        }
        let boundary = Parameter::read("boundary", multipart::LONGEST_BOUNDARY, content_type);
        let is_multipart = essence.eq_ignore_ascii_case(b"multipart/form-data");
        let boundary = boundary.filter(|boundary| is_multipart && !boundary.is_empty())?;
        Some(Self::Multipart(Multipart::new(&boundary)))
    }

    /// Parses the next bytes. Returns the first name that they complete.
    pub(crate) fn follow(&mut self, chunk: &[u8]) -> Option<&'static str> {
        match self {
            Self::Urlencoded(form) => form.follow(chunk),
            Self::Multipart(form) => form.follow(chunk),
        }
    }

    /// Ends the form. Returns the name that its end completes, if any.
    pub(crate) fn end(&mut self) -> Option<&'static str> {
        match self {
            Self::Urlencoded(form) => form.end(),
            Self::Multipart(form) => form.end(),
        }
    }
}

/// Which of the known names this is, if any.
fn known(name: &[u8]) -> Option<&'static str> {
    NAMES.into_iter().find(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_recognized_by_its_content_type() {
        for (content_type, expected) in [
            ("application/x-www-form-urlencoded", "Urlencoded"),
            ("Application/X-WWW-form-urlencoded ; charset=utf-8", "Urlencoded"),
            ("multipart/form-data; boundary=X", "Multipart"),
            ("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"", "Multipart"),
            ("multipart/form-data", "None"),
            ("multipart/form-data; boundary=", "None"),
            ("multipart/mixed; boundary=X", "None"),
            ("text/plain; boundary=X", "None"),
            ("", "None"),
        ] {
            let form = format!("{:?}", FormReader::of(content_type.as_bytes()));
            let form = form.strip_prefix("Some(").unwrap_or(&form);
            assert!(form.starts_with(expected), "{content_type}: {form}");
        }
    }
}
