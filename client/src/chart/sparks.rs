//! Sparklines: many values in one line of characters. Pure.

use crate::chart::cells::EIGHTHS;

/// A value in a sparkline. The list of kinds is complete, so the enum is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spark {
    /// There is no value.
    Gap,
    At(f64),
    /// A value above all others, without a height.
    Beyond,
}

/// Each value as one character, the highest for the greatest value and the lowest for zero. [`Spark::Beyond`]
/// has its own mark.
pub(crate) fn sparks(values: &[Spark]) -> String {
    let most = values.iter().fold(0.0_f64, |most, value| match value {
        Spark::At(value) if value.is_finite() => most.max(*value),
        _ => most,
    });
    values.iter().map(|value| glyph(*value, most)).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the number is small and not negative"
)]
fn glyph(value: Spark, most: f64) -> char {
    let tallest = EIGHTHS.len() - 1;
    match value {
        Spark::Gap => ' ',
        Spark::Beyond => '╳',
        Spark::At(value) if most > 0.0 && value > 0.0 => {
            let eighths = (value / most * tallest as f64).ceil() as usize;
            EIGHTHS[eighths.clamp(1, tallest)]
        }
        Spark::At(_) => EIGHTHS[1],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_greatest_value_is_the_tallest_and_beyond_has_its_own_mark() {
        let values = [0.0, 1.0, 4.0, 8.0].map(Spark::At);
        assert_eq!(sparks(&values), "▁▁▄█");
        assert_eq!(sparks(&[Spark::At(2.0), Spark::Gap, Spark::Beyond]), "█ ╳");
        assert_eq!(sparks(&[Spark::At(0.0)]), "▁");
    }

    proptest! {
        /// There is one character per value, and a greater value is never lower.
        #[test]
        fn a_greater_value_is_never_lower(values in proptest::collection::vec(-1.0..1e18, 1..20)) {
            let mut values: Vec<f64> = values;
            values.sort_by(f64::total_cmp);
            let drawn = sparks(&values.iter().copied().map(Spark::At).collect::<Vec<_>>());
            prop_assert_eq!(drawn.chars().count(), values.len());
            prop_assert!(drawn.chars().is_sorted());
        }
    }
}
