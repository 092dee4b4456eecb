//! A number without a unit, in a column whose header names the unit.

use longsync_text::said::quoted;

/// The nanoseconds of `number` in units of the given number of nanoseconds, which is a power of ten, rounded
/// to the nearest. A result that does not fit in 64 bits is the largest that does.
pub(crate) fn nanos(number: &str, unit_ns: u64) -> Result<u64, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(format!("{} {}", quoted(number), what_is_wrong(number)));
    }
    let whole = whole.parse().unwrap_or(u64::MAX).saturating_mul(unit_ns);
    let (mut nanos, mut digit_ns) = (0, unit_ns);
    for digit in fraction.bytes().map(|byte| u64::from(byte - b'0')) {
        if digit_ns == 1 {
            // The first digit below a nanosecond.
            nanos += u64::from(digit >= 5);
            break;
        }
        digit_ns /= 10;
        nanos += digit * digit_ns;
    }
    Ok(whole.saturating_add(nanos))
}

fn what_is_wrong(number: &str) -> &'static str {
    let is_number = number.parse::<f64>().is_ok_and(f64::is_finite);
    if is_number && number.starts_with('-') {
        "is negative: a duration is at least zero"
    } else if is_number && number.contains(['e', 'E']) {
        "has an exponent: write it without, such as 0.000012"
    } else {
        "is not a number: the header names the unit, so write digits alone, such as 12.5"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_nanosecond_are_rounded() {
        for (number, unit_ns, expected) in [
            ("0.0123456789", 1_000_000_000, 12_345_679),
            ("0.01234567849999", 1_000_000_000, 12_345_678),
            ("1.5", 1, 2),
            ("1.49", 1, 1),
            ("0.9999", 1_000, 1_000),
            ("12", 1_000_000, 12_000_000),
            ("0", 1_000, 0),
            ("99999999999999999999999", 1_000, u64::MAX),
        ] {
            assert_eq!(nanos(number, unit_ns), Ok(expected), "{number}");
        }
    }

    #[test]
    fn numbers_that_are_not_plain_are_refused() {
        for (number, said) in [
            ("-1", "negative"),
            ("1e-5", "exponent"),
            ("12ms", "digits alone"),
            ("nan", "digits alone"),
            ("", "digits alone"),
            (".5", "digits alone"),
            ("1_000", "digits alone"),
        ] {
            assert!(nanos(number, 1_000).unwrap_err().contains(said), "{number}");
        }
    }
}
