//! Parses the text of a behavior: clauses, separated by semicolons.

mod foreign;
mod shape;
mod stall;

use std::time::Duration;

use crate::delay::Delay;
use crate::parse_error::ParseBehaviorError;
use crate::rules::Rules;
use crate::stall::Stall;
use longsync_text::duration::{self, ParseDurationError};
use longsync_text::parse_error::ParseError;
use longsync_text::words::Words;

/// The longest text, in bytes, both as written and as printed.
pub(crate) const MOST_BYTES: usize = 4_096;

const FAULTS: [&str; 9] =
    ["fail", "reset", "hang", "goaway", "drop", "slow", "late_trailers", "fail_first", "queue"];

/// Reads the clauses of a text.
///
/// # Errors
/// When there are none, or they have something that `rules` do not allow.
pub(crate) fn read(text: &str, rules: &Rules<'_>) -> Result<Clauses, ParseBehaviorError> {
    if text.len() > MOST_BYTES {
        return Err(ParseBehaviorError::too_long(text, MOST_BYTES));
    }
    let mut words = Words::new(text);
    if words.is_end() {
        return Err(ParseBehaviorError::empty());
    }
    let is_understood = |text: &str| clauses(&mut Words::new(text), rules).is_ok();
    clauses(&mut words, rules)
        .map_err(|mistake| foreign::recognized(text, is_understood).unwrap_or(mistake))
        .map_err(|mistake| {
            let mistake = ParseBehaviorError::new(text, &mistake);
            match lone_duration(text) {
                Some(Err(why)) => mistake.with_sentence(why.to_string()),
                _ => mistake,
            }
        })
}

/// The text as a duration, if it is meant as a duration alone: then its mistakes are described in the same
/// words as everywhere else that expects a duration.
fn lone_duration(text: &str) -> Option<Result<Duration, ParseDurationError>> {
    let text = text.trim();
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
    let is_word = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | '_'));
    (is_number && is_word).then(|| duration::parse(text))
}

/// The clauses of a text.
#[derive(Default)]
pub(crate) struct Clauses {
    pub(crate) delay: Option<Delay>,
    pub(crate) stall: Option<Stall>,
}

fn clauses(words: &mut Words<'_>, rules: &Rules<'_>) -> Result<Clauses, ParseError> {
    let mut clauses = Clauses::default();
    loop {
        clause(words, rules, &mut clauses)?;
        let has_more = words.takes(';');
        if words.is_end() {
            return Ok(clauses);
        }
        if !has_more {
            return Err(words.expected("`;` and a further clause, or nothing more"));
        }
    }
}

fn clause(
    words: &mut Words<'_>,
    rules: &Rules<'_>,
    clauses: &mut Clauses,
) -> Result<(), ParseError> {
    let at = words.place();
    let name = words.clone().name();
    if name == "stall" {
        if clauses.stall.is_some() {
            return Err(ParseError::wrong(
                at,
                "a behavior has at most one stall: leave this one out",
            ));
        }
        rules.allows(at, "stall")?;
        clauses.stall = Some(stall::read(words)?);
        return Ok(());
    }
    if FAULTS.contains(&name) {
        let expected = format!("a delay or a stall: `{name}` is not understood yet");
        return Err(ParseError::expected(at, expected));
    }
    if words.rest().starts_with(';') {
        return Err(ParseError::expected(at, "a delay or a stall, before this semicolon"));
    }
    let shape = shape::read(words, 0);
    if clauses.delay.is_some() {
        let why = "a behavior has at most one delay: leave this one out, or write a mix of both";
        return Err(match shape {
            Ok(_) => ParseError::wrong(at, why),
            Err(_) => {
                ParseError::expected(at, "nothing more, or a stall: the delay has been given")
            }
        });
    }
    clauses.delay = Some(Delay::build(shape?, None, rules)?);
    Ok(())
}
