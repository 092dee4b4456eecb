//! The shape of a delay as it is written, before it is checked.

use std::time::Duration;

use longsync_text::Percent;

use super::duration::read_delay;
use crate::written::{DelaySyntax, WrittenDelay, WrittenShare};
use longsync_text::parse_error::ParseError;
use longsync_text::words::Words;

/// The most parts or points that a list may have.
const MOST_PARTS: usize = 64;
/// How deep `mix` and `attempts` may be nested: the parser calls itself for each level, and a text must not
/// make it overflow the stack.
const MOST_DEPTH: usize = 4;

const SHAPES: [&str; 10] = [
    "constant",
    "uniform",
    "normal",
    "exponential",
    "pareto",
    "lognormal",
    "percentiles",
    "mix",
    "attempts",
    "replay",
];

pub(super) const A_DELAY: &str = "a delay: a duration such as 250ms, or constant, uniform, normal, exponential, \
     pareto, lognormal, percentiles, mix, attempts or replay with its parameters";

/// Whether a delay can begin with this name.
pub(super) fn is_name(name: &str) -> bool {
    SHAPES.contains(&name)
}

/// Reads the delay that is next. `most` is the longest that the server allows.
pub(super) fn read(
    words: &mut Words<'_>,
    depth: usize,
    most: Duration,
) -> Result<WrittenDelay, ParseError> {
    let at = words.place();
    let name = words.clone().name();
    let mut written = match name {
        "" if words.rest().starts_with(|c: char| c.is_ascii_digit()) => {
            let form = DelaySyntax::Constant(read_delay(words, most)?);
            WrittenDelay { at, form, places: Vec::new(), max: None }
        }
        "mix" | "attempts" if depth == MOST_DEPTH => {
            let why = format!("mix and attempts may be nested at most {MOST_DEPTH} deep");
            return Err(ParseError::wrong(at, why));
        }
        name if SHAPES.contains(&name) => {
            words.name();
            words.mark('(', format_args!("the opening `(` of {name}("))?;
            let mut places = Vec::new();
            let form = form(name, words, depth, most, &mut places)?;
            words.mark(')', format_args!("the closing `)` of {name}("))?;
            WrittenDelay { at, form, places, max: None }
        }
        name => {
            let lower = name.to_ascii_lowercase();
            let is_shape = SHAPES.contains(&&*lower);
            let expected =
                if is_shape { format!("`{lower}` in lower case") } else { A_DELAY.to_owned() };
            return Err(ParseError::expected(at, expected));
        }
    };
    written.max = max(words, &written.form, most)?;
    Ok(written)
}

/// The `max` of a shape, if it has one, and the byte at which its duration begins.
fn max(
    words: &mut Words<'_>,
    of: &DelaySyntax,
    most: Duration,
) -> Result<Option<(usize, Duration)>, ParseError> {
    let at = words.place();
    if !words.takes_name("max") {
        return Ok(None);
    }
    if let DelaySyntax::Constant(_) | DelaySyntax::Uniform(..) | DelaySyntax::Replay(_) = of {
        let why =
            "this delay takes no max, because it already has a longest value: leave the max out";
        return Err(ParseError::wrong(at, why));
    }
    Ok(Some((words.place(), read_delay(words, most)?)))
}

/// The parameters of a shape, between its parentheses. The byte at which each begins is added to `places`.
fn form(
    name: &str,
    words: &mut Words<'_>,
    depth: usize,
    most: Duration,
    places: &mut Vec<usize>,
) -> Result<DelaySyntax, ParseError> {
    let mut duration = |words: &mut Words<'_>| {
        places.push(words.place());
        read_delay(words, most)
    };
    Ok(match name {
        "constant" => DelaySyntax::Constant(duration(words)?),
        "exponential" => DelaySyntax::Exponential(duration(words)?),
        "uniform" => {
            let low = duration(words)?;
            words.mark(',', "`,` and the upper end")?;
            DelaySyntax::Uniform(low, duration(words)?)
        }
        "normal" => {
            let mean = duration(words)?;
            words.mark(',', "`,` and the standard deviation")?;
            DelaySyntax::Normal(mean, duration(words)?)
        }
        "pareto" => {
            let scale = duration(words)?;
            words.mark(',', "`,` and the shape, a number such as 1.5")?;
            places.push(words.place());
            DelaySyntax::Pareto(scale, words.number()?)
        }
        "lognormal" => lognormal(words, most, places)?,
        "percentiles" => DelaySyntax::Percentiles(list(words, places, |words| {
            let percentile = words.percentile()?;
            words.mark('=', "`=` and the delay at this percentile")?;
            Ok((percentile, read_delay(words, most)?))
        })?),
        "replay" => {
            places.push(words.place());
            DelaySyntax::Replay(words.string()?)
        }
        "mix" => DelaySyntax::Mix(list(words, places, |words| {
            let share = if words.takes_name("rest") {
                WrittenShare::Rest
            } else {
                WrittenShare::Of(words.percent()?)
            };
            words.mark(':', "`:` and the delay of this share")?;
            Ok((share, read(words, depth + 1, most)?))
        })?),
        _ => DelaySyntax::Attempts(list(words, places, |words| read(words, depth + 1, most))?),
    })
}

/// Two percentiles, or the median and sigma.
fn lognormal(
    words: &mut Words<'_>,
    most: Duration,
    places: &mut Vec<usize>,
) -> Result<DelaySyntax, ParseError> {
    let point = |words: &mut Words<'_>| {
        if !words.rest().starts_with('p') {
            return Err(words.expected("a percentile with its p, such as p50="));
        }
        let percentile = words.percentile()?;
        words.mark('=', "`=` and the delay at this percentile")?;
        Ok((percentile, read_delay(words, most)?))
    };
    places.push(words.place());
    let first = point(words)?;
    words.mark(',', "`,` and a second percentile, such as p99=200ms, or sigma=")?;
    let second_at = words.place();
    places.push(second_at);
    if !words.takes_name("sigma") {
        return Ok(DelaySyntax::Lognormal([first, point(words)?]));
    }
    words.mark('=', "`=` and a number such as 0.5")?;
    let sigma = words.number()?;
    if first.0.millionths() * 2 != Percent::ALL.millionths() {
        return Err(ParseError::wrong(places[0], "sigma goes with the median: write p50="));
    }
    Ok(DelaySyntax::LognormalOfSigma(first.1, sigma))
}

/// Things separated by commas, at least one.
fn list<T>(
    words: &mut Words<'_>,
    places: &mut Vec<usize>,
    mut read: impl FnMut(&mut Words<'_>) -> Result<T, ParseError>,
) -> Result<Vec<T>, ParseError> {
    let mut list = Vec::new();
    loop {
        if list.len() == MOST_PARTS {
            return Err(words.expected(format_args!(
                "the end of the list: it may have at most {MOST_PARTS} entries"
            )));
        }
        places.push(words.place());
        list.push(read(words)?);
        if !words.takes(',') {
            return Ok(list);
        }
    }
}
