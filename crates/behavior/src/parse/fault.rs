//! `fail(...)`, `reset(...)` and the other faults.

use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::parse_error::ParseError;
use longsync_text::words::Words;
use longsync_text::{ByteRate, GrpcCode, quoted};

use super::duration;
use crate::fault::{Failure, FailureStatus, Fault, FaultClause, FaultMoment, Pushback, ResetCode};
use crate::rules::Rules;
use crate::written::WrittenShare;

/// The names of the faults.
pub(super) const NAMES: [&str; 8] =
    ["fail", "reset", "hang", "goaway", "drop", "slow", "late_trailers", "fail_first"];

/// The longest message of an error, in bytes.
const MOST_MESSAGE_BYTES: usize = 1_024;

const A_STATUS: &str =
    "a gRPC code such as UNAVAILABLE or 14, or an HTTP status from 400 to 599, such as 503";
const A_RESET_CODE: &str = "an error code of HTTP/2 such as CANCEL or ENHANCE_YOUR_CALM, or its \
                            number from 0 to 13";

/// Reads the fault with this name, which is next.
pub(super) fn read(
    name: &str,
    words: &mut Words<'_>,
    rules: &Rules<'_>,
) -> Result<FaultClause, ParseError> {
    let at = words.place();
    if matches!(name, "goaway" | "drop") {
        rules.allows(at, name)?;
    }
    words.name();
    words.mark('(', format_args!("the opening `(` of {name}("))?;
    let share = if name == "fail_first" { None } else { Some(share(words)?) };
    let mut options = Options::default();
    let fault = match name {
        "fail_first" => {
            let attempts = attempts(words)?;
            words.mark(',', format_args!("`,` and {A_STATUS}"))?;
            let failure = failure(words)?;
            options.read_for(name, OPTIONS, words)?;
            Fault::FailFirst { attempts, failure: options.add_to(failure).into() }
        }
        "fail" => {
            words.mark(',', format_args!("`,` and {A_STATUS}"))?;
            let failure = failure(words)?;
            options.read_for(name, OPTIONS, words)?;
            Fault::Fail(options.add_to(failure).into())
        }
        "reset" => {
            let code = optional_code(words)?.unwrap_or(ResetCode::INTERNAL_ERROR);
            options.read_for(name, MOMENTS, words)?;
            Fault::Reset(code)
        }
        "hang" => {
            options.read_for(name, MOMENTS, words)?;
            Fault::Hang
        }
        "goaway" => {
            let code = optional_code(words)?;
            // Without a code the call is answered, so that there is nothing to choose.
            let known: &[&str] = if code.is_some() { MOMENTS } else { &[] };
            options.read_for(name, known, words)?;
            Fault::GoAway(code)
        }
        "drop" => {
            let mut ahead = words.clone();
            let is_reset = ahead.takes(',') && ahead.takes_name("rst");
            if is_reset {
                *words = ahead;
            }
            options.read_for(name, MOMENTS, words)?;
            Fault::Drop { is_reset }
        }
        "slow" => {
            words.mark(',', "`,` and a rate such as 64KiB/s")?;
            Fault::Slow(rate(words)?)
        }
        _ => {
            words.mark(',', "`,` and a duration such as 250ms")?;
            Fault::LateTrailers(late_by(words, rules)?)
        }
    };
    words.mark(')', format_args!("the closing `)` of {name}("))?;
    Ok(FaultClause::new(share, fault, options.moment.unwrap_or_default(), options.at.unwrap_or(0)))
}

fn share(words: &mut Words<'_>) -> Result<WrittenShare, ParseError> {
    if words.takes_name("rest") {
        return Ok(WrittenShare::Rest);
    }
    words.percent().map(WrittenShare::Of)
}

fn attempts(words: &mut Words<'_>) -> Result<u32, ParseError> {
    let at = words.place();
    match whole(words, "a number of attempts such as 2")? {
        0 => Err(ParseError::wrong(at, "it would never fail: write at least 1")),
        attempts => Ok(attempts),
    }
}

