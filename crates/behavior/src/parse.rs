//! Parses the text of a behavior: clauses, separated by semicolons.

mod duration;
mod fault;
mod foreign;
mod queue;
mod shape;
mod stall;

use std::time::Duration;

use crate::delay::{self, Delay};
use crate::fault::{FaultClause, Faults, SharesError};
use crate::parse_error::ParseBehaviorError;
use crate::queue::Queue;
use crate::rules::Rules;
use crate::stall::Stall;
use longsync_text::duration::ParseDurationError;
use longsync_text::parse_error::ParseError;
use longsync_text::words::Words;

/// The longest text, in bytes, both as written and as printed.
pub(crate) const MOST_BYTES: usize = 4_096;

/// The most clauses that a text may have.
const MOST_CLAUSES: usize = 64;

const A_CLAUSE: &str = "a delay, a fault, a queue or a stall";
const AFTER_THE_DELAY: &str = "nothing more, a fault, a queue or a stall: the delay has been given";

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
                Some(Err(why)) if duration::is_said_everywhere(&why, rules.limit()) => {
                    mistake.with_sentence(why.to_string())
                }
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
    (is_number && is_word).then(|| longsync_text::duration::parse(text))
}

/// The clauses of a text.
#[derive(Default)]
pub(crate) struct Clauses {
    pub(crate) delay: Option<Delay>,
    pub(crate) faults: Faults,
    pub(crate) queue: Option<Queue>,
    pub(crate) stall: Option<Stall>,
}

/// The clauses that have been read so far. The byte at which each fault begins is kept for errors.
#[derive(Default)]
struct ReadClauses {
    delay: Option<Delay>,
    faults: Vec<FaultClause>,
    fault_places: Vec<usize>,
    queue: Option<Queue>,
    stall: Option<Stall>,
}

impl ReadClauses {
    fn count(&self) -> usize {
        let alone = [self.delay.is_some(), self.queue.is_some(), self.stall.is_some()];
        self.faults.len() + alone.into_iter().map(usize::from).sum::<usize>()
    }

    fn into_clauses(self) -> Result<Clauses, ParseError> {
        let texts: Vec<_> = self.faults.iter().map(ToString::to_string).collect();
        let faults = Faults::new(self.faults).map_err(|why| {
            let wrong = |index: usize, why: &str| ParseError::wrong(self.fault_places[index], why);
            match why {
                SharesError::Over { index, millionths } => {
                    wrong(index, &over(millionths, &texts[index], &texts[..index]))
                }
                SharesError::NothingLeft(index) => wrong(
                    index,
                    "nothing is left for rest: the other faults already have 100% of the calls",
                ),
                SharesError::SecondRest(index) => {
                    wrong(index, "only one fault may have the rest: write a share for the others")
                }
            }
        })?;
        Ok(Clauses { delay: self.delay, faults, queue: self.queue, stall: self.stall })
    }
}

/// The sentence about shares that exceed 100 % with the clause `with`.
fn over(millionths: u64, with: &str, before: &[String]) -> String {
    let before: Vec<_> = before.iter().filter(|it| !it.starts_with("fail_first(")).collect();
    let names = before.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    let sum = delay::percent(millionths);
    format!(
        "with `{with}` the shares of the faults add up to {sum}%, but they may have at most 100% \
         together: lower it, or what comes before: {names}"
    )
}

fn clauses(words: &mut Words<'_>, rules: &Rules<'_>) -> Result<Clauses, ParseError> {
    let mut clauses = ReadClauses::default();
    loop {
        clause(words, rules, &mut clauses)?;
        let has_more = words.takes(';');
        if words.is_end() {
            return clauses.into_clauses();
        }
        if !has_more {
            return Err(words.expected("`;` and a further clause, or nothing more"));
        }
    }
}

/// The error about a word that begins no clause.
fn unknown(at: usize, name: &str, has_delay: bool) -> ParseError {
    let lower = name.to_ascii_lowercase();
    let is_known = fault::NAMES.contains(&&*lower)
        || shape::is_name(&lower)
        || matches!(&*lower, "queue" | "stall");
    if is_known {
        return ParseError::expected(at, format!("`{lower}` in lower case"));
    }
    if has_delay {
        return ParseError::expected(at, AFTER_THE_DELAY);
    }
    let [names @ .., last] = fault::NAMES;
    let faults = format!("{} or {last}", names.join(", "));
    let expected =
        format!("{}; a fault: {faults} with its parameters; a queue; or a stall", shape::A_DELAY);
    ParseError::expected(at, expected)
}

fn clause(
    words: &mut Words<'_>,
    rules: &Rules<'_>,
    clauses: &mut ReadClauses,
) -> Result<(), ParseError> {
    let at = words.place();
    let name = words.clone().name();
    if clauses.count() == MOST_CLAUSES {
        let why = format!("a behavior has at most {MOST_CLAUSES} clauses: leave this one out");
        return Err(ParseError::wrong(at, why));
    }
    if name == "queue" {
        if clauses.queue.is_some() {
            return Err(ParseError::wrong(
                at,
                "a behavior has at most one queue: leave this one out",
            ));
        }
        rules.allows(at, "queue")?;
        clauses.queue = Some(queue::read(words)?);
        return Ok(());
    }
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
    if fault::NAMES.contains(&name) {
        clauses.faults.push(fault::read(name, words, rules)?);
        clauses.fault_places.push(at);
        return Ok(());
    }
    if words.rest().starts_with(';') {
        return Err(ParseError::expected(at, format!("{A_CLAUSE}, before this semicolon")));
    }
    if !words.rest().starts_with(|c: char| c.is_ascii_digit()) && !shape::is_name(name) {
        return Err(unknown(at, name, clauses.delay.is_some()));
    }
    let shape = shape::read(words, 0, rules.limit());
    if clauses.delay.is_some() {
        let why = "a behavior has at most one delay: leave this one out, or write a mix of both";
        return Err(match shape {
            Ok(_) => ParseError::wrong(at, why),
            Err(_) => ParseError::expected(at, AFTER_THE_DELAY),
        });
    }
    clauses.delay = Some(Delay::build(shape?, None, rules)?);
    Ok(())
}
