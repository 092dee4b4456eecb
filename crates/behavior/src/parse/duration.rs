//! Durations for which the rules of a clause allow less than a year.

use std::time::Duration;

use longsync_text::duration::{LONGEST, ParseDurationError, text};
use longsync_text::parse_error::ParseError;
use longsync_text::quoted;
use longsync_text::words::Words;

/// Reads the duration that is next. If it is over a year, `too_long` says so and quotes it: what is said
/// everywhere else is to write at most a year, which the clause would refuse as well.
pub(super) fn read(
    words: &mut Words<'_>,
    too_long: impl FnOnce(&str) -> String,
) -> Result<Duration, ParseError> {
    let at = words.place();
    let rest = words.rest();
    words.duration().map_err(|why| {
        let written = written(rest, words);
        match longsync_text::duration::parse(written) {
            Err(why) if why.is_too_long() => ParseError::wrong(at, too_long(&quoted(written))),
            _ => why,
        }
    })
}

/// What has been read since `rest` was the rest.
pub(super) fn written<'a>(rest: &'a str, words: &mut Words<'_>) -> &'a str {
    rest[..rest.len() - words.rest().len()].trim_end()
}

/// Reads a duration of which a server allows at most this.
pub(super) fn read_delay(words: &mut Words<'_>, most: Duration) -> Result<Duration, ParseError> {
    if most >= LONGEST {
        return words.duration();
    }
    read(words, |quoted| {
        format!("{quoted} is over this server's limit for delays: write at most {}", text(most))
    })
}

/// Whether what is said everywhere else about a wrong duration is right where at most this is allowed.
pub(super) fn is_said_everywhere(why: &ParseDurationError, most: Duration) -> bool {
    most >= LONGEST || !why.is_too_long()
}
