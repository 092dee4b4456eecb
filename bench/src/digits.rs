//! Figures as they are shown. Rounds on one machine differ by more than a percent, so only two digits are
//! significant; the figures of every round are in the JSON file next to the page.

/// The value with two significant digits and without an exponent: `1200` for 1234.5, `0.0049` for 0.00487,
/// `0` for zero.
pub(crate) fn two_digits(value: f64) -> String {
    // Rounding may add a digit before the point, as in 9.96, so the exponent is that of the rounded value.
    let rounded = format!("{value:.1e}");
    let Some((_, exponent)) = rounded.split_once('e') else { return rounded };
    match (rounded.parse::<f64>(), exponent.parse::<i32>()) {
        (Ok(0.0), _) => "0".to_owned(),
        (Ok(rounded), Ok(exponent)) => {
            let decimals = usize::try_from(1 - exponent).unwrap_or_default();
            format!("{rounded:.decimals$}")
        }
        _ => rounded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_two_digits_whatever_its_size() {
        for (value, shown) in [
            (0.0, "0"),
            (0.004_87, "0.0049"),
            (0.095_1, "0.095"),
            (0.995, "0.99"),
            (0.996, "1.0"),
            (1.0, "1.0"),
            (1.25, "1.2"),
            (9.94, "9.9"),
            (9.96, "10"),
            (47.8, "48"),
            (99.6, "100"),
            (245.3, "250"),
            (1_234.5, "1200"),
            (19_559.0, "20000"),
            (-0.42, "-0.42"),
            (-161.0, "-160"),
        ] {
            assert_eq!(two_digits(value), shown, "{value}");
        }
    }

    /// The shown figure is within half a unit of the second digit, and showing it again does not change it.
    #[test]
    fn a_figure_is_rounded_once() {
        for step in 0..4_000_i32 {
            let value = 1.011_f64.powi(step - 2_000);
            let shown = two_digits(value);
            let read: f64 = shown.parse().unwrap();
            assert!((read - value).abs() <= value * 0.0501, "{value} is shown as {shown}");
            assert_eq!(two_digits(read), shown, "{value}");
        }
    }

    #[test]
    fn a_value_that_is_not_a_number_is_shown_unchanged() {
        assert_eq!(two_digits(f64::NAN), "NaN");
        assert_eq!(two_digits(f64::INFINITY), "inf");
    }
}
