//! The lines of Prometheus' text form, and of `OpenMetrics`.

use longsync_text::said::quoted;

/// The ending of the name of a histogram's buckets.
pub(super) const BUCKET: &str = "_bucket";

/// Whether a text has this form.
pub(super) fn is_one(text: &str) -> bool {
    text.lines().any(|line| {
        line.starts_with("# TYPE ") || line.starts_with("# HELP ") || line.contains("_bucket{")
    })
}

/// One sample: `NAME{LABEL="VALUE",...} NUMBER`; more may follow.
#[derive(Debug, PartialEq)]
pub(super) struct ExpositionSample<'a> {
    pub(super) name: &'a str,
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) value: f64,
}

/// Reads a line that is not a comment.
pub(super) fn sample(line: &str) -> Result<ExpositionSample<'_>, String> {
    let name_end = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    let (name, mut rest) = line.split_at(name_end);
    let labels = if rest.starts_with('{') { labels(&mut rest)? } else { Vec::new() };
    // The value may be followed by a timestamp and an exemplar.
    let value = rest.split_whitespace().next().unwrap_or_default();
    let Ok(number) = value.parse() else {
        return Err(format!(
            "{} is not a sample's value: a line is NAME{{LABEL=\"TEXT\"}} NUMBER",
            quoted(value)
        ));
    };
    Ok(ExpositionSample { name, labels, value: number })
}

/// Takes `{...}` from the beginning of `rest`. Values keep their escapes.
fn labels<'a>(rest: &mut &'a str) -> Result<Vec<(&'a str, &'a str)>, String> {
    const FORM: &str = "labels are written {LABEL=\"TEXT\",...}";
    let mut labels = Vec::new();
    *rest = &rest[1..];
    loop {
        *rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if let Some(after) = rest.strip_prefix('}') {
            *rest = after;
            return Ok(labels);
        }
        let (label, after) = rest.split_once('=').ok_or(FORM)?;
        let value = after.trim_start().strip_prefix('"').ok_or(FORM)?;
        let end = closing_quote(value).ok_or(FORM)?;
        labels.push((label.trim(), &value[..end]));
        *rest = &value[end + 1..];
    }
}

/// The position of the first quote that is not escaped.
fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })
}
