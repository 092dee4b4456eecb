//! Parses the text of a schedule: pieces, separated by semicolons.

use std::time::Duration;

use longsync_text::parse_error::ParseError;
use longsync_text::words::Words;

use super::amount::Amount;
use super::piece::{Pieces, SchedulePiece};
use super::schedule_error::ScheduleError;

/// A form of a piece whose parameters all have keys.
struct PieceSyntax {
    name: &'static str,
    amounts: &'static [&'static str],
    duration: &'static str,
}

const STEP: PieceSyntax =
    PieceSyntax { name: "step", amounts: &["from", "to", "by"], duration: "every" };
const LINE: PieceSyntax = PieceSyntax { name: "line", amounts: &["from", "to"], duration: "in" };

/// The values of a piece's keys, and the byte position of each value.
struct PieceValues<A> {
    amounts: Vec<(&'static str, A)>,
    duration: Option<Duration>,
    places: Vec<(&'static str, usize)>,
}

/// Reads the pieces of a text.
///
/// # Errors
/// If there are no pieces, or they are not understood or do not fit together.
pub(super) fn read<A: Amount>(text: &str) -> Result<Pieces<A>, ScheduleError> {
    let mut words = Words::new(text);
    if words.is_end() {
        let sentence =
            format!("an empty text is not a schedule: write one such as {}", A::CONSTANT);
        return Err(ScheduleError::new(sentence));
    }
    pieces(&mut words).map_err(|mistake| ScheduleError::new(mistake.describe(text).1))
}

fn pieces<A: Amount>(words: &mut Words<'_>) -> Result<Pieces<A>, ParseError> {
    let mut pieces = Pieces::default();
    loop {
        let start = words.place();
        let (piece, places) = piece(words)?;
        pieces.push(piece).map_err(|wrong| {
            let place = places.iter().find(|(key, _)| *key == wrong.key);
            ParseError::wrong(place.map_or(start, |(_, place)| *place), wrong.why)
        })?;
        let has_more = words.takes(';');
        if words.is_end() {
            return Ok(pieces);
        }
        if !has_more {
            return Err(words.expected("`;` and another piece, or the end"));
        }
    }
}

type ParsedPiece<A> = (SchedulePiece<A>, Vec<(&'static str, usize)>);

fn piece<A: Amount>(words: &mut Words<'_>) -> Result<ParsedPiece<A>, ParseError> {
    let start = words.place();
    match words.name() {
        "constant" => constant(words),
        "step" => {
            let mut values = PieceValues::read(words, &STEP)?;
            let (from, to) = (values.take("from"), values.take("to"));
            let (by, every) = (values.take("by"), values.duration);
            match (from, to, by, every) {
                (Some(from), Some(to), Some(by), Some(every)) => {
                    Ok((SchedulePiece::Step { from, to, by, every }, values.places))
                }
                _ => Err(values.lacks_one(start, &STEP, A::STEP)),
            }
        }
        "line" => {
            let mut values = PieceValues::read(words, &LINE)?;
            match (values.take("from"), values.take("to"), values.duration) {
                (Some(from), Some(to), Some(length)) => {
                    Ok((SchedulePiece::Line { from, to, length }, values.places))
                }
                _ => Err(values.lacks_one(start, &LINE, A::LINE)),
            }
        }
        _ => {
            let (constant, step, line) = (A::CONSTANT, A::STEP, A::LINE);
            Err(ParseError::expected(
                start,
                format!("a piece such as {constant}, {step} or {line}"),
            ))
        }
    }
}

fn constant<A: Amount>(words: &mut Words<'_>) -> Result<ParsedPiece<A>, ParseError> {
    words.mark('(', "the opening `(` of constant(")?;
    let amount = amount(words)?;
    let mut places = Vec::new();
    let mut length = None;
    if words.takes(',') {
        if !words.takes_name("for") {
            return Err(words.expected("for= and a duration, such as for=60s"));
        }
        words.mark('=', "`=` and a duration")?;
        places.push(("for", words.place()));
        length = Some(words.duration()?);
        words.mark(')', "the closing `)` of constant(")?;
    } else {
        words.mark(')', "`,` and for=, or the closing `)` of constant(")?;
    }
    Ok((SchedulePiece::Constant { amount, length }, places))
}

fn amount<A: Amount>(words: &mut Words<'_>) -> Result<A, ParseError> {
    let place = words.place();
    let written = words.amount(A::EXPECTED)?;
    A::read(written).map_err(|why| ParseError::wrong(place, why))
}

impl<A: Amount> PieceValues<A> {
    /// Reads the parameters of a piece, from its opening parenthesis to its closing one.
    fn read(words: &mut Words<'_>, syntax: &PieceSyntax) -> Result<Self, ParseError> {
        let PieceSyntax { name, amounts, duration } = syntax;
        let mut values = Self { amounts: Vec::new(), duration: None, places: Vec::new() };
        words.mark('(', format_args!("the opening `(` of {name}("))?;
        loop {
            let key_at = words.place();
            let key = words.name();
            let known = amounts.iter().chain([duration]).find(|known| **known == key);
            let is_given = values.places.iter().any(|(given, _)| *given == key);
            let Some(known) = known.filter(|_| !is_given) else {
                let keys = amounts.join("=, ");
                let expected = format!("one of {keys}= and {duration}=, each once");
                return Err(ParseError::expected(key_at, expected));
            };
            words.mark('=', format_args!("`=` after {known}"))?;
            values.places.push((known, words.place()));
            if known == duration {
                values.duration = Some(words.duration()?);
            } else {
                values.amounts.push((known, amount(words)?));
            }
            if !words.takes(',') {
                let expected = format!("`,` and a further key, or the closing `)` of {name}(");
                words.mark(')', expected)?;
                return Ok(values);
            }
        }
    }

    fn take(&mut self, key: &str) -> Option<A> {
        let found = self.amounts.iter().position(|(given, _)| *given == key)?;
        Some(self.amounts.swap_remove(found).1)
    }

    fn lacks_one(&self, start: usize, syntax: &PieceSyntax, example: &str) -> ParseError {
        let mut keys = syntax.amounts.iter().chain([&syntax.duration]);
        let is_given = |key: &str| self.places.iter().any(|(given, _)| *given == key);
        let missing = keys.find(|key| !is_given(key)).unwrap_or(&syntax.duration);
        ParseError::wrong(start, format!("it has no {missing}=: write, for example, {example}"))
    }
}
