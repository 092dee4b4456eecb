//! The words of a small language, taken from a text one after another.

use std::fmt;
use std::time::Duration;

use crate::parse_error::ParseError;
use crate::{Percent, duration, string};

/// A text, and how much of it has been read. White space between words is skipped; a word that is not the
/// expected one is a [`ParseError`] at its byte.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    text: &'a str,
    at: usize,
}

const A_DURATION: &str = "a duration such as 250ms, 1.5s or 2m";
const A_NUMBER: &str = "a number such as 2 or 0.5";
const A_PERCENT: &str = "a percentage such as 5% or 0.1%";

impl<'a> Words<'a> {
    /// Starts at the beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The byte at which the next word begins.
    pub fn place(&mut self) -> usize {
        self.take(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
        self.at
    }

    /// The unread text, from the next word on.
    pub fn rest(&mut self) -> &'a str {
        &self.text[self.place()..]
    }

    /// Whether there are no more words.
    pub fn is_end(&mut self) -> bool {
        self.rest().is_empty()
    }

    /// Takes this mark, if it is next.
    pub fn takes(&mut self, mark: char) -> bool {
        let is_next = self.rest().starts_with(mark);
        if is_next {
            self.at += mark.len_utf8();
        }
        is_next
    }

    /// Takes this mark; `expected` is printed only if it is not next.
    pub fn mark(&mut self, mark: char, expected: impl fmt::Display) -> Result<(), ParseError> {
        if self.takes(mark) { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// Takes this name, if it is next.
    pub fn takes_name(&mut self, name: &str) -> bool {
        let mut ahead = self.clone();
        let is_next = ahead.name() == name;
        if is_next {
            *self = ahead;
        }
        is_next
    }

    /// Takes a name: letters, digits and `_`, beginning with a letter. Empty if none is next.
    pub fn name(&mut self) -> &'a str {
        if !self.rest().starts_with(|c: char| c.is_ascii_alphabetic()) {
            return "";
        }
        self.take(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    /// The next number: digits, optionally with a point and further digits. Its unit is not taken.
    fn number_text(&mut self, expected: &str) -> Result<&'a str, ParseError> {
        let start = self.place();
        let is_empty = self.take(|byte| byte.is_ascii_digit()).is_empty();
        let before_point = self.at;
        let has_point = !is_empty && self.takes_at_once('.');
        if has_point && self.take(|byte| byte.is_ascii_digit()).is_empty() {
            return Err(ParseError::expected(before_point + 1, "a digit after the point"));
        }
        if is_empty {
            Err(ParseError::expected(start, expected))
        } else {
            Ok(&self.text[start..self.at])
        }
    }

    /// Takes a number.
    pub fn number(&mut self) -> Result<f64, ParseError> {
        let at = self.place();
        let number = self.number_text(A_NUMBER)?;
        if self.text[self.at..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            let expected = "nothing right after the number: it takes no unit and no exponent";
            return Err(self.expected(expected));
        }
        match number.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(ParseError::wrong(at, "this number is too large")),
        }
    }

    /// Takes the number of a percentile, such as `50` or `99.9`, with or without its `p`.
    pub fn percentile(&mut self) -> Result<Percent, ParseError> {
        const EXPECTED: &str = "a percentile such as 50 or p99.9";
        let at = self.place();
        if self.text[at..].starts_with('p') {
            self.at += 1;
            if !self.text[self.at..].starts_with(|c: char| c.is_ascii_digit()) {
                return Err(ParseError::expected(at, EXPECTED));
            }
        }
        let number = self.number_text(EXPECTED)?;
        if self.text[self.at..].starts_with('%') {
            return Err(self.expected("no % after a percentile, as in 99.9="));
        }
        Percent::from_number(number).map_err(|why| ParseError::wrong(at, why.to_string()))
    }

    /// Takes a percentage with its % sign.
    pub fn percent(&mut self) -> Result<Percent, ParseError> {
        let at = self.place();
        let number = self.number_text(A_PERCENT)?;
        if !self.takes_at_once('%') {
            return Err(ParseError::expected(
                self.at,
                "a % right after the number, such as 20% for a fifth",
            ));
        }
        Percent::from_number(number).map_err(|why| ParseError::wrong(at, why.to_string()))
    }

    /// Takes a duration: all successive numbers that have a unit.
    pub fn duration(&mut self) -> Result<Duration, ParseError> {
        const A_UNIT: &str = "a unit right after the number, as in 250ms, 1.5s or 2m";
        let start = self.place();
        let mut end = start;
        while self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            self.take(|byte| byte.is_ascii_digit() || byte == b'.');
            let is_zero = &self.text[start..self.at] == "0";
            let after = &self.text[self.at..];
            let unit = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
            if unit == 0 && !is_zero {
                return Err(ParseError::expected(self.at, A_UNIT));
            }
            self.at += unit;
            end = self.at;
        }
        self.at = end;
        if start == end {
            return Err(ParseError::expected(start, A_DURATION));
        }
        duration::parse(&self.text[start..end])
            .map_err(|why| ParseError::wrong(start, why.to_string()))
    }

    /// Takes an amount as it is written: digits, and any letters, points and slashes right after them, such
    /// as `1.5k/s`.
    ///
    /// # Errors
    /// When no digit is next; the error names what was `expected`.
    pub fn amount(&mut self, expected: impl fmt::Display) -> Result<&'a str, ParseError> {
        if !self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.expected(expected));
        }
        Ok(self.take(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')))
    }

    /// Takes a string in double quotes.
    pub fn string(&mut self) -> Result<String, ParseError> {
        let start = self.place();
        let (string, bytes) = string::read(&self.text[start..])
            .map_err(|wrong| ParseError::expected(start + wrong.at, wrong.expected))?;
        self.at = start + bytes;
        Ok(string)
    }

    /// The error that this was expected as the next word.
    pub fn expected(&mut self, what: impl fmt::Display) -> ParseError {
        ParseError::expected(self.place(), what.to_string())
    }

    /// Takes this mark if no white space precedes it.
    fn takes_at_once(&mut self, mark: char) -> bool {
        let is_next = self.text[self.at..].starts_with(mark);
        if is_next {
            self.at += mark.len_utf8();
        }
        is_next
    }

    /// Takes bytes while they are wanted. Of a character of several bytes, either all or none must be wanted.
    fn take(&mut self, is_wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let bytes = rest.bytes().position(|byte| !is_wanted(byte)).unwrap_or(rest.len());
        self.at += bytes;
        &rest[..bytes]
    }
}
