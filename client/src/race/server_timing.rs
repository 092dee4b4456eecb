//! The header `server-timing` (W3C Server Timing), as far as a race reads it. Pure.

use std::borrow::Cow;

/// The parameter with this name of the first metric that has this name and such a parameter, without the
/// quotes around it. What a quoted parameter contains separates nothing.
pub(super) fn parameter<'a>(header: &'a str, metric: &str, name: &str) -> Option<Cow<'a, str>> {
    split(header, ',').find_map(|entry| {
        let mut parts = split(entry, ';').map(str::trim);
        let is_such = parts.next() == Some(metric);
        let value = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
        is_such.then(|| unquoted(value))
    })
}

/// The parts of a text between separators outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character: char| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        is_escaped = is_quoted && character == '\\';
        is_quoted ^= character == '"';
        character == separator && !is_quoted
    })
}

/// The text of a quoted string; any other text is unchanged.
fn unquoted(value: &str) -> Cow<'_, str> {
    let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inside) = inside else { return Cow::Borrowed(value) };
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let (mut text, mut characters) = (String::with_capacity(inside.len()), inside.chars());
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_parameter_separates_nothing() {
        let header =
            r#"fault;desc="fail(20%, 503, \"a, planned;dur=1 \\u{e9}\")", planned;dur=250.000"#;
        assert_eq!(parameter(header, "planned", "dur").as_deref(), Some("250.000"));
        let fault = r#"fail(20%, 503, "a, planned;dur=1 \u{e9}")"#;
        assert_eq!(parameter(header, "fault", "desc").as_deref(), Some(fault));
    }

    #[test]
    fn a_parameter_is_that_of_its_metric() {
        let header = r#"cdn, waited ; desc="x"; dur=5"#;
        assert_eq!(parameter(header, "waited", "dur").as_deref(), Some("5"));
        assert_eq!(parameter(header, "waited", "desc").as_deref(), Some("x"));
        for (metric, name) in [("cdn", "dur"), ("wait", "dur"), ("waited", "du"), ("", "dur")] {
            assert_eq!(parameter(header, metric, name), None, "{metric} {name}");
        }
    }

    #[test]
    fn a_string_without_its_end_is_read_as_it_is() {
        for (header, value) in
            [(r#"x;a="b"#, r#""b"#), (r#"x;a=""#, "\""), (r#"x;a="b\"#, r#""b\"#)]
        {
            assert_eq!(parameter(header, "x", "a").as_deref(), Some(value), "{header}");
        }
    }
}
