//! Counts as people write and read them.

use std::fmt;

use crate::decimal;
use crate::quote::quoted;
use crate::rate::multiple;

/// What is wrong with a count, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseCountError(String);

impl fmt::Display for ParseCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseCountError {}

/// The highest count that is accepted: a higher one is taken for a typing error.
pub const HIGHEST: u64 = 1_000_000_000_000_000;

/// Reads a count: digits, optionally followed by `k` (thousand) or `M` (million), such as `10000`, `10k` or
/// `1.5M`.
///
/// # Errors
/// When `text` is not a number, is not whole, or is over [`HIGHEST`].
pub fn parse(text: &str) -> Result<u64, ParseCountError> {
    let (number, power) = multiple(text.trim());
    let Ok(count) = decimal::scaled(number, power) else {
        let why = "write a whole number such as 10000, 10k or 1M";
        return Err(ParseCountError(format!("{} is not a count: {why}", quoted(text))));
    };
    match u64::try_from(count) {
        Ok(count) if count <= HIGHEST => Ok(count),
        _ => Err(ParseCountError(format!(
            "{} is too high a count: write at most {HIGHEST}",
            quoted(text)
        ))),
    }
}

/// A count with its thousands separated: `10,000`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count and its noun, which is plural unless the count is one: `1 call`, `2 calls`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_if_they_are_whole() {
        for (text, count) in [
            ("0", 0),
            (" 10000 ", 10_000),
            ("10k", 10_000),
            ("1M", 1_000_000),
            ("1.5k", 1_500),
            ("3.0", 3),
            ("1000000000M", HIGHEST),
        ] {
            assert_eq!(parse(text), Ok(count), "{text}");
        }
        for text in
            ["", "k", "1.5", "1.0005k", "-1", "+1", "1e3", "1,000", "10K", "10 k", "1G", "ten"]
        {
            let why =
                format!("`{text}` is not a count: write a whole number such as 10000, 10k or 1M");
            assert_eq!(parse(text), Err(ParseCountError(why)));
        }
        for text in ["1000000001M", &"9".repeat(60)] {
            assert!(parse(text).unwrap_err().to_string().ends_with("at most 1000000000000000"));
        }
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        for (count, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), shown);
        }
    }
}