/// A whole number.
fn whole(words: &mut Words<'_>, expected: &str) -> Result<u32, ParseError> {
    let at = words.place();
    words.amount(expected)?.parse().map_err(|_| {
        ParseError::wrong(at, format!("this is not a whole number of at most {}", u32::MAX))
    })
}

/// The status and the message of an error.
fn failure(words: &mut Words<'_>) -> Result<Failure, ParseError> {
    let status = status(words)?;
    let mut ahead = words.clone();
    let has_message = ahead.takes(',') && ahead.rest().starts_with('"');
    let message = if has_message {
        *words = ahead;
        Some(message(words)?).filter(|message| &**message != Failure::DEFAULT_MESSAGE)
    } else {
        None
    };
    Ok(Failure { status, message, retry_info: None, pushback: None })
}

fn message(words: &mut Words<'_>) -> Result<Box<str>, ParseError> {
    let at = words.place();
    let message = words.string()?;
    if message.len() > MOST_MESSAGE_BYTES {
        let bytes = message.len();
        let why =
            format!("a message of {bytes} bytes is too long: write at most {MOST_MESSAGE_BYTES}");
        return Err(ParseError::wrong(at, why));
    }
    Ok(message.into_boxed_str())
}

fn status(words: &mut Words<'_>) -> Result<FailureStatus, ParseError> {
    let at = words.place();
    if !words.rest().starts_with(|c: char| c.is_ascii_digit()) {
        let code = GrpcCode::named(words.name());
        return match code {
            None => Err(ParseError::expected(at, A_STATUS)),
            Some(GrpcCode::OK) => Err(not_a_failure(at)),
            Some(code) => Ok(FailureStatus::Grpc(code)),
        };
    }
    let number = words.amount(A_STATUS)?.parse::<u16>();
    match number {
        Ok(0) => Err(not_a_failure(at)),
        Ok(status @ 400..=599) => Ok(FailureStatus::Http(status)),
        Ok(number) => {
            let code = u8::try_from(number).ok().and_then(GrpcCode::new);
            code.map(FailureStatus::Grpc).ok_or_else(|| ParseError::expected(at, A_STATUS))
        }
        Err(_) => Err(ParseError::expected(at, A_STATUS)),
    }
}

fn not_a_failure(at: usize) -> ParseError {
    ParseError::wrong(at, format!("OK is not a failure: write {A_STATUS}"))
}

/// The code of HTTP/2 after a comma, if one is next; anything else is an option.
fn optional_code(words: &mut Words<'_>) -> Result<Option<ResetCode>, ParseError> {
    let mut ahead = words.clone();
    if !ahead.takes(',') {
        return Ok(None);
    }
    let at = ahead.place();
    let code = if ahead.rest().starts_with(|c: char| c.is_ascii_digit()) {
        ahead.amount(A_RESET_CODE)?.parse().ok().and_then(ResetCode::new)
    } else {
        let name = ahead.name();
        if ahead.rest().starts_with('=') {
            return Ok(None);
        }
        ResetCode::named(name)
    };
    let code = code.ok_or_else(|| ParseError::expected(at, A_RESET_CODE))?;
    *words = ahead;
    Ok(Some(code))
}

fn late_by(words: &mut Words<'_>, rules: &Rules<'_>) -> Result<Duration, ParseError> {
    let at = words.place();
    let by = duration::read_delay(words, rules.limit())?;
    if by <= rules.limit() {
        return Ok(by);
    }
    let (by, limit) = (text(by), text(rules.limit()));
    let why = format!("{by} is over this server's limit for delays: write at most {limit}");
    Err(ParseError::wrong(at, why))
}

fn rate(words: &mut Words<'_>) -> Result<ByteRate, ParseError> {
    let at = words.place();
    let amount = words.amount("a rate such as 100B/s, 64KiB/s or 1.5MiB/s")?;
    amount
        .parse()
        .map_err(|why: longsync_text::ParseByteRateError| ParseError::wrong(at, why.to_string()))
}

