//! Unsigned decimal numbers, kept as integers so that nothing is rounded.

/// Why a text is not a decimal number with the precision that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseDecimalError {
    /// It is not digits, optionally with a point and further digits.
    NotDigits,
    /// It has more decimals than are kept.
    TooFine,
}

/// The number times ten to the power of `decimals`, exactly: `1.5` with three decimals is 1500. Zeros at the
/// end of its decimals do not count. A number that does not fit in 128 bits is [`u128::MAX`].
///
/// # Errors
/// When `number` is not digits, optionally with a point and further digits, or has more than the given number
/// of decimals.
pub fn scaled(number: &str, decimals: usize) -> Result<u128, ParseDecimalError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(ParseDecimalError::NotDigits);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > decimals {
        return Err(ParseDecimalError::TooFine);
    }
    let zeros = std::iter::repeat_n(b'0', decimals - fraction.len());
    let digits = whole.bytes().chain(fraction.bytes()).chain(zeros);
    Ok(digits.fold(0_u128, |number, digit| {
        number.saturating_mul(10).saturating_add(u128::from(digit - b'0'))
    }))
}

/// `scaled` divided by ten to the power of `decimals`, as short as possible: `1.5`.
pub fn text(scaled: u128, decimals: usize) -> String {
    let digits = format!("{scaled:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A printed number is read back as the same number.
        #[test]
        fn print_then_read_is_the_same(number in any::<u64>(), decimals in 0_usize..12) {
            prop_assert_eq!(scaled(&text(number.into(), decimals), decimals), Ok(number.into()));
        }

        /// Any text at all is either read or refused; nothing panics.
        #[test]
        fn any_text_is_read_or_refused(text in "([0-9.]|\\PC){0,60}", decimals in 0_usize..12) {
            let _ = scaled(&text, decimals);
        }
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        for (number, decimals, expected) in [
            ("0", 3, Ok(0)),
            ("1.5", 3, Ok(1_500)),
            ("007.250000", 2, Ok(725)),
            ("12", 0, Ok(12)),
            ("12.0", 0, Ok(12)),
            ("1.25", 1, Err(ParseDecimalError::TooFine)),
            ("1.", 3, Err(ParseDecimalError::NotDigits)),
            (".5", 3, Err(ParseDecimalError::NotDigits)),
            ("", 3, Err(ParseDecimalError::NotDigits)),
            ("-1", 3, Err(ParseDecimalError::NotDigits)),
            ("1e3", 3, Err(ParseDecimalError::NotDigits)),
            ("1.2.3", 3, Err(ParseDecimalError::NotDigits)),
        ] {
            assert_eq!(scaled(number, decimals), expected, "{number}");
        }
        assert_eq!(scaled(&"9".repeat(60), 9), Ok(u128::MAX));
        assert_eq!(text(1_500, 3), "1.5");
        assert_eq!(text(5, 3), "0.005");
        assert_eq!(text(20, 0), "20");
    }
}
