//! `stall(...)`.

use std::time::Duration;

use crate::stall::{Origin, Stall};
use longsync_text::parse_error::ParseError;
use longsync_text::words::Words;

const A_KEY: &str = "one of at=, for=, every= and from=first_call, each at most once";

pub(super) fn read(words: &mut Words<'_>) -> Result<Stall, ParseError> {
    let start = words.place();
    words.name();
    words.mark('(', "the opening `(` of stall(")?;
    let (mut at, mut length, mut every, mut from) = (None, None, None, None);
    loop {
        let key_at = words.place();
        let key = words.name();
        let place = match key {
            "at" => &mut at,
            "for" => &mut length,
            "every" => &mut every,
            "from" if from.is_none() => {
                words.mark('=', "`=` and `first_call`")?;
                if !words.takes_name("first_call") {
                    return Err(words.expected("`first_call`"));
                }
                from = Some(Origin::FirstCall);
                if end(words)? {
                    break;
                }
                continue;
            }
            _ => return Err(ParseError::expected(key_at, A_KEY)),
        };
        if place.is_some() {
            return Err(ParseError::expected(key_at, A_KEY));
        }
        words.mark('=', "`=` and a duration")?;
        let value_at = words.place();
        *place = Some((value_at, words.duration()?));
        if end(words)? {
            break;
        }
    }
    let Some(length) = length else {
        return Err(ParseError::wrong(
            start,
            "it has no for=: write how long it lasts, such as for=1s",
        ));
    };
    stall(at.map(|(_, at)| at), length, every, from.unwrap_or_default())
}

fn end(words: &mut Words<'_>) -> Result<bool, ParseError> {
    if words.takes(',') {
        return Ok(false);
    }
    words.mark(')', "`,` and a further key, or the closing `)` of stall(").map(|()| true)
}

fn stall(
    at: Option<Duration>,
    (length_at, length): (usize, Duration),
    every: Option<(usize, Duration)>,
    origin: Origin,
) -> Result<Stall, ParseError> {
    let every_at = every.map_or(length_at, |(at, _)| at);
    Stall::new(at.unwrap_or_default(), length, every.map(|(_, every)| every), origin).map_err(
        |why| {
            let at = if why.parameter() == Some(Stall::EVERY) { every_at } else { length_at };
            ParseError::wrong(at, why.to_string())
        },
    )
}