/// The options of the errors.
const OPTIONS: &[&str] = &["when", "at", "retry_info", "pushback"];
/// The options of the other faults that take the place of an answer.
const MOMENTS: &[&str] = &["when", "at"];

#[derive(Default)]
struct Options {
    moment: Option<FaultMoment>,
    at: Option<u32>,
    retry_info: Option<Duration>,
    pushback: Option<Pushback>,
}

impl Options {
    /// Reads the options that follow, each after a comma. `known` are those of the fault with this name.
    fn read_for(
        &mut self,
        name: &str,
        known: &[&str],
        words: &mut Words<'_>,
    ) -> Result<(), ParseError> {
        while words.takes(',') {
            let at = words.place();
            let key = words.name();
            let is_new = match key {
                "when" => self.moment.is_none(),
                "at" => self.at.is_none(),
                "retry_info" => self.retry_info.is_none(),
                "pushback" => self.pushback.is_none(),
                _ => false,
            };
            if !known.contains(&key) || !is_new {
                return Err(ParseError::expected(at, a_key(name, known)));
            }
            words.mark('=', format_args!("`=` after {key}"))?;
            match key {
                "when" => self.moment = Some(moment(words)?),
                "at" => self.at = Some(whole(words, "the number of answers that go out before")?),
                "retry_info" => self.retry_info = Some(words.duration()?),
                _ => self.pushback = Some(pushback(words)?),
            }
        }
        Ok(())
    }

    fn add_to(&self, failure: Failure) -> Failure {
        Failure { retry_info: self.retry_info, pushback: self.pushback, ..failure }
    }
}

/// What was expected in place of an option.
fn a_key(name: &str, known: &[&str]) -> String {
    match known {
        [] if name == "goaway" => {
            "an error code of HTTP/2 before any option, because without one the call is answered"
                .to_owned()
        }
        [] => format!("the closing `)` of {name}("),
        [keys @ .., last] => {
            let keys = keys.join("=, ");
            let message =
                if known.contains(&"retry_info") { "a message in double quotes, " } else { "" };
            format!(
                "{message}one of {keys}= and {last}=, each at most once, or the closing `)` of {name}("
            )
        }
    }
}

fn moment(words: &mut Words<'_>) -> Result<FaultMoment, ParseError> {
    if words.takes_name("before") {
        return Ok(FaultMoment::Before);
    }
    if words.takes_name("after") {
        return Ok(FaultMoment::After);
    }
    Err(words.expected("`before` or `after`"))
}

/// The longest time after which clients can be told to try again, in milliseconds: they read an i32.
const MOST_PUSHBACK: u32 = i32::MAX.cast_unsigned();

/// Reads whether and when a client may try again.
pub(super) fn pushback(words: &mut Words<'_>) -> Result<Pushback, ParseError> {
    if words.takes_name("never") {
        return Ok(Pushback::Never);
    }
    let at = words.place();
    if !words.rest().starts_with(|c: char| c.is_ascii_digit()) {
        return Err(words.expected("a duration in whole milliseconds such as 250ms, or `never`"));
    }
    let too_long = |quoted: &str| {
        format!(
            "{quoted} is longer than clients can be told to wait: write at most {MOST_PUSHBACK}ms"
        )
    };
    let rest = words.rest();
    let after = duration::read(words, too_long)?;
    let why = match u32::try_from(after.as_millis()) {
        Ok(millis) if millis <= MOST_PUSHBACK => {
            if Duration::from_millis(millis.into()) == after {
                return Ok(Pushback::AfterMs(millis));
            }
            "clients are told in whole milliseconds: write a duration such as 250ms".to_owned()
        }
        _ => too_long(&quoted(duration::written(rest, words))),
    };
    Err(ParseError::wrong(at, why))
}
