//! JSON documents that cannot control a terminal: all text from servers is escaped.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use longsync_text::said::is_invisible;

/// A value as a JSON document. Besides what JSON itself escapes, DEL, C1 and the other invisible characters
/// are escaped: a terminal would obey them.
///
/// # Errors
/// None that is known: all our values have a JSON form.
pub(crate) fn document(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::with_capacity(1024);
    let mut serializer =
        Serializer::with_formatter(&mut bytes, Escaping(PrettyFormatter::with_indent(b"  ")));
    value.serialize(&mut serializer)?;
    String::from_utf8(bytes).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Like [`PrettyFormatter`], which writes the layout, with more characters escaped.
struct Escaping(PrettyFormatter<'static>);

macro_rules! delegate {
    ($($method:ident($($name:ident: $type:ty),*)),* $(,)?) => {
        $(fn $method<W: ?Sized + io::Write>(&mut self, writer: &mut W, $($name: $type),*) -> io::Result<()> {
            self.0.$method(writer, $($name),*)
        })*
    };
}

impl Formatter for Escaping {
    delegate! {
        begin_array(), end_array(), begin_array_value(first: bool), end_array_value(),
        begin_object(), end_object(), begin_object_key(first: bool), begin_object_value(),
        end_object_value(),
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, unseen)) = rest.char_indices().find(|(_, each)| is_invisible(*each)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in unseen.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + unseen.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every text is read back as it was, and no invisible character of it is in the document.
        #[test]
        fn text_is_escaped_and_read_back(texts in proptest::collection::vec(any::<String>(), 0..4)) {
            let json = document(&texts).unwrap();
            prop_assert!(!json.replace('\n', "").contains(is_invisible), "{:?}", json);
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), texts);
        }
    }

    #[test]
    fn invisible_characters_that_json_allows_are_escaped_too() {
        let json = document(&"\x1b\x7f\u{9b}\u{202e}").unwrap();
        assert_eq!(json, r#""\u001b\u007f\u009b\u202e""#);
        let plain = serde_json::json!({"a": [1, {"b": "c"}], "d": {}});
        assert_eq!(document(&plain).unwrap(), serde_json::to_string_pretty(&plain).unwrap());
    }
}
