//! Other tools' syntax for delays: refused, with the translation.

use longsync_text::{Percent, duration};

use longsync_text::parse_error::ParseError;

/// The error with the translation, if `text` is in the syntax of another tool.
pub(super) fn recognized(text: &str, is_understood: impl Fn(&str) -> bool) -> Option<ParseError> {
    let ours = strest(text).or_else(|| fortio(text))?;
    // Only a translation that is understood is suggested; a text that merely looks like another tool's is not
    // translated.
    let why = format!("this is another tool's syntax: did you mean `{ours}`?");
    is_understood(&ours).then(|| ParseError::wrong(0, why))
}

/// `50=10ms,99=200ms`: percentiles, with or without their p.
fn strest(text: &str) -> Option<String> {
    let points = pairs(text, '=')?.into_iter().map(|(percentile, value)| {
        let number = percentile.strip_prefix('p').unwrap_or(percentile);
        is_number(number).then(|| format!("{number}={value}"))
    });
    Some(format!("percentiles({})", points.collect::<Option<Vec<_>>>()?.join(", ")))
}

/// `150us:10,2ms:5`: shares; the rest is answered at once.
fn fortio(text: &str) -> Option<String> {
    let mut parts = Vec::new();
    let mut sum = Percent::NONE;
    for (value, share) in pairs(text, ':')? {
        duration::parse(value).ok()?;
        let share = share.strip_suffix('%').unwrap_or(share);
        sum = sum.checked_add(Percent::from_number(share).ok()?)?;
        parts.push(format!("{share}%: {value}"));
    }
    if sum < Percent::ALL {
        parts.push("rest: 0s".to_owned());
    }
    Some(format!("mix({})", parts.join(", ")))
}

fn pairs(text: &str, joint: char) -> Option<Vec<(&str, &str)>> {
    text.split(',')
        .map(|pair| pair.split_once(joint).map(|(left, right)| (left.trim(), right.trim())))
        .collect()
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
